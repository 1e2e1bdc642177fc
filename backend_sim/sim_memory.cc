// SPDX-License-Identifier: BSD-3-Clause

#include "backend_sim/sim_memory.h"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <utility>

#include "backend_sim/poison.h"
#include "virtio_user/base/check.h"

namespace backend_sim {

using virtio_user::Error;
using virtio_user::ErrorCode;
using virtio_user::Fail;
using virtio_user::FunctionRef;
using virtio_user::MemoryEvent;
using virtio_user::MemoryListener;
using virtio_user::MemoryRegion;
using virtio_user::MemoryTable;
using virtio_user::Result;

namespace {

inline constexpr size_t kPage = 4096;
// Where the regions' addresses begin, and how far apart they are. No process
// has memory of its own at these places, and a region leaves a hole behind it.
inline constexpr uint64_t kPublishedBase = 0x5000'0000'0000'0000;
inline constexpr uint64_t kPublishedStep = 0x0000'0100'0000'0000;
inline constexpr uint64_t kIovaBase = 0x0000'0800'0000'0000;
inline constexpr uint64_t kIovaStep = 0x0000'0010'0000'0000;
// What precedes a region in its file.
inline constexpr size_t kFileLead = 2 * kPage;

size_t RoundUp(size_t value, size_t to) { return (value + to - 1) & ~(to - 1); }

MemoryEvent Event(MemoryEvent::Kind kind, MemoryEvent::Owner owner,
                  std::span<const std::byte> range) {
  return {.kind = kind, .owner = owner, .range = range};
}

}  // namespace

// The provider's lock. A thread that comes for it a second time would wait for
// itself, so that ends here with the reason.
class VU_SCOPED_CAPABILITY SimMemory::Lock {
 public:
  explicit Lock(const SimMemory& memory) VU_ACQUIRE(memory.mutex_)
      : memory_(memory) {
    VU_CHECK(memory.holder_.load() != std::this_thread::get_id());
    memory.mutex_.Lock();
    memory.holder_.store(std::this_thread::get_id());
  }
  ~Lock() VU_RELEASE() {
    memory_.holder_.store(std::thread::id());
    memory_.mutex_.Unlock();
  }
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;

 private:
  const SimMemory& memory_;
};

SimMemory::SimMemory(FdTable& fds, Trace& trace, SimMemoryOptions options)
    : fds_(fds), trace_(trace), options_(options) {
  const Lock lock(*this);
  for (size_t i = 0; i < options_.initial_regions; ++i) {
    // What finds no room here finds none in Allocate, which says so.
    if (!AddLocked(options_.region_bytes)) return;
  }
}

SimMemory::~SimMemory() {
  const Lock lock(*this);
  VU_CHECK(listeners_.empty());
  for (const Region& region : regions_) fds_.Close(region.entry.fd);
}

// --- MemoryProvider ----------------------------------------------------------

void SimMemory::WithTable(FunctionRef<void(const MemoryTable&)> use) {
  const Lock lock(*this);
  use(table_);
}

Result<std::span<std::byte>> SimMemory::Allocate(size_t bytes, size_t align) {
  VU_CHECK(bytes > 0 && std::has_single_bit(align) && align <= kPage);
  const Lock lock(*this);
  if (fail_allocate_in_ > 0 && --fail_allocate_in_ == 0) {
    ++failed_;
    return std::unexpected(Error::System(ErrorCode::kSystem, ENOMEM,
                                         "no memory for %zu bytes", bytes));
  }
  if (auto found = Take(bytes, align)) return found;
  const auto added =
      AddLocked(std::max(options_.region_bytes, RoundUp(bytes, kPage)));
  if (!added) return Fail(added);
  return Take(bytes, align);
}

// First fit, region by region, so that equal runs get equal addresses.
Result<std::span<std::byte>> SimMemory::Take(size_t bytes, size_t align) {
  for (Region& region : regions_) {
    size_t at = 0;
    for (const auto& [offset, length] : region.used) {
      if (at + bytes <= offset) break;
      at = RoundUp(offset + length, align);
    }
    const std::span<std::byte> host = region.entry.host;
    if (at > host.size() || bytes > host.size() - at) continue;
    region.used[at] = bytes;
    const std::span<std::byte> memory = host.subspan(at, bytes);
    Permit(memory);
    const size_t recycled = std::clamp(region.pristine, at, at + bytes) - at;
    std::memset(memory.data(), 0, recycled);
    region.pristine = std::max(region.pristine, at + bytes);
    return memory;
  }
  return std::unexpected(
      Error::Make(ErrorCode::kSystem, "no region has %zu bytes left", bytes));
}

void SimMemory::Free(std::span<std::byte> memory) {
  const Lock lock(*this);
  for (Region& region : regions_) {
    const std::byte* const start = region.entry.host.data();
    if (memory.data() < start ||
        memory.data() >= start + region.entry.host.size()) {
      continue;
    }
    const auto found =
        region.used.find(static_cast<size_t>(memory.data() - start));
    VU_CHECK(found != region.used.end() && found->second == memory.size());
    region.used.erase(found);
    if (poison_freed_) Poison(memory);
    return;
  }
  VU_CHECK(false);  // Not a span that Allocate gave.
}

Result<void> SimMemory::Subscribe(MemoryListener& listener) {
  const Lock lock(*this);
  if (!options_.events) {
    return Fail(ErrorCode::kUnsupported, "this memory never changes");
  }
  VU_CHECK(std::ranges::find(listeners_, &listener) == listeners_.end());
  listeners_.push_back(&listener);
  return {};
}

void SimMemory::Unsubscribe(MemoryListener& listener) {
  const Lock lock(*this);
  std::erase(listeners_, &listener);
}

// --- Hot-plug ----------------------------------------------------------------

Result<SimRegionId> SimMemory::AddRegion(size_t bytes) {
  const Lock lock(*this);
  return AddLocked(bytes);
}

Result<SimRegionId> SimMemory::AddLocked(size_t bytes) {
  const size_t whole = RoundUp(bytes, kPage);
  Region region;
  region.id = next_id_;
  region.file = SimFile::Memory(kFileLead + whole + options_.reserved_bytes,
                                options_.mappings);
  if (region.file == nullptr) {
    return std::unexpected(Error::System(ErrorCode::kSystem, ENOMEM,
                                         "cannot map %zu bytes", whole));
  }
  const auto fd = fds_.Install(region.file, "memory region", FdKeeper::kWorld);
  if (!fd) return Fail(fd);
  ++next_id_;
  region.entry = {.host = region.file->memory().subspan(kFileLead, whole),
                  .published = kPublishedBase + region.id * kPublishedStep,
                  .iova = kIovaBase + region.id * kIovaStep,
                  .fd = *fd,
                  .offset = kFileLead};
  VU_CHECK(table_.Add(region.entry).has_value());
  trace_.Add({.kind = TraceKind::kMemory,
              .detail = static_cast<uint8_t>(MemoryChange::kAdded),
              .words = {region.entry.published, whole}});
  const std::span<const std::byte> range = region.entry.host;
  const SimRegionId id = region.id;
  regions_.push_back(std::move(region));
  Notify(
      Event(MemoryEvent::Kind::kAdded, MemoryEvent::Owner::kProvider, range));
  return id;
}

Result<void> SimMemory::RemoveRegion(SimRegionId id) {
  const Lock lock(*this);
  const auto found = std::ranges::find(regions_, id, &Region::id);
  if (found == regions_.end()) {
    return Fail(ErrorCode::kInvalidArgument, "there is no region %u", id);
  }
  if (!found->used.empty()) {
    return Fail(ErrorCode::kWrongState, "region %u is in use", id);
  }
  trace_.Add({.kind = TraceKind::kMemory,
              .detail = static_cast<uint8_t>(MemoryChange::kRemoving),
              .words = {found->entry.published, found->entry.host.size()}});
  Notify(Event(MemoryEvent::Kind::kRemoving, MemoryEvent::Owner::kProvider,
               found->entry.host));
  // Whoever maps its file still, without being one who listens, sees it too.
  if (found->file.use_count() > 1 && poison_freed_) {
    Poison(found->entry.host.first(
        std::min(found->pristine, found->entry.host.size())));
    Forbid(found->entry.host);
  }
  fds_.Close(found->entry.fd);
  regions_.erase(found);
  RebuildTable();
  return {};
}

Result<void> SimMemory::GrowRegion(SimRegionId id, size_t bytes) {
  const Lock lock(*this);
  const auto found = std::ranges::find(regions_, id, &Region::id);
  VU_CHECK(found != regions_.end() && bytes % kPage == 0);
  const std::span<std::byte> file = found->file->memory().subspan(kFileLead);
  const size_t before = found->entry.host.size();
  if (bytes > file.size() - before) {
    return Fail(ErrorCode::kInvalidArgument, "region %u has no room for %zu",
                id, bytes);
  }
  Permit(file.subspan(before, bytes));
  found->entry.host = file.first(before + bytes);
  RebuildTable();
  Notify(Event(MemoryEvent::Kind::kAdded, MemoryEvent::Owner::kProvider,
               file.subspan(before, bytes)));
  return {};
}

Result<void> SimMemory::ShrinkRegion(SimRegionId id, size_t bytes) {
  const Lock lock(*this);
  const auto found = std::ranges::find(regions_, id, &Region::id);
  VU_CHECK(found != regions_.end() && bytes % kPage == 0 &&
           bytes < found->entry.host.size());
  const std::span<std::byte> host = found->entry.host;
  const size_t left = host.size() - bytes;
  for (const auto& [offset, length] : found->used) {
    if (offset + length <= left) continue;
    return Fail(ErrorCode::kWrongState, "the end of region %u is in use", id);
  }
  Notify(Event(MemoryEvent::Kind::kRemoving, MemoryEvent::Owner::kProvider,
               host.last(bytes)));
  // What was shrunk before may have been in use further behind.
  const size_t touched = std::min(found->pristine, host.size());
  if (poison_freed_) {
    if (touched > left) Poison(host.subspan(left, touched - left));
    Forbid(host.subspan(left));
  }
  found->entry.host = host.first(left);
  RebuildTable();
  return {};
}

void SimMemory::RebuildTable() {
  table_ = MemoryTable();
  for (const Region& region : regions_) {
    VU_CHECK(table_.Add(region.entry).has_value());
  }
}

std::span<std::byte> SimMemory::AddExternal(size_t bytes) {
  const Lock lock(*this);
  external_.push_back(SimFile::Memory(bytes));
  VU_CHECK(external_.back() != nullptr);
  const std::span<std::byte> memory = external_.back()->memory();
  trace_.Add({.kind = TraceKind::kMemory,
              .detail = static_cast<uint8_t>(MemoryChange::kExternalAdded),
              .words = {0, bytes}});
  Notify(
      Event(MemoryEvent::Kind::kAdded, MemoryEvent::Owner::kExternal, memory));
  return memory;
}

void SimMemory::RemoveExternal(std::span<const std::byte> memory) {
  const Lock lock(*this);
  trace_.Add({.kind = TraceKind::kMemory,
              .detail = static_cast<uint8_t>(MemoryChange::kExternalRemoving),
              .words = {0, memory.size()}});
  Notify(Event(MemoryEvent::Kind::kRemoving, MemoryEvent::Owner::kExternal,
               memory));
}

void SimMemory::AnnounceUnknown(MemoryEvent::Kind kind,
                                std::span<const std::byte> range) {
  const Lock lock(*this);
  trace_.Add({.kind = TraceKind::kMemory,
              .detail = static_cast<uint8_t>(MemoryChange::kUnknown),
              .words = {0, range.size()}});
  Notify(Event(kind, MemoryEvent::Owner::kProvider, range));
}

void SimMemory::Notify(const MemoryEvent& event) {
  for (MemoryListener* const listener : listeners_) {
    listener->OnMemoryEvent(event, table_);
  }
}

// --- For tests ---------------------------------------------------------------

void SimMemory::PoisonFreed(bool poison) {
  const Lock lock(*this);
  poison_freed_ = poison;
}

void SimMemory::PermitFreed() {
  const Lock lock(*this);
  for (const Region& region : regions_) Permit(region.entry.host);
}

void SimMemory::PoisonAllFreed() {
  const Lock lock(*this);
  for (const Region& region : regions_) {
    const std::span<std::byte> host = region.entry.host;
    const size_t end = std::min(region.pristine, host.size());
    size_t at = 0;
    for (const auto& [offset, length] : region.used) {
      if (at < offset) Poison(host.subspan(at, std::min(offset, end) - at));
      at = offset + length;
    }
    if (at < end) Poison(host.subspan(at, end - at));
  }
}

void SimMemory::FailAllocate(uint64_t nth) {
  const Lock lock(*this);
  fail_allocate_in_ = nth;
}

uint64_t SimMemory::failed_count() const {
  const Lock lock(*this);
  return failed_;
}

std::vector<SimRegionId> SimMemory::region_ids() const {
  const Lock lock(*this);
  std::vector<SimRegionId> ids;
  for (const Region& region : regions_) ids.push_back(region.id);
  return ids;
}

size_t SimMemory::allocated_count() const {
  const Lock lock(*this);
  size_t count = 0;
  for (const Region& region : regions_) count += region.used.size();
  return count;
}

size_t SimMemory::listener_count() const {
  const Lock lock(*this);
  return listeners_.size();
}

}  // namespace backend_sim
