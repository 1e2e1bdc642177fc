// SPDX-License-Identifier: BSD-3-Clause
//
// libFuzzer's hooks for inputs of script_bytes.h: operations are inserted,
// removed, repeated, exchanged, moved and changed as wholes, and cross-over
// joins the beginning of one life to the end of another.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <random>
#include <span>
#include <vector>

#include "backend_sim/simulation/operation.h"
#include "fuzz/script_bytes.h"

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t most);

namespace {

using fuzz::kMostOperations;
using fuzz::kOperationBytes;
using fuzz::kScenarioBytes;

using Record = std::array<uint8_t, kOperationBytes>;

// An input in its parts; the scenario is filled up with zeros.
struct Parts {
  std::array<uint8_t, kScenarioBytes> scenario{};
  std::vector<Record> operations;

  Parts(const uint8_t* data, size_t size) {
    const size_t head = std::min(size, kScenarioBytes);
    std::copy_n(data, head, scenario.begin());
    for (size_t at = head; at + kOperationBytes <= size;
         at += kOperationBytes) {
      std::copy_n(data + at, kOperationBytes,
                  operations.emplace_back().begin());
    }
  }
  // The bytes that fit into `most`.
  size_t Write(uint8_t* data, size_t most) const {
    size_t size = std::min(most, kScenarioBytes);
    std::copy_n(scenario.begin(), size, data);
    for (const Record& record : operations) {
      if (most - size < kOperationBytes) break;
      std::ranges::copy(record, data + size);
      size += kOperationBytes;
    }
    return size;
  }
};

class Mutator {
 public:
  explicit Mutator(unsigned seed) : random_(seed) {}

  size_t Below(size_t n) { return n == 0 ? 0 : random_() % n; }

  Record Fresh() {
    Record record{};
    for (uint8_t& byte : record) byte = static_cast<uint8_t>(random_());
    record[0] = static_cast<uint8_t>(Below(backend_sim::kOpKinds));
    record[1] = 0;
    // Small arguments mean more than large ones.
    if (Below(2) == 0) record[3] = record[5] = record[6] = record[7] = 0;
    return record;
  }

  void Mutate(std::vector<Record>& operations) {
    const size_t at = Below(operations.size());
    const auto place = operations.begin() + static_cast<std::ptrdiff_t>(at);
    switch (operations.empty() ? 0 : Below(6)) {
      case 0:
        if (operations.size() < kMostOperations) {
          operations.insert(place, Fresh());
        }
        break;
      case 1:
        operations.erase(place);
        break;
      case 2: {
        const Record again = *place;
        if (operations.size() < kMostOperations) {
          operations.insert(place, again);
        }
        break;
      }
      case 3:
        std::swap(operations[at], operations[Below(operations.size())]);
        break;
      case 4:
        operations[at] = Fresh();
        break;
      default: {
        // A byte of an argument or of the salt; the kind stays.
        Record& record = operations[at];
        record[2 + Below(kOperationBytes - 2)] =
            static_cast<uint8_t>(random_());
        break;
      }
    }
  }

 private:
  std::minstd_rand random_;
};

}  // namespace

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size,
                                          size_t most, unsigned seed) {
  Mutator mutator(seed);
  Parts parts(data, size);
  if (mutator.Below(8) == 0) {
    LLVMFuzzerMutate(parts.scenario.data(), kScenarioBytes, kScenarioBytes);
  }
  const size_t times = 1 + mutator.Below(4);
  for (size_t i = 0; i < times; ++i) mutator.Mutate(parts.operations);
  return parts.Write(data, most);
}

extern "C" size_t LLVMFuzzerCustomCrossOver(const uint8_t* first,
                                            size_t first_size,
                                            const uint8_t* second,
                                            size_t second_size, uint8_t* out,
                                            size_t most, unsigned seed) {
  Mutator mutator(seed);
  Parts joined(first, first_size);
  const Parts other(second, second_size);
  joined.operations.resize(mutator.Below(joined.operations.size() + 1));
  const size_t from = mutator.Below(other.operations.size() + 1);
  joined.operations.insert(
      joined.operations.end(),
      other.operations.begin() + static_cast<std::ptrdiff_t>(from),
      other.operations.end());
  if (joined.operations.size() > kMostOperations) {
    joined.operations.resize(kMostOperations);
  }
  return joined.Write(out, most);
}
