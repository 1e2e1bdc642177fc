// SPDX-License-Identifier: BSD-3-Clause

#ifndef FUZZ_SNAPSHOT_H_
#define FUZZ_SNAPSHOT_H_

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <span>

#include "virtio_user/base/check.h"

namespace fuzz {

// A copy of some memory as it was, which takes no allocation. The memory
// outlives it.
template <size_t kMostBytes>
class Snapshot {
 public:
  explicit Snapshot(std::span<const std::byte> memory) : memory_(memory) {
    VU_CHECK(memory.size() <= kMostBytes);
    std::ranges::copy(memory, before_.begin());
  }
  // Bytes that are different now.
  size_t Differences() const {
    if (memory_.empty() ||
        std::memcmp(memory_.data(), before_.data(), memory_.size()) == 0) {
      return 0;
    }
    size_t count = 0;
    for (size_t i = 0; i < memory_.size(); ++i) {
      count += memory_[i] != before_[i];
    }
    return count;
  }

 private:
  const std::span<const std::byte> memory_;
  std::array<std::byte, kMostBytes> before_;
};

}  // namespace fuzz

#endif  // FUZZ_SNAPSHOT_H_
