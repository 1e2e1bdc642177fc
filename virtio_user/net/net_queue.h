// SPDX-License-Identifier: BSD-3-Clause
//
// What the two directions of the data path have in common: how a queue is set
// up, what it counts, how it kicks.

#ifndef VIRTIO_USER_NET_NET_QUEUE_H_
#define VIRTIO_USER_NET_NET_QUEUE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

#include "virtio_user/base/device_addr.h"
#include "virtio_user/base/error.h"
#include "virtio_user/ring/driver_queue.h"
#include "virtio_user/ring/ring_barrier.h"
#include "virtio_user/spec/feature.h"
#include "virtio_user/vhost/vring_state.h"

namespace virtio_user {

// Chains that are looked at in one go: what a burst's scratch on the stack
// holds.
inline constexpr size_t kMaxBurst = 64;

// The longest frame that there can be, with large receive or segmentation.
inline constexpr uint32_t kMaxFrameBytes = 65589;

struct NetQueueOptions {
  // What the driver accepted; settles the path, the header and its framing.
  FeatureSet features{};
  // TX: shared memory of its own, TxScratchBytes(num), aligned to 64, for
  // indirect tables and for headers that fit in front of no frame. Borrowed.
  // Empty: packets in several parts take a descriptor for each of them, and
  // one that has no room for a header cannot be sent.
  std::span<std::byte> scratch{};
  DeviceAddr scratch_addr{};
};

// Per slot of the ring: a header, and a table of kMaxTableEntries descriptors.
inline constexpr size_t kScratchHeaderBytes = 64;
inline constexpr size_t kMaxTableEntries = 16;
inline constexpr size_t kScratchSlotBytes =
    kScratchHeaderBytes + kMaxTableEntries * sizeof(VirtqDesc);
constexpr size_t TxScratchBytes(uint16_t num) {
  return num * kScratchSlotBytes;
}

// Since the queue was made.
struct NetQueueStats {
  uint64_t packets = 0;
  uint64_t bytes = 0;      // Of frames, without their headers.
  uint64_t dropped = 0;    // Frames that were not handed on; see each queue.
  uint64_t no_buffer = 0;  // RX: polls that left the ring short of buffers.
  uint64_t kicks = 0;
  uint64_t failed_kicks = 0;
};

// A counter that one thread moves and any thread reads.
class Counter {
 public:
  void Add(uint64_t count) {
    value_.store(value_.load(std::memory_order_relaxed) + count,
                 std::memory_order_relaxed);
  }
  uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

class NetQueueCounters {
 public:
  Counter packets;
  Counter bytes;
  Counter dropped;
  Counter no_buffer;
  Counter kicks;
  Counter failed_kicks;

  NetQueueStats Snapshot() const {
    return {packets.value(),   bytes.value(), dropped.value(),
            no_buffer.value(), kicks.value(), failed_kicks.value()};
  }
};

// Makes what was offered visible and kicks the device if it wants that. A kick
// that fails is counted: the chains stay published, and the next one tells.
template <DriverQueue Queue>
void PublishAndKick(Queue& queue, const VringState& vring,
                    NetQueueCounters& counters) {
  queue.Publish();
  if (!queue.DeviceWantsKick()) return;
  counters.kicks.Add(1);
  if (!vring.Notify()) counters.failed_kicks.Add(1);
}

// VIRTIO_F_ORDER_PLATFORM asks for the stronger barriers.
inline RingOrder RingOrderFor(FeatureSet accepted) {
  return accepted.Has(Feature::kOrderPlatform) ? RingOrder::kPlatform
                                               : RingOrder::kSmp;
}

// kWrongState for a vring without a ring; kInvalidArgument for a ring that is
// not of the format that was accepted; kUnsupported for features that this
// data path does not carry (longer headers, UDP fragments, EVENT_IDX, kicks
// with data).
Result<void> CheckNetQueue(const VringState& vring, FeatureSet features);

}  // namespace virtio_user

#endif  // VIRTIO_USER_NET_NET_QUEUE_H_
