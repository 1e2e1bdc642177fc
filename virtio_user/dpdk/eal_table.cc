// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/dpdk/eal_table.h"

#include <rte_eal_memconfig.h>
#include <rte_memory.h>

#include <bit>
#include <optional>
#include <vector>

namespace virtio_user {
namespace {

// Where EAL has mapped one of its segments from.
std::optional<MemoryRegion> RegionOf(const rte_memseg& segment) {
  const int fd = rte_memseg_get_fd_thread_unsafe(&segment);
  size_t offset = 0;
  if (fd < 0 ||
      rte_memseg_get_fd_offset_thread_unsafe(&segment, &offset) != 0) {
    return std::nullopt;
  }
  MemoryRegion region;
  region.host = {static_cast<std::byte*>(segment.addr), segment.len};
  region.published = std::bit_cast<uint64_t>(segment.addr);
  region.iova = region.published;
  region.fd = fd;
  region.offset = offset;
  return region;
}

bool Continues(const MemoryRegion& region, const MemoryRegion& next) {
  return next.fd == region.fd &&
         next.host.data() == region.host.data() + region.host.size() &&
         next.offset == region.offset + region.host.size();
}

void Append(std::vector<MemoryRegion>& regions, const MemoryRegion& next) {
  if (regions.empty() || !Continues(regions.back(), next)) {
    regions.push_back(next);
    return;
  }
  MemoryRegion& last = regions.back();
  last.host = {last.host.data(), last.host.size() + next.host.size()};
}

// `first` is the first of the segments of a stretch of `bytes` without gaps.
int CollectStretch(const rte_memseg_list* list, const rte_memseg* first,
                   size_t bytes, void* arg) {
  if (list->external != 0) return 0;
  auto& regions = *static_cast<std::vector<MemoryRegion>*>(arg);
  const std::span<const rte_memseg> segments(first, bytes / list->page_sz);
  const std::optional<MemoryRegion> front = RegionOf(segments.front());
  const std::optional<MemoryRegion> back = RegionOf(segments.back());
  // A file that serves both ends serves all between: with --no-huge there are
  // a segment and a system call's worth of work for each 4 KiB.
  if (front && back && front->fd == back->fd &&
      back->offset - front->offset == bytes - list->page_sz) {
    MemoryRegion whole = *front;
    whole.host = {front->host.data(), bytes};
    Append(regions, whole);
    return 0;
  }
  for (const rte_memseg& segment : segments) {
    if (const auto region = RegionOf(segment)) Append(regions, *region);
  }
  return 0;
}

}  // namespace

MemoryTable ReadEalTable() {
  std::vector<MemoryRegion> regions;
  rte_memseg_contig_walk_thread_unsafe(&CollectStretch, &regions);
  MemoryTable table;
  for (const MemoryRegion& region : regions) {
    // EAL maps no address twice, so there is nothing to refuse; what would be
    // is memory that nobody can share.
    (void)table.Add(region);
  }
  return table;
}

bool IsExternalMemory(std::span<const std::byte> range) {
  const rte_memseg_list* const list = rte_mem_virt2memseg_list(range.data());
  return list == nullptr || list->external != 0;
}

}  // namespace virtio_user
