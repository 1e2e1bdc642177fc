// SPDX-License-Identifier: BSD-3-Clause

#ifndef TESTS_DOUBLEFETCH_REPEATED_LOADS_H_
#define TESTS_DOUBLEFETCH_REPEATED_LOADS_H_

#include <cstddef>
#include <map>
#include <vector>

#include "backend_sim/load_mutator.h"

namespace virtio_user {

// The bytes that were loaded more than once, and how often.
inline std::map<const std::byte*, size_t> RepeatedBytes(
    const std::vector<backend_sim::WatchedLoad>& loads) {
  std::map<const std::byte*, size_t> counts;
  for (const backend_sim::WatchedLoad& load : loads) {
    for (size_t i = 0; i < load.bytes; ++i) ++counts[load.at + i];
  }
  std::erase_if(counts, [](const auto& byte) { return byte.second == 1; });
  return counts;
}

}  // namespace virtio_user

#endif  // TESTS_DOUBLEFETCH_REPEATED_LOADS_H_
