// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/dpdk/dpdk_memory.h"

#include <rte_eal_memconfig.h>
#include <rte_errno.h>
#include <rte_malloc.h>
#include <rte_memory.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstdio>

#include "virtio_user/base/check.h"
#include "virtio_user/dpdk/eal_table.h"

namespace virtio_user {
namespace {

// EAL's read lock, which admits no second reader once a writer waits.
class EalMemoryLock {
 public:
  EalMemoryLock() { rte_mcfg_mem_read_lock(); }
  ~EalMemoryLock() { rte_mcfg_mem_read_unlock(); }
  EalMemoryLock(const EalMemoryLock&) = delete;
  EalMemoryLock& operator=(const EalMemoryLock&) = delete;
};

constexpr char kHeapType[] = "virtio_user";

std::span<std::byte> FromHeap(size_t bytes, size_t align) {
  void* const memory =
      rte_zmalloc(kHeapType, bytes, static_cast<unsigned>(align));
  if (memory == nullptr) return {};
  return {static_cast<std::byte*>(memory), bytes};
}

}  // namespace

// One listener as EAL knows it.
struct DpdkMemory::Subscription {
  explicit Subscription(MemoryListener& heard) : listener(heard) {
    std::snprintf(name, sizeof(name), "virtio_user %p",
                  static_cast<void*>(this));
  }

  static void OnEvent(rte_mem_event type, const void* addr, size_t bytes,
                      void* arg) {
    MemoryEvent event;
    event.range = {static_cast<const std::byte*>(addr), bytes};
    if (IsExternalMemory(event.range)) {
      event.owner = MemoryEvent::Owner::kExternal;
    }
    MemoryTable table = ReadEalTable();
    if (type == RTE_MEM_EVENT_FREE) {
      event.kind = MemoryEvent::Kind::kRemoving;
      table = table.Without(event.range);
    }
    static_cast<Subscription*>(arg)->listener.OnMemoryEvent(event, table);
  }

  MemoryListener& listener;
  char name[RTE_MEM_EVENT_CALLBACK_NAME_LEN];
};

static_assert(RTE_MEM_EVENT_CALLBACK_NAME_LEN >= 40);

DpdkMemory::DpdkMemory() = default;

DpdkMemory::~DpdkMemory() {
  const MutexLock lock(mu_);
  VU_CHECK(subscriptions_.empty());
}

void DpdkMemory::WithTable(FunctionRef<void(const MemoryTable&)> use) {
  const EalMemoryLock lock;
  use(ReadEalTable());
}

bool DpdkMemory::InOneRegion(std::span<const std::byte> memory) {
  bool inside = false;
  WithTable([&](const MemoryTable& table) {
    inside = table.ToDevice(memory.data(), memory.size()).has_value();
  });
  return inside;
}

Result<std::span<std::byte>> DpdkMemory::Allocate(size_t bytes, size_t align) {
  constexpr size_t kMaxAlign = 4096;
  if (bytes == 0 || !std::has_single_bit(align) || align > kMaxAlign) {
    return Fail(ErrorCode::kInvalidArgument,
                "cannot allocate %zu bytes aligned to %zu; at least one byte, "
                "and a power of two up to %zu",
                bytes, align, kMaxAlign);
  }
  // The second time aligned to the size: where each page is a file of its own,
  // such a block does not go across two of them.
  for (const size_t wanted : {align, std::max(align, std::bit_ceil(bytes))}) {
    const std::span<std::byte> memory = FromHeap(bytes, wanted);
    if (memory.empty()) {
      return std::unexpected(
          Error::System(ErrorCode::kSystem, ENOMEM,
                        "DPDK's heap has no %zu bytes free in a row; start "
                        "with more memory (-m)",
                        bytes));
    }
    if (InOneRegion(memory)) return memory;
    Free(memory);
  }
  return Fail(ErrorCode::kUnsupported,
              "%zu bytes of DPDK's heap lie in no file, or in several, and "
              "cannot be shared in one piece; start with "
              "--single-file-segments",
              bytes);
}

void DpdkMemory::Free(std::span<std::byte> memory) { rte_free(memory.data()); }

// EAL takes the lock under which it runs callbacks for both, so after
// Unsubscribe no event runs.
Result<void> DpdkMemory::Subscribe(MemoryListener& listener) {
  const MutexLock lock(mu_);
  auto made = std::make_unique<Subscription>(listener);
  if (rte_mem_event_callback_register(made->name, &Subscription::OnEvent,
                                      made.get()) == 0) {
    subscriptions_.push_back(std::move(made));
    return {};
  }
  if (rte_errno == ENOTSUP) {
    return Fail(ErrorCode::kUnsupported,
                "this EAL's memory never changes, so there are no events");
  }
  return std::unexpected(
      Error::System(ErrorCode::kSystem, rte_errno,
                    "cannot register for EAL's memory events"));
}

void DpdkMemory::Unsubscribe(MemoryListener& listener) {
  const MutexLock lock(mu_);
  std::erase_if(subscriptions_, [&](const auto& subscription) {
    if (&subscription->listener != &listener) return false;
    rte_mem_event_callback_unregister(subscription->name, subscription.get());
    return true;
  });
}

}  // namespace virtio_user
