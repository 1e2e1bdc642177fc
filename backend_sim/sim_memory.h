// SPDX-License-Identifier: BSD-3-Clause
//
// Memory of the simulated front-end process, and its hot-plug events.

#ifndef BACKEND_SIM_SIM_MEMORY_H_
#define BACKEND_SIM_SIM_MEMORY_H_

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <thread>
#include <vector>

#include "backend_sim/fd_table.h"
#include "backend_sim/mapping_pool.h"
#include "backend_sim/sim_file.h"
#include "backend_sim/trace.h"
#include "virtio_user/base/mutex.h"
#include "virtio_user/vhost/memory_provider.h"

namespace backend_sim {

struct SimMemoryOptions {
  // Regions that exist from the start, and what each is long. A multiple of
  // 4096.
  size_t initial_regions = 2;
  size_t region_bytes = size_t{1} << 22;
  // By how much a region can grow. A multiple of 4096.
  size_t reserved_bytes = 0;
  // False: Subscribe answers kUnsupported.
  bool events = true;
  // Where regions come from; none: each is mapped and unmapped.
  std::shared_ptr<MappingPool> mappings = {};
};

// Names a region for its whole life; never used twice.
using SimRegionId = uint32_t;

// A MemoryProvider whose three address spaces have nothing in common: the
// published base and the IOVA of a region are synthetic, with holes between
// regions and never a virtual address, so that a translation that was left
// out cannot pass. A region starts at an offset of its file that is not 0.
//
// What was freed or removed, once the listeners were told, is poisoned: filled
// with a pattern, and under AddressSanitizer nobody may touch it.
//
// Events come in EAL's order: kAdded once the region is in the table,
// kRemoving while it still is. Thread-safe; `fds` and `trace` outlive it.
class SimMemory final : public virtio_user::MemoryProvider {
 public:
  SimMemory(FdTable& fds, Trace& trace, SimMemoryOptions options = {});
  ~SimMemory() override;
  SimMemory(const SimMemory&) = delete;
  SimMemory& operator=(const SimMemory&) = delete;

  // MemoryProvider. Allocate adds a region where none has room.
  void WithTable(virtio_user::FunctionRef<void(const virtio_user::MemoryTable&)>
                     use) override;
  virtio_user::Result<std::span<std::byte>> Allocate(size_t bytes,
                                                     size_t align) override;
  void Free(std::span<std::byte> memory) override;
  virtio_user::Result<void> Subscribe(
      virtio_user::MemoryListener& listener) override;
  void Unsubscribe(virtio_user::MemoryListener& listener) override;

  // Hot-plug. `bytes` is rounded up to 4096.
  virtio_user::Result<SimRegionId> AddRegion(size_t bytes);
  // kWrongState while anything in it is allocated; kInvalidArgument for an id
  // that is not there.
  virtio_user::Result<void> RemoveRegion(SimRegionId id);
  // As EAL's contiguous segments do: the region is longer at its end, within
  // `reserved_bytes`, and the event is of the new part alone; or it is shorter.
  // Multiples of 4096. kWrongState while anything in what goes is allocated.
  virtio_user::Result<void> GrowRegion(SimRegionId id, size_t bytes);
  virtio_user::Result<void> ShrinkRegion(SimRegionId id, size_t bytes);
  // Memory that somebody else registered: events with Owner::kExternal and
  // nothing in the table. The memory is made here and lives as long as this.
  std::span<std::byte> AddExternal(size_t bytes);
  void RemoveExternal(std::span<const std::byte> memory);
  // An event of the provider's own kind about a range that no table knows.
  void AnnounceUnknown(virtio_user::MemoryEvent::Kind kind,
                       std::span<const std::byte> range);

  // Whether Free poisons (it does at first). What was freed while it did not
  // stays readable until its region goes, as memory that EAL frees does.
  void PoisonFreed(bool poison);
  // What was freed may be touched from here on, and so may a region that goes
  // while Free does not poison: a device whose rings are corrupt reads and
  // writes anywhere in what it was told of.
  void PermitFreed();
  // Poisons all that is not allocated, whenever it was freed.
  void PoisonAllFreed();
  // Makes the `nth` Allocate from now on (1: the next) fail, once.
  void FailAllocate(uint64_t nth);

  // Allocations that failed because of it.
  uint64_t failed_count() const;

  std::vector<SimRegionId> region_ids() const;
  size_t allocated_count() const;
  size_t listener_count() const;

 private:
  class Lock;  // The provider's lock; refuses to nest.

  struct Region {
    SimRegionId id = 0;
    std::shared_ptr<SimFile> file;
    virtio_user::MemoryRegion entry;
    std::map<size_t, size_t> used;  // Offset to bytes, of what is allocated.
    size_t pristine = 0;  // From here on, none was: zero, and not even touched.
  };

  virtio_user::Result<SimRegionId> AddLocked(size_t bytes) VU_REQUIRES(mutex_);
  void Notify(const virtio_user::MemoryEvent& event) VU_REQUIRES(mutex_);
  void RebuildTable() VU_REQUIRES(mutex_);
  virtio_user::Result<std::span<std::byte>> Take(size_t bytes, size_t align)
      VU_REQUIRES(mutex_);

  FdTable& fds_;
  Trace& trace_;
  const SimMemoryOptions options_;

  mutable virtio_user::Mutex mutex_;
  mutable std::atomic<std::thread::id> holder_{};  // Who holds mutex_.
  std::vector<Region> regions_ VU_GUARDED_BY(mutex_);
  std::vector<std::shared_ptr<SimFile>> external_ VU_GUARDED_BY(mutex_);
  std::vector<virtio_user::MemoryListener*> listeners_ VU_GUARDED_BY(mutex_);
  virtio_user::MemoryTable table_ VU_GUARDED_BY(mutex_);
  SimRegionId next_id_ VU_GUARDED_BY(mutex_) = 0;
  uint64_t fail_allocate_in_ VU_GUARDED_BY(mutex_) = 0;
  uint64_t failed_ VU_GUARDED_BY(mutex_) = 0;
  bool poison_freed_ VU_GUARDED_BY(mutex_) = true;
};

}  // namespace backend_sim

#endif  // BACKEND_SIM_SIM_MEMORY_H_
