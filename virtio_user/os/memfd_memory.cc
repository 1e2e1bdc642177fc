// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/os/memfd_memory.h"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <utility>

#include "virtio_user/base/check.h"
#include "virtio_user/os/memfd.h"
#include "virtio_user/os/random_base.h"

namespace virtio_user {
namespace {

// A random base collides with probability 2^-20 or so; that many collisions in
// a row mean that there is no room.
constexpr int kBaseAttempts = 64;

// Neighbouring allocations share no cache line.
constexpr size_t kGrain = 64;

// Whole pages; refused where no memory can be so large.
Result<size_t> WholePages(size_t bytes) {
  if (bytes == 0 || bytes > kPublishedEnd / 2) {
    return Fail(ErrorCode::kInvalidArgument,
                "a memory region of %zu bytes; 1 to 2^46 are possible", bytes);
  }
  return (bytes + kPageBytes - 1) / kPageBytes * kPageBytes;
}

constexpr size_t Grains(size_t bytes) {
  return (bytes + kGrain - 1) / kGrain * kGrain;
}

}  // namespace

MemfdMemory::MemfdMemory(FdOps& ops, Publish publish, size_t arena_bytes)
    : ops_(ops), publish_(publish), arena_(arena_bytes) {}

Result<std::unique_ptr<MemfdMemory>> MemfdMemory::Create(
    FdOps& ops, const MemfdMemoryOptions& options) {
  const Result<size_t> bytes = WholePages(options.arena_bytes);
  if (!bytes) return Fail(bytes);
  std::unique_ptr<MemfdMemory> made(
      new MemfdMemory(ops, options.publish, *bytes));
  const MutexLock lock(made->mu_);
  const Result<std::span<std::byte>> arena = made->MapRegion(*bytes);
  if (!arena) return Fail(arena);
  return made;
}

MemfdMemory::~MemfdMemory() {
  const MutexLock lock(mu_);
  VU_CHECK(listeners_.empty());
  while (!regions_.empty()) UnmapRegion(regions_.size() - 1);
}

Result<std::span<std::byte>> MemfdMemory::AddRegion(size_t bytes) {
  const Result<size_t> pages = WholePages(bytes);
  if (!pages) return Fail(pages);
  const MutexLock lock(mu_);
  const Result<std::span<std::byte>> host = MapRegion(*pages);
  if (host) Tell(MemoryEvent::Kind::kAdded, *host);
  return host;
}

Result<void> MemfdMemory::RemoveRegion(std::span<const std::byte> region) {
  const MutexLock lock(mu_);
  // The arena stays for the life of the memory: others live in it.
  for (size_t i = 1; i < regions_.size(); ++i) {
    const std::span<const std::byte> host = regions_[i].host;
    if (host.data() != region.data() || host.size() != region.size()) continue;
    Tell(MemoryEvent::Kind::kRemoving, host);
    UnmapRegion(i);
    return {};
  }
  return Fail(ErrorCode::kInvalidArgument,
              "no memory region of %zu bytes lies there; pass the span that "
              "AddRegion gave, once",
              region.size());
}

void MemfdMemory::WithTable(FunctionRef<void(const MemoryTable&)> use) {
  const MutexLock lock(mu_);
  use(table_);
}

Result<std::span<std::byte>> MemfdMemory::Allocate(size_t bytes, size_t align) {
  if (bytes == 0 || !std::has_single_bit(align) || align > kPageBytes) {
    return Fail(ErrorCode::kInvalidArgument,
                "cannot allocate %zu bytes aligned to %zu; at least one byte, "
                "and a power of two up to %zu",
                bytes, align, kPageBytes);
  }
  const MutexLock lock(mu_);
  const std::span<std::byte> arena = regions_.front().host;
  std::optional<size_t> offset;
  if (bytes <= arena.size()) {
    offset = arena_.Allocate(Grains(bytes), std::max(align, kGrain));
  }
  if (!offset) {
    return std::unexpected(Error::System(
        ErrorCode::kSystem, ENOMEM,
        "the arena of %zu bytes has no %zu free in a row; make it larger",
        arena.size(), bytes));
  }
  const std::span<std::byte> memory = arena.subspan(*offset, bytes);
  // Now and not when it is freed: back-ends can write here at any time. What
  // nobody ever had is as the kernel made it, zero, and stays untouched.
  const size_t end = *offset + bytes;
  std::memset(memory.data(), 0, std::clamp(pristine_, *offset, end) - *offset);
  pristine_ = std::max(pristine_, end);
  return memory;
}

void MemfdMemory::Free(std::span<std::byte> memory) {
  const MutexLock lock(mu_);
  const std::span<std::byte> arena = regions_.front().host;
  const auto offset = static_cast<size_t>(memory.data() - arena.data());
  VU_CHECK(arena_.Free(offset, Grains(memory.size())));
}

Result<void> MemfdMemory::Subscribe(MemoryListener& listener) {
  const MutexLock lock(mu_);
  listeners_.push_back(&listener);
  return {};
}

void MemfdMemory::Unsubscribe(MemoryListener& listener) {
  const MutexLock lock(mu_);
  std::erase(listeners_, &listener);
}

Result<std::span<std::byte>> MemfdMemory::MapRegion(size_t bytes) {
  Result<FileDescriptor> fd = MakeSealedMemfd(ops_, bytes);
  if (!fd) return Fail(fd);
  const Result<std::span<std::byte>> host = ops_.Map(fd->get(), 0, bytes);
  if (!host) return host;
  regions_.push_back({.fd = std::move(*fd), .host = *host});
  const Result<void> entered = EnterIntoTable(regions_.back());
  if (entered) return host;
  UnmapRegion(regions_.size() - 1);
  return Fail(entered);
}

Result<void> MemfdMemory::EnterIntoTable(const Region& region) {
  MemoryRegion entry;
  entry.host = region.host;
  entry.fd = region.fd.get();
  const int attempts = publish_ == Publish::kRandomBase ? kBaseAttempts : 1;
  Result<void> added;
  for (int i = 0; i < attempts; ++i) {
    entry.published = std::bit_cast<uint64_t>(region.host.data());
    if (publish_ == Publish::kRandomBase) {
      const Result<uint64_t> base = RandomBase(region.host.size());
      if (!base) return Fail(base);
      entry.published = *base;
    }
    entry.iova = entry.published;
    added = table_.Add(entry);
    if (added) break;
  }
  return added;
}

void MemfdMemory::UnmapRegion(size_t index) {
  const std::span<std::byte> host = regions_[index].host;
  table_ = table_.Without(host);
  ops_.Unmap(host);
  regions_.erase(regions_.begin() + static_cast<std::ptrdiff_t>(index));
}

void MemfdMemory::Tell(MemoryEvent::Kind kind,
                       std::span<const std::byte> range) {
  for (MemoryListener* const listener : listeners_) {
    listener->OnMemoryEvent(
        {.kind = kind, .owner = MemoryEvent::Owner::kProvider, .range = range},
        table_);
  }
}

}  // namespace virtio_user
