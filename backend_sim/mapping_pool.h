// SPDX-License-Identifier: BSD-3-Clause

#ifndef BACKEND_SIM_MAPPING_POOL_H_
#define BACKEND_SIM_MAPPING_POOL_H_

#include <cstddef>
#include <span>
#include <vector>

#include "virtio_user/base/mutex.h"

namespace backend_sim {

// `bytes` of zeroed memory, aligned to 4096, with a page on both sides that
// cannot be touched; null where the kernel has no such room.
std::byte* MapGuarded(size_t bytes);
void UnmapGuarded(std::span<std::byte> memory);

// Keeps mappings of files that are gone for files of the same size: who makes
// one world after the other saves the system calls and the page faults. Each
// is zeroed again, like a new one. Thread-safe.
class MappingPool {
 public:
  MappingPool() = default;
  ~MappingPool();
  MappingPool(const MappingPool&) = delete;
  MappingPool& operator=(const MappingPool&) = delete;

  // As MapGuarded.
  std::byte* Take(size_t bytes);
  void Give(std::span<std::byte> memory);

  size_t kept_count() const;

 private:
  // More are given back to the kernel, and so is what is longer.
  static constexpr size_t kMostKept = 64;
  static constexpr size_t kLongestKept = size_t{1} << 20;

  mutable virtio_user::Mutex mutex_;
  std::vector<std::span<std::byte>> kept_ VU_GUARDED_BY(mutex_);
};

}  // namespace backend_sim

#endif  // BACKEND_SIM_MAPPING_POOL_H_
