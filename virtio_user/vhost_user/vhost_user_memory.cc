// SPDX-License-Identifier: BSD-3-Clause
//
// The messages about memory.

#include <algorithm>

#include "virtio_user/vhost_user/vhost_user_backend.h"

namespace virtio_user {

Result<void> VhostUserBackend::CheckRegionCount(size_t count,
                                                size_t most) const {
  if (count <= most) return {};
  return Fail(ErrorCode::kInvalidArgument,
              "%zu memory regions: a vhost-user back-end takes at most %zu; "
              "use fewer and larger files (DPDK: --single-file-segments)",
              count, most);
}

Result<void> VhostUserBackend::SetMemTable(const MemoryTable& table) {
  // A ring that is started lies in memory that must not go even for a moment.
  if (!caps_.memory_slots || rings_started_) return SendTable(table);
  const auto regions = table.regions();
  if (auto fits = CheckRegionCount(regions.size(), caps_.max_memory_regions);
      !fits) {
    return fits;
  }
  // Regions exactly, so that each ring lies in one.
  const MemoryChange change = regions_.ExactChange(regions);
  if (regions_.certain() && change.removed.empty()) return SendChange(change);
  // libvhost-user holds on to the addresses of stopped rings: their memory may
  // be replaced by one message, but not go and come back.
  return regions.size() <= kVhostUserMaxRegions ? SendTable(table)
                                                : SendChange(change);
}

Result<void> VhostUserBackend::ChangeMemTable(const MemoryTable& table) {
  if (!caps_.memory_slots) return VhostBackend::ChangeMemTable(table);
  const auto change = FindMemoryChange(regions_.regions(), table);
  // Whether a whole table would do instead, after a pause.
  const ErrorCode code = table.regions().size() <= kVhostUserMaxRegions
                             ? ErrorCode::kUnsupported
                             : ErrorCode::kInvalidArgument;
  if (!change) {
    regions_.Doubt();
    return Fail(code,
                "REM_MEM_REG takes away whole regions, and a part of one is to "
                "stay");
  }
  const size_t count =
      regions_.regions().size() - change->removed.size() + change->added.size();
  if (count > caps_.max_memory_regions) {
    return Fail(code, "%zu memory regions: the back-end has %zu slots", count,
                caps_.max_memory_regions);
  }
  return SendChange(*change);
}

Result<void> VhostUserBackend::SendTable(const MemoryTable& table) {
  const auto regions = table.regions();
  if (auto fits = CheckRegionCount(
          regions.size(),
          std::min(caps_.max_memory_regions, kVhostUserMaxRegions));
      !fits) {
    return fits;
  }
  QueuedMessage message = {.begin = window_.bytes().size(),
                           .request = VhostUserRequest::kSetMemTable,
                           .operation = BackendOperation::kSetMemTable,
                           .fd_count = regions.size()};
  std::ranges::transform(regions, message.fds.begin(), &MemoryRegion::fd);
  MessageWriter(window_.bytes()).MemTable(regions);
  regions_.NoteTable(window_.messages().size(), regions);
  return Tell(message);
}

Result<void> VhostUserBackend::SendChange(const MemoryChange& change) {
  // One commit, whoever called.
  const bool own_batch = !in_batch_;
  if (own_batch) BeginBatch();
  for (const MemoryRegion& region : change.removed) {
    regions_.NoteRemoved(window_.messages().size(), region);
    if (auto told = TellRegion(VhostUserRequest::kRemMemReg, region); !told) {
      return told;
    }
  }
  for (const MemoryRegion& region : change.added) {
    regions_.NoteAdded(window_.messages().size(), region);
    if (auto told = TellRegion(VhostUserRequest::kAddMemReg, region); !told) {
      return told;
    }
  }
  return own_batch ? AsResult(Commit()) : Result<void>();
}

// The receiver of a removal gets no descriptor: it has its own.
Result<void> VhostUserBackend::TellRegion(VhostUserRequest request,
                                          const MemoryRegion& region) {
  const bool adds = request == VhostUserRequest::kAddMemReg;
  QueuedMessage message = {.begin = window_.bytes().size(),
                           .request = request,
                           .operation = adds ? BackendOperation::kAddMemReg
                                             : BackendOperation::kRemMemReg,
                           .fd_count = adds ? size_t{1} : size_t{0}};
  message.fds[0] = region.fd;
  MessageWriter(window_.bytes()).MemRegion(request, region);
  return Tell(message);
}

}  // namespace virtio_user
