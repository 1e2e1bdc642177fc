// SPDX-License-Identifier: BSD-3-Clause

#include "backend_sim/mapping_pool.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>

#include "backend_sim/poison.h"

namespace backend_sim {
namespace {

inline constexpr size_t kPage = 4096;
inline constexpr int kTouchable = PROT_READ | PROT_WRITE;

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
  const virtio_user::MutexLock lock(mutex_);
  if (arena_ == nullptr) return;
  Permit({arena_, forbidden_to_});  // Whoever gets these addresses next.
  ::munmap(arena_, kArenaBytes);
}

std::byte* MappingPool::Take(size_t bytes) {
  std::byte* memory = nullptr;
  {
    const virtio_user::MutexLock lock(mutex_);
    const auto found =
        std::ranges::find(kept_, bytes, &std::span<std::byte>::size);
    if (found != kept_.end()) {
      memory = found->data();
      kept_.erase(found);
    } else {
      memory = Next(bytes);
    }
    if (memory != nullptr) ++out_;
  }
  if (memory == nullptr) return MapGuarded(bytes);
  // Pages of what is long are rather given back than cleared.
  constexpr size_t kLong = size_t{1} << 20;
  if (bytes > kLong) {
    ::madvise(memory, WholePages(bytes), MADV_DONTNEED);
  } else {
    std::memset(memory, 0, bytes);
  }
  return memory;
}

void MappingPool::Give(std::span<std::byte> memory) {
  {
    const virtio_user::MutexLock lock(mutex_);
    if (IsInArena(memory.data())) {
      kept_.push_back(memory);
      if (--out_ != 0) return;
      kept_.clear();
      next_ = 0;
      return;
    }
  }
  UnmapGuarded(memory);
}

bool MappingPool::IsInArena(const std::byte* memory) const {
  return arena_ != nullptr && memory >= arena_ && memory < arena_ + kArenaBytes;
}

// Null: there is no more room.
std::byte* MappingPool::Next(size_t bytes) {
  if (arena_ == nullptr) {
    void* const base =
        ::mmap(nullptr, kArenaBytes, kCanForbid ? kTouchable : PROT_NONE,
               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED) return nullptr;
    arena_ = static_cast<std::byte*>(base);
  }
  const size_t end = next_ == 0 ? 0
                                : places_[next_ - 1].offset +
                                      WholePages(places_[next_ - 1].bytes);
  const Place place{.offset = end + kPage, .bytes = bytes};
  if (bytes > kArenaBytes - 2 * kPage ||
      place.offset > kArenaBytes - kPage - WholePages(bytes)) {
    return nullptr;
  }
  const bool there = next_ < places_.size() && places_[next_].bytes == bytes;
  if (!there && !Carve(place)) return nullptr;
  ++next_;
  return arena_ + place.offset;
}

// What lay from there on is no mapping any more. False: the kernel refuses,
// which is not asked where AddressSanitizer does the same.
bool MappingPool::Carve(Place place) {
  const size_t whole = WholePages(place.bytes);
  const std::span<std::byte> rest(arena_ + place.offset - kPage,
                                  kArenaBytes - (place.offset - kPage));
  size_t before = 0;
  if (next_ < places_.size()) {
    const Place last = places_.back();
    before = last.offset + WholePages(last.bytes) - place.offset;
    places_.resize(next_);
  }
  if constexpr (kCanForbid) {
    const size_t length = 2 * kPage + std::max(whole, before);
    Forbid(rest.first(length));
    Permit(rest.subspan(kPage, place.bytes));
    forbidden_to_ = std::max(forbidden_to_, place.offset - kPage + length);
  } else {
    std::byte* const at = arena_ + place.offset;
    if (before > 0 && ::mprotect(at, before, PROT_NONE) != 0) return false;
    if (whole > 0 && ::mprotect(at, whole, kTouchable) != 0) return false;
  }
  places_.push_back(place);
  return true;
}

size_t MappingPool::kept_count() const {
  const virtio_user::MutexLock lock(mutex_);
  return kept_.size();
}

}  // namespace backend_sim
