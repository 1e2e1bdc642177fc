// SPDX-License-Identifier: BSD-3-Clause

#ifndef VIRTIO_USER_VHOST_MEMORY_TABLE_H_
#define VIRTIO_USER_VHOST_MEMORY_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "virtio_user/base/device_addr.h"
#include "virtio_user/base/error.h"

namespace virtio_user {

// Memory that back-end and front-end share: one mapping of one file.
struct MemoryRegion {
  std::span<std::byte> host;  // Where it is mapped in this process.
  uint64_t published = 0;     // Its address as back-ends without IOMMU see it.
  uint64_t iova = 0;          // Its address behind an IOMMU.
  int fd = -1;                // Borrowed from the provider; needed to share.
  uint64_t offset = 0;        // Of host[0] in the file, in bytes.

  // `count` of its bytes, from `skip` on.
  MemoryRegion Part(size_t skip, size_t count) const {
    return {.host = host.subspan(skip, count),
            .published = published + skip,
            .iova = iova + skip,
            .fd = fd,
            .offset = offset + skip};
  }

  friend bool operator==(const MemoryRegion& a, const MemoryRegion& b) {
    return a.host.data() == b.host.data() && a.host.size() == b.host.size() &&
           a.published == b.published && a.iova == b.iova && a.fd == b.fd &&
           a.offset == b.offset;
  }
};

// Which of a region's two addresses a back-end uses.
enum class AddressSpace : uint8_t { kPublished, kIova };

// The regions that exist at one moment, and the translation between this
// process's pointers and the back-end's addresses. A value.
class MemoryTable {
 public:
  // Refused (kInvalidArgument): an empty region, one without a descriptor, one
  // whose addresses or file offsets wrap, or one that overlaps another in any
  // of its three address spaces.
  Result<void> Add(const MemoryRegion& region);

  // The table without the bytes of `range`: a region that it touches is cut,
  // or split in two, or dropped.
  MemoryTable Without(std::span<const std::byte> range) const;

  // The back-end's address of [pointer, pointer + bytes), which must lie in
  // one region; kInvalidArgument otherwise.
  Result<DeviceAddr> ToDevice(
      const void* pointer, size_t bytes,
      AddressSpace space = AddressSpace::kPublished) const;

  // The checked inverse.
  Result<std::span<std::byte>> ToHost(
      DeviceAddr addr, uint64_t bytes,
      AddressSpace space = AddressSpace::kPublished) const;

  // Whether any byte of `range` belongs to a region.
  bool Touches(std::span<const std::byte> range) const;

  std::span<const MemoryRegion> regions() const { return regions_; }

  friend bool operator==(const MemoryTable&, const MemoryTable&) = default;

 private:
  std::vector<MemoryRegion> regions_;
};

}  // namespace virtio_user

#endif  // VIRTIO_USER_VHOST_MEMORY_TABLE_H_
