// SPDX-License-Identifier: BSD-3-Clause

#ifndef VIRTIO_USER_OS_RANGE_ALLOCATOR_H_
#define VIRTIO_USER_OS_RANGE_ALLOCATOR_H_

#include <cstddef>
#include <map>
#include <optional>

namespace virtio_user {

// Hands out stretches of [0, size): first fit, neighbours joined again when
// they come back. Knows offsets only and touches no memory.
class RangeAllocator {
 public:
  explicit RangeAllocator(size_t size);

  // The offset of `bytes` free bytes, a multiple of `align`; none where no
  // hole is large enough. Requires: bytes > 0, align a power of two.
  std::optional<size_t> Allocate(size_t bytes, size_t align);
  // Gives back what Allocate gave. False: it gave no such stretch.
  bool Free(size_t offset, size_t bytes);

 private:
  void ReturnHole(size_t offset, size_t bytes);

  std::map<size_t, size_t> holes_;  // Offset to bytes; no two touch.
  std::map<size_t, size_t> taken_;  // Offset to bytes.
};

}  // namespace virtio_user

#endif  // VIRTIO_USER_OS_RANGE_ALLOCATOR_H_
