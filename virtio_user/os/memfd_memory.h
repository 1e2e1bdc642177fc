// SPDX-License-Identifier: BSD-3-Clause

#ifndef VIRTIO_USER_OS_MEMFD_MEMORY_H_
#define VIRTIO_USER_OS_MEMFD_MEMORY_H_

#include <memory>
#include <span>
#include <vector>

#include "virtio_user/base/file_descriptor.h"
#include "virtio_user/base/mutex.h"
#include "virtio_user/os/range_allocator.h"
#include "virtio_user/vhost/memory_provider.h"

namespace virtio_user {

// Which addresses of ours a back-end learns.
enum class Publish : uint8_t {
  kVirtualAddress,  // As everybody does.
  kRandomBase,      // Random numbers, so that our layout stays hidden.
};

struct MemfdMemoryOptions {
  size_t arena_bytes = size_t{64} << 20;  // Rounded up to whole pages.
  Publish publish = Publish::kVirtualAddress;
};

// Memory in sealed memfds, for a process without an EAL: one arena, from which
// Allocate cuts, and any number of regions that come and go. Pages come into
// being when first touched. Thread-safe.
class MemfdMemory final : public MemoryProvider {
 public:
  // kInvalidArgument: arena_bytes is 0 or too large. `ops` outlives the
  // memory, and the memory outlives its listeners' subscriptions.
  static Result<std::unique_ptr<MemfdMemory>> Create(
      FdOps& ops, const MemfdMemoryOptions& options);
  ~MemfdMemory() override;

  // Adds a region of at least `bytes`, rounded up to whole pages, zeroed, and
  // tells the listeners. It is the caller's, whole.
  Result<std::span<std::byte>> AddRegion(size_t bytes);
  // Tells the listeners, then unmaps. kInvalidArgument: AddRegion gave no such
  // span, or it is gone.
  Result<void> RemoveRegion(std::span<const std::byte> region);

  // MemoryProvider. Allocate cuts from the arena and does not make it larger:
  // kSystem with ENOMEM once nothing fits.
  void WithTable(FunctionRef<void(const MemoryTable&)> use) override;
  Result<std::span<std::byte>> Allocate(size_t bytes, size_t align) override;
  void Free(std::span<std::byte> memory) override;
  Result<void> Subscribe(MemoryListener& listener) override;
  void Unsubscribe(MemoryListener& listener) override;

 private:
  struct Region {
    FileDescriptor fd;
    std::span<std::byte> host;
  };

  MemfdMemory(FdOps& ops, Publish publish, size_t arena_bytes);

  // Maps a new region and enters it into the table; tells nobody.
  Result<std::span<std::byte>> MapRegion(size_t bytes) VU_REQUIRES(mu_);
  Result<void> EnterIntoTable(const Region& region) VU_REQUIRES(mu_);
  void UnmapRegion(size_t index) VU_REQUIRES(mu_);
  void Tell(MemoryEvent::Kind kind, std::span<const std::byte> range)
      VU_REQUIRES(mu_);

  FdOps& ops_;
  const Publish publish_;

  Mutex mu_;
  std::vector<Region> regions_ VU_GUARDED_BY(mu_);  // The arena is the first.
  MemoryTable table_ VU_GUARDED_BY(mu_);
  RangeAllocator arena_ VU_GUARDED_BY(mu_);
  // From this offset of the arena on, nothing was ever allocated.
  size_t pristine_ VU_GUARDED_BY(mu_) = 0;
  std::vector<MemoryListener*> listeners_ VU_GUARDED_BY(mu_);
};

}  // namespace virtio_user

#endif  // VIRTIO_USER_OS_MEMFD_MEMORY_H_
