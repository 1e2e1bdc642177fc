// SPDX-License-Identifier: BSD-3-Clause

#ifndef VIRTIO_USER_BASE_DEVICE_ADDR_H_
#define VIRTIO_USER_BASE_DEVICE_ADDR_H_

#include <compare>
#include <cstdint>

namespace virtio_user {

// An address as the back-end sees it: what stands in descriptors and in ring
// addresses. Made from a pointer by MemoryTable::ToDevice alone, and turned
// back by MemoryTable::ToHost; it is never a cast pointer.
struct DeviceAddr {
  uint64_t value = 0;

  friend auto operator<=>(const DeviceAddr&, const DeviceAddr&) = default;
};

// A stretch of memory as a descriptor names it.
struct DeviceBuffer {
  DeviceAddr addr;
  uint32_t bytes = 0;

  friend bool operator==(const DeviceBuffer&, const DeviceBuffer&) = default;
};

}  // namespace virtio_user

#endif  // VIRTIO_USER_BASE_DEVICE_ADDR_H_
