// SPDX-License-Identifier: BSD-3-Clause

#ifndef VIRTIO_USER_DPDK_DPDK_MEMORY_H_
#define VIRTIO_USER_DPDK_DPDK_MEMORY_H_

#include <memory>
#include <span>
#include <vector>

#include "virtio_user/base/mutex.h"
#include "virtio_user/vhost/memory_provider.h"

namespace virtio_user {

// The memory of DPDK's EAL, hugepages or not, as far as it is backed by files
// and was allocated by EAL itself. Addresses are virtual ones, also as IOVA.
//
// The provider's lock is EAL's memory hot-plug lock: WithTable reads under it,
// and EAL holds it for writing around every event. So never call this from an
// EAL memory callback. Thread-safe. Requires: rte_eal_init has succeeded.
class DpdkMemory final : public MemoryProvider {
 public:
  DpdkMemory();
  ~DpdkMemory() override;
  DpdkMemory(const DpdkMemory&) = delete;
  DpdkMemory& operator=(const DpdkMemory&) = delete;

  void WithTable(FunctionRef<void(const MemoryTable&)> use) override;
  // From DPDK's heap, inside one region. kSystem with ENOMEM: the heap has no
  // room. kUnsupported: EAL's memory has no file descriptors.
  Result<std::span<std::byte>> Allocate(size_t bytes, size_t align) override;
  void Free(std::span<std::byte> memory) override;
  // kUnsupported where EAL's memory does not change (--no-huge, --legacy-mem).
  Result<void> Subscribe(MemoryListener& listener) override;
  void Unsubscribe(MemoryListener& listener) override;

 private:
  struct Subscription;

  bool InOneRegion(std::span<const std::byte> memory);

  Mutex mu_;  // Taken before EAL's locks, and by no event.
  std::vector<std::unique_ptr<Subscription>> subscriptions_ VU_GUARDED_BY(mu_);
};

}  // namespace virtio_user

#endif  // VIRTIO_USER_DPDK_DPDK_MEMORY_H_
