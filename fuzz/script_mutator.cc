// SPDX-License-Identifier: BSD-3-Clause
//
// libFuzzer's hooks for inputs of script_bytes.h: operations are inserted,
// removed, repeated, exchanged, moved and changed as wholes, and cross-over
// joins the beginning of one life to the end of another.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "backend_sim/simulation/operation.h"
#include "fuzz/record_list.h"
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

// Small arguments mean more than large ones: which call fails, which queue.
void PutArgument(fuzz::Choices& choices, std::span<uint8_t> bytes) {
  const bool small = choices.Below(2) == 0;
  for (uint8_t& byte : bytes) byte = small ? 0 : choices.Byte();
  if (small) bytes.front() = static_cast<uint8_t>(choices.Below(8));
}

Record Fresh(fuzz::Choices& choices) {
  Record record{};
  record[0] = static_cast<uint8_t>(choices.Below(backend_sim::kOpKinds));
  PutArgument(choices, std::span(record).subspan(2, 2));
  PutArgument(choices, std::span(record).subspan(4, 4));
  for (uint8_t& byte : std::span(record).last(4)) byte = choices.Byte();
  return record;
}

// An argument or a byte of the salt; the kind stays.
void Change(fuzz::Choices& choices, Record& record) {
  switch (choices.Below(3)) {
    case 0:
      return PutArgument(choices, std::span(record).subspan(2, 2));
    case 1:
      return PutArgument(choices, std::span(record).subspan(4, 4));
    default:
      record[8 + choices.Below(4)] = choices.Byte();
  }
}

}  // namespace

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size,
                                          size_t most, unsigned seed) {
  fuzz::Choices choices(seed);
  Parts parts(data, size);
  if (choices.Below(8) == 0) {
    LLVMFuzzerMutate(parts.scenario.data(), kScenarioBytes, kScenarioBytes);
  }
  const size_t times = 1 + choices.Below(4);
  for (size_t i = 0; i < times; ++i) {
    fuzz::MutateList(
        choices, parts.operations, kMostOperations,
        [&] { return Fresh(choices); },
        [&](Record& record) { Change(choices, record); });
  }
  return parts.Write(data, most);
}

extern "C" size_t LLVMFuzzerCustomCrossOver(const uint8_t* first,
                                            size_t first_size,
                                            const uint8_t* second,
                                            size_t second_size, uint8_t* out,
                                            size_t most, unsigned seed) {
  fuzz::Choices choices(seed);
  Parts joined(first, first_size);
  joined.operations =
      fuzz::Joined(choices, std::move(joined.operations),
                   Parts(second, second_size).operations, kMostOperations);
  return joined.Write(out, most);
}
