// SPDX-License-Identifier: BSD-3-Clause

#ifndef VIRTIO_USER_RING_SPLIT_DRIVER_QUEUE_H_
#define VIRTIO_USER_RING_SPLIT_DRIVER_QUEUE_H_

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "virtio_user/base/device_addr.h"
#include "virtio_user/base/error.h"
#include "virtio_user/base/function_ref.h"
#include "virtio_user/ring/ring_layout.h"

namespace virtio_user {

struct SplitDriverQueueOptions {
  // VIRTIO_F_IN_ORDER: descriptors are given out in ring order, and one used
  // element may stand for all chains up to its own. The chains before the last
  // one of such a batch have no length in the ring: the spec ("In-order use of
  // descriptors") has them read or written completely.
  bool in_order = false;
};

// A chain that the driver offers: readable buffers, then writable ones, or
// both in one indirect table. `cookie` comes back when it is used.
struct OfferedChain {
  std::span<const DeviceBuffer> readable{};
  std::span<const DeviceBuffer> writable{};
  uint32_t cookie = 0;
  // Indirect: where a table of readable.size() + writable.size() descriptors
  // lies, in this process (aligned to 16) and as the device sees it. Empty:
  // chain in the ring.
  std::span<std::byte> table_memory{};
  DeviceAddr table_addr{};
};

struct UsedChain {
  uint32_t cookie = 0;
  // Written by the device, at most the writable bytes. Of a chain without
  // writable buffers it is 0, whatever the device says: some report the bytes
  // that they read.
  uint32_t bytes = 0;
};

// The driver's side of a split virtqueue. Trusts nothing that it reads: the
// first used element or index that cannot be right breaks the queue, with a
// reason, and it is never read again until ReclaimAll. One thread; the caller
// holds the ring's gate (RingGate::Enter) around everything that touches the
// ring: Offer, Publish, DeviceWantsKick, SuppressInterrupts and TakeUsed.
class SplitDriverQueue {
 public:
  // `ring` is borrowed and outlives the queue. The ring must be fresh (all
  // zero, published = 0) or ReclaimAll must be called first. Writes the
  // available ring's flags, so the gate is closed. Requires: ring.layout
  // passes RingLayout::Check.
  SplitDriverQueue(Ring& ring, SplitDriverQueueOptions options);

  // Puts a chain into the ring; not visible to the device before Publish.
  // False: no room now, or the queue is broken. Requires: at least one buffer,
  // at most num (an indirect table's memory holds them all), and less than
  // 4 GiB of writable bytes.
  bool Offer(const OfferedChain& chain);
  // Makes all offered chains visible (release store of the available index;
  // pairs with the device's acquire).
  void Publish();
  // Whether the device wants a kick for what was published last (full fence,
  // then used.flags).
  bool DeviceWantsKick() const;
  // Asks the device for no interrupts (the initial state), or for them.
  void SuppressInterrupts(bool suppress);

  // Takes up to `out.size()` used chains; how many, or why the queue broke.
  // What was in order before a lie is still handed out; after that the queue
  // answers with its reason at every call. Only published chains can be used.
  Result<size_t> TakeUsed(std::span<UsedChain> out);

  // Marks the queue broken for a reason that the caller found in what it got.
  void Break(const Error& reason);

  // Hands back every chain that is still with the device, as lost; zeroes the
  // ring, starts all indexes afresh and mends a broken queue. Requires: the
  // gate is closed and no device uses the ring.
  void ReclaimAll(FunctionRef<void(uint32_t cookie)> lost);

  // Descriptors that Offer can still use.
  uint16_t free_count() const { return free_count_; }
  // Chains offered and not yet taken back.
  uint16_t in_flight() const { return in_flight_; }
  const std::optional<Error>& broken() const { return broken_; }

 private:
  // What the driver remembers of one descriptor; shared memory is not asked.
  struct Slot {
    uint32_t cookie = 0;
    uint32_t writable_bytes = 0;
    uint32_t position = 0;     // Of a head: chains offered before it.
    uint16_t chain_count = 0;  // Descriptors of the chain; 0: not a head.
    uint16_t next = 0;         // Free: the next free one. Else of the chain.
  };

  // One used element and how many chains it stands for.
  struct UsedElement {
    uint16_t head = 0;
    uint32_t bytes = 0;
    uint32_t chain_count = 0;
  };

  void Reset();
  uint16_t PutChain(const OfferedChain& chain);
  void PutTable(const OfferedChain& chain) const;
  Result<uint16_t> LoadUsedCount();
  Result<UsedElement> LoadElement(uint16_t ready) const;
  UsedChain TakeNext(const UsedElement& element, uint32_t left);
  void Free(uint16_t head);

  Ring& ring_;
  SplitDriverQueueOptions options_;
  std::vector<Slot> slots_;
  uint16_t free_head_ = 0;
  uint16_t free_count_ = 0;
  uint16_t in_flight_ = 0;
  uint32_t offered_ = 0;     // Chains ever offered, maybe not published yet.
  uint32_t taken_ = 0;       // Chains ever taken back.
  uint16_t used_seen_ = 0;   // The used index at the last look.
  uint16_t oldest_ = 0;      // In order: head of the oldest chain.
  UsedElement batch_;        // In order: the element that is being taken...
  uint32_t batch_left_ = 0;  // ...and the chains of it that are left.
  bool interrupts_suppressed_ = true;
  std::optional<Error> broken_;
};

}  // namespace virtio_user

#endif  // VIRTIO_USER_RING_SPLIT_DRIVER_QUEUE_H_
