// SPDX-License-Identifier: BSD-3-Clause
//
// What libFuzzer's hooks do to inputs that are lists of records.

#ifndef FUZZ_RECORD_LIST_H_
#define FUZZ_RECORD_LIST_H_

#include <algorithm>
#include <cstddef>
#include <random>
#include <utility>
#include <vector>

namespace fuzz {

// The engine gives each mutation a seed; equal seeds, equal mutations.
class Choices {
 public:
  explicit Choices(unsigned seed) : random_(seed) {}

  // 0 if there is nothing to choose from.
  size_t Below(size_t n) { return n == 0 ? 0 : random_() % n; }
  uint8_t Byte() { return static_cast<uint8_t>(random_()); }
  template <typename List>
  auto& OneOf(List& list) {
    return list[Below(std::size(list))];
  }

 private:
  std::minstd_rand random_;
};

// Inserts, removes, repeats, exchanges, replaces or changes one of them, which
// are at most `most` afterwards. `fresh` makes one, `change` changes one.
template <typename Record, typename Fresh, typename Change>
void MutateList(Choices& choices, std::vector<Record>& records, size_t most,
                const Fresh& fresh, const Change& change) {
  const size_t at = choices.Below(records.size());
  const auto place = records.begin() + static_cast<std::ptrdiff_t>(at);
  const bool room = records.size() < most;
  switch (records.empty() ? 0 : choices.Below(6)) {
    case 0:
      if (room) records.insert(place, fresh());
      return;
    case 1:
      records.erase(place);
      return;
    case 2:
      if (room) records.insert(place, Record(*place));
      return;
    case 3:
      std::swap(records[at], choices.OneOf(records));
      return;
    case 4:
      records[at] = fresh();
      return;
    default:
      change(records[at]);
  }
}

// The beginning of one list and the end of another.
template <typename Record>
std::vector<Record> Joined(Choices& choices, std::vector<Record> first,
                           const std::vector<Record>& second, size_t most) {
  first.resize(choices.Below(first.size() + 1));
  const size_t from = choices.Below(second.size() + 1);
  first.insert(first.end(), second.begin() + static_cast<std::ptrdiff_t>(from),
               second.end());
  first.resize(std::min(first.size(), most));
  return first;
}

}  // namespace fuzz

#endif  // FUZZ_RECORD_LIST_H_
