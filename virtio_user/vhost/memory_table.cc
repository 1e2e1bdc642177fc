// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/vhost/memory_table.h"

#include <algorithm>
#include <array>
#include <cinttypes>

namespace virtio_user {
namespace {

uint64_t HostAddress(const std::byte* pointer) {
  return reinterpret_cast<uintptr_t>(pointer);
}

// Half-open stretch of one address space.
struct Stretch {
  uint64_t begin;
  uint64_t bytes;

  bool Wraps() const { return begin + bytes < begin; }
  bool Overlaps(Stretch other) const {
    return begin < other.begin + other.bytes && other.begin < begin + bytes;
  }
  bool Contains(uint64_t at, uint64_t count) const {
    return at >= begin && at - begin <= bytes && count <= bytes - (at - begin);
  }
};

Stretch HostOf(const MemoryRegion& region) {
  return {HostAddress(region.host.data()), region.host.size()};
}

Stretch DeviceOf(const MemoryRegion& region, AddressSpace space) {
  return {space == AddressSpace::kPublished ? region.published : region.iova,
          region.host.size()};
}

// The three address spaces that a region lies in, with their names.
struct NamedStretch {
  const char* name;
  Stretch stretch;
};

std::array<NamedStretch, 3> StretchesOf(const MemoryRegion& region) {
  return {{{"host", HostOf(region)},
           {"published", DeviceOf(region, AddressSpace::kPublished)},
           {"IOVA", DeviceOf(region, AddressSpace::kIova)}}};
}

}  // namespace

Result<void> MemoryTable::Add(const MemoryRegion& region) {
  if (region.host.empty()) {
    return Fail(ErrorCode::kInvalidArgument, "memory region of 0 bytes");
  }
  // A back-end maps the file: what has none cannot be shared.
  if (region.fd < 0) {
    return Fail(ErrorCode::kInvalidArgument,
                "memory region at host address 0x%" PRIx64 ", 0x%" PRIx64
                " bytes: has no file descriptor (%d)",
                HostOf(region).begin, HostOf(region).bytes, region.fd);
  }
  if (Stretch{region.offset, region.host.size()}.Wraps()) {
    return Fail(ErrorCode::kInvalidArgument,
                "memory region at file offset 0x%" PRIx64 ", 0x%" PRIx64
                " bytes: runs past the last offset of a file",
                region.offset, HostOf(region).bytes);
  }
  const auto mine = StretchesOf(region);
  for (const auto& [name, stretch] : mine) {
    if (stretch.Wraps()) {
      return Fail(ErrorCode::kInvalidArgument,
                  "memory region at %s address 0x%" PRIx64 ", 0x%" PRIx64
                  " bytes: runs past the end of the address space",
                  name, stretch.begin, stretch.bytes);
    }
  }
  for (const MemoryRegion& other : regions_) {
    const auto theirs = StretchesOf(other);
    for (size_t i = 0; i < mine.size(); ++i) {
      if (!mine[i].stretch.Overlaps(theirs[i].stretch)) continue;
      return Fail(ErrorCode::kInvalidArgument,
                  "memory region at %s address 0x%" PRIx64 ", 0x%" PRIx64
                  " bytes: overlaps the one at 0x%" PRIx64,
                  mine[i].name, mine[i].stretch.begin, mine[i].stretch.bytes,
                  theirs[i].stretch.begin);
    }
  }
  regions_.push_back(region);
  return {};
}

MemoryTable MemoryTable::Without(std::span<const std::byte> range) const {
  const uint64_t begin = HostAddress(range.data());
  const uint64_t end = begin + range.size();
  MemoryTable rest;
  for (const MemoryRegion& region : regions_) {
    const Stretch host = HostOf(region);
    if (range.empty() || !host.Overlaps({begin, range.size()})) {
      rest.regions_.push_back(region);
      continue;
    }
    if (begin > host.begin) {
      rest.regions_.push_back(region.Part(0, begin - host.begin));
    }
    if (end < host.begin + host.bytes) {
      rest.regions_.push_back(
          region.Part(end - host.begin, host.begin + host.bytes - end));
    }
  }
  return rest;
}

Result<DeviceAddr> MemoryTable::ToDevice(const void* pointer, size_t bytes,
                                         AddressSpace space) const {
  const uint64_t at = HostAddress(static_cast<const std::byte*>(pointer));
  for (const MemoryRegion& region : regions_) {
    const Stretch host = HostOf(region);
    if (!host.Contains(at, bytes)) continue;
    return DeviceAddr{DeviceOf(region, space).begin + (at - host.begin)};
  }
  return Fail(ErrorCode::kInvalidArgument,
              "%zu bytes at %p are not in any memory region that is shared "
              "with the back-end; take them from the MemoryProvider",
              bytes, pointer);
}

Result<std::span<std::byte>> MemoryTable::ToHost(DeviceAddr addr,
                                                 uint64_t bytes,
                                                 AddressSpace space) const {
  for (const MemoryRegion& region : regions_) {
    const Stretch device = DeviceOf(region, space);
    if (!device.Contains(addr.value, bytes)) continue;
    return region.host.subspan(addr.value - device.begin, bytes);
  }
  return Fail(ErrorCode::kInvalidArgument,
              "0x%" PRIx64 " bytes at device address 0x%" PRIx64
              " are in no memory region",
              bytes, addr.value);
}

bool MemoryTable::Touches(std::span<const std::byte> range) const {
  const Stretch wanted{HostAddress(range.data()), range.size()};
  return !range.empty() &&
         std::ranges::any_of(regions_, [&](const MemoryRegion& region) {
           return HostOf(region).Overlaps(wanted);
         });
}

}  // namespace virtio_user
