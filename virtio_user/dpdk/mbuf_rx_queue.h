// SPDX-License-Identifier: BSD-3-Clause

#ifndef VIRTIO_USER_DPDK_MBUF_RX_QUEUE_H_
#define VIRTIO_USER_DPDK_MBUF_RX_QUEUE_H_

#include <rte_mbuf.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "virtio_user/base/error.h"
#include "virtio_user/net/net_queue.h"
#include "virtio_user/vhost/vring_state.h"

namespace virtio_user {

struct MbufRxOptions {
  FeatureSet features{};        // What the driver accepted; settles the path.
  rte_mempool* pool = nullptr;  // Borrowed.
  uint16_t port = 0;            // Of the mbufs.
};

// Receives into a mempool's buffers; RxPath has the contract. A burst is a
// plain function, chosen once for all queues of a device, as ethdev wants it.
class MbufRxQueue {
 public:
  // As eth_rx_burst_t. `queue` is a MbufRxQueue* made for the same features.
  using Burst = uint16_t (*)(void* queue, rte_mbuf** packets, uint16_t count);
  static Burst BurstFor(FeatureSet accepted);

  // `vring` is borrowed. Requires: the gate is closed; the ring is fresh.
  // kInvalidArgument, kUnsupported: see CheckNetQueue; or a pool whose buffers
  // cannot hold a frame, or lie outside of the pool.
  static Result<std::unique_ptr<MbufRxQueue>> Create(
      VringState& vring, const MbufRxOptions& options);
  virtual ~MbufRxQueue() = default;

  // All buffers go back to the pool. Requires: gate closed and not busy.
  virtual size_t ReclaimAll() = 0;
  virtual size_t in_flight() const = 0;
  // Of a frame, that one mbuf takes.
  virtual uint32_t room() const = 0;
  // The polling thread's alone.
  virtual const std::optional<Error>& broken() const = 0;
  // Any thread.
  virtual NetQueueStats stats() const = 0;
};

}  // namespace virtio_user

#endif  // VIRTIO_USER_DPDK_MBUF_RX_QUEUE_H_
