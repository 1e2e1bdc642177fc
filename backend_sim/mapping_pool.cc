// SPDX-License-Identifier: BSD-3-Clause

#include "backend_sim/mapping_pool.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>

namespace backend_sim {
namespace {

inline constexpr size_t kPage = 4096;

size_t WholePages(size_t bytes) { return (bytes + kPage - 1) & ~(kPage - 1); }

}  // namespace

std::byte* MapGuarded(size_t bytes) {
  const size_t whole = WholePages(bytes);
  void* const base = ::mmap(nullptr, whole + 2 * kPage, PROT_NONE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (base == MAP_FAILED) return nullptr;
  std::byte* const inner = static_cast<std::byte*>(base) + kPage;
  if (whole > 0 && ::mprotect(inner, whole, PROT_READ | PROT_WRITE) != 0) {
    ::munmap(base, whole + 2 * kPage);
    return nullptr;
  }
  return inner;
}

void UnmapGuarded(std::span<std::byte> memory) {
  ::munmap(memory.data() - kPage, WholePages(memory.size()) + 2 * kPage);
}

MappingPool::~MappingPool() {
  for (const std::span<std::byte> memory : kept_) UnmapGuarded(memory);
}

std::byte* MappingPool::Take(size_t bytes) {
  std::span<std::byte> memory;
  {
    const virtio_user::MutexLock lock(mutex_);
    const auto found =
        std::ranges::find(kept_, bytes, &std::span<std::byte>::size);
    if (found != kept_.end()) {
      memory = *found;
      kept_.erase(found);
    }
  }
  if (memory.empty()) return MapGuarded(bytes);
  std::memset(memory.data(), 0, memory.size());
  return memory.data();
}

void MappingPool::Give(std::span<std::byte> memory) {
  {
    const virtio_user::MutexLock lock(mutex_);
    if (kept_.size() < kMostKept && memory.size() <= kLongestKept) {
      kept_.push_back(memory);
      return;
    }
  }
  UnmapGuarded(memory);
}

size_t MappingPool::kept_count() const {
  const virtio_user::MutexLock lock(mutex_);
  return kept_.size();
}

}  // namespace backend_sim
