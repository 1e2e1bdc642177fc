// SPDX-License-Identifier: BSD-3-Clause
//
// What the two directions of the data path have in common: how a queue is set
// up and what it counts.

#ifndef VIRTIO_USER_NET_NET_QUEUE_H_
#define VIRTIO_USER_NET_NET_QUEUE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

#include "virtio_user/base/device_addr.h"
#include "virtio_user/base/error.h"
#include "virtio_user/ring/split_driver_queue.h"
#include "virtio_user/spec/feature.h"
#include "virtio_user/vhost/vring_state.h"

namespace virtio_user {

struct NetQueueOptions {
  // What the driver accepted; settles header, framing and order.
  FeatureSet features{};
  // The buffers: borrowed, inside one region of the memory table, aligned to
  // 16, and the queue's alone as long as it lives.
  std::span<std::byte> memory{};
  // memory.data() as the back-end sees it (MemoryTable::ToDevice over all of
  // `memory`).
  DeviceAddr memory_addr{};
  // Of one buffer, header included: a multiple of 16. Without MRG_RXBUF no
  // longer frame can be received.
  uint32_t buffer_bytes = 2048;
};

// Since the queue was made.
struct NetQueueStats {
  uint64_t packets = 0;
  uint64_t bytes = 0;    // Of frames, without their headers.
  uint64_t dropped = 0;  // Frames that were not handed on; see each queue.
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
  Counter kicks;
  Counter failed_kicks;

  NetQueueStats Snapshot() const {
    return {packets.value(), bytes.value(), dropped.value(), kicks.value(),
            failed_kicks.value()};
  }
};

// Makes what was offered visible and kicks the device if it wants that. A kick
// that fails is counted: the chains stay published, and the next one tells.
void PublishAndKick(SplitDriverQueue& queue, const VringState& vring,
                    NetQueueCounters& counters);

// kWrongState for a vring without a ring; kInvalidArgument for features that
// this data path does not carry (packed rings, longer headers, EVENT_IDX).
Result<void> CheckNetQueue(const VringState& vring, FeatureSet features);

}  // namespace virtio_user

#endif  // VIRTIO_USER_NET_NET_QUEUE_H_
