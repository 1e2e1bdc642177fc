// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/os/range_allocator.h"

#include <iterator>

namespace virtio_user {

RangeAllocator::RangeAllocator(size_t size) {
  if (size > 0) holes_.emplace(0, size);
}

std::optional<size_t> RangeAllocator::Allocate(size_t bytes, size_t align) {
  for (auto hole = holes_.begin(); hole != holes_.end(); ++hole) {
    const auto [begin, size] = *hole;
    const size_t padding = (align - begin % align) % align;
    if (size < padding || size - padding < bytes) continue;
    const size_t offset = begin + padding;
    const size_t behind = size - padding - bytes;
    holes_.erase(hole);
    if (padding > 0) holes_.emplace(begin, padding);
    if (behind > 0) holes_.emplace(offset + bytes, behind);
    taken_.emplace(offset, bytes);
    return offset;
  }
  return std::nullopt;
}

bool RangeAllocator::Free(size_t offset, size_t bytes) {
  const auto found = taken_.find(offset);
  if (found == taken_.end() || found->second != bytes) return false;
  taken_.erase(found);
  ReturnHole(offset, bytes);
  return true;
}

void RangeAllocator::ReturnHole(size_t offset, size_t bytes) {
  auto next = holes_.lower_bound(offset);
  if (next != holes_.end() && next->first == offset + bytes) {
    bytes += next->second;
    next = holes_.erase(next);
  }
  if (next != holes_.begin()) {
    const auto before = std::prev(next);
    if (before->first + before->second == offset) {
      before->second += bytes;
      return;
    }
  }
  holes_.emplace(offset, bytes);
}

}  // namespace virtio_user
