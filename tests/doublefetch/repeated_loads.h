// SPDX-License-Identifier: BSD-3-Clause

#ifndef TESTS_DOUBLEFETCH_REPEATED_LOADS_H_
#define TESTS_DOUBLEFETCH_REPEATED_LOADS_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "backend_sim/load_mutator.h"

namespace virtio_user {

struct RepeatedLoad {
  std::byte* at = nullptr;  // Of the first of the loads.
  size_t count = 0;
};

// The loads that have a byte in common with an earlier one, by the first of
// each group.
inline std::vector<RepeatedLoad> RepeatedLoads(
    const std::vector<backend_sim::WatchedLoad>& loads) {
  std::vector<RepeatedLoad> repeated;
  for (size_t i = 0; i < loads.size(); ++i) {
    const auto overlaps = [&](const backend_sim::WatchedLoad& other) {
      return other.at < loads[i].at + loads[i].bytes &&
             loads[i].at < other.at + other.bytes;
    };
    const auto begin = loads.begin();
    const auto here = begin + static_cast<ptrdiff_t>(i);
    if (std::any_of(begin, here, overlaps)) continue;
    const auto count =
        static_cast<size_t>(std::count_if(here, loads.end(), overlaps));
    if (count > 1) repeated.push_back({loads[i].at, count});
  }
  return repeated;
}

}  // namespace virtio_user

#endif  // TESTS_DOUBLEFETCH_REPEATED_LOADS_H_
