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
// is zeroed again, like a new one. A world that is alone has each of its
// mappings in the same place relative to the others, whatever was there before
// it: what compares addresses does the same each time. Thread-safe.
class MappingPool {
 public:
  MappingPool() = default;
  ~MappingPool();
  MappingPool(const MappingPool&) = delete;
  MappingPool& operator=(const MappingPool&) = delete;

  // As MapGuarded.
  std::byte* Take(size_t bytes);
  void Give(std::span<std::byte> memory);

  // Given back, while others are still out.
  size_t kept_count() const;

 private:
  // Address space, of which pages are taken as they are touched. What finds no
  // room there is mapped by itself.
  static constexpr size_t kArenaBytes = size_t{1} << 30;

  struct Place {
    size_t offset = 0;
    size_t bytes = 0;
  };

  bool IsInArena(const std::byte* memory) const VU_REQUIRES(mutex_);
  std::byte* Next(size_t bytes) VU_REQUIRES(mutex_);
  bool Carve(Place place) VU_REQUIRES(mutex_);

  mutable virtio_user::Mutex mutex_;
  std::byte* arena_ VU_GUARDED_BY(mutex_) = nullptr;
  // What can be touched, by offset; the first `next_` of them are, or were, of
  // this world.
  std::vector<Place> places_ VU_GUARDED_BY(mutex_);
  size_t next_ VU_GUARDED_BY(mutex_) = 0;
  size_t out_ VU_GUARDED_BY(mutex_) = 0;
  size_t forbidden_to_ VU_GUARDED_BY(mutex_) = 0;  // By AddressSanitizer.
  std::vector<std::span<std::byte>> kept_ VU_GUARDED_BY(mutex_);
};

}  // namespace backend_sim

#endif  // BACKEND_SIM_MAPPING_POOL_H_
