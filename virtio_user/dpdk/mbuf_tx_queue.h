// SPDX-License-Identifier: BSD-3-Clause

#ifndef VIRTIO_USER_DPDK_MBUF_TX_QUEUE_H_
#define VIRTIO_USER_DPDK_MBUF_TX_QUEUE_H_

#include <rte_mbuf.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "virtio_user/base/error.h"
#include "virtio_user/net/net_queue.h"
#include "virtio_user/vhost/vring_state.h"

namespace virtio_user {

// Sends mbufs; TxPath has the contract, and see MbufRxQueue.
class MbufTxQueue {
 public:
  // As eth_tx_burst_t. `queue` is a MbufTxQueue* made for the same features.
  using Burst = uint16_t (*)(void* queue, rte_mbuf** packets, uint16_t count);
  static Burst BurstFor(FeatureSet accepted);

  // `vring` and the scratch memory are borrowed. Requires: the gate is closed;
  // the ring is fresh; the scratch memory is as NetQueueOptions says.
  // kInvalidArgument, kUnsupported: see CheckNetQueue.
  static Result<std::unique_ptr<MbufTxQueue>> Create(
      VringState& vring, const NetQueueOptions& options);
  virtual ~MbufTxQueue() = default;

  // Frees up to `max_packets` packets that the device is done with.
  virtual size_t Complete(size_t max_packets) = 0;
  // Frees all packets. Requires: gate closed and not busy.
  virtual size_t ReclaimAll() = 0;
  virtual size_t in_flight() const = 0;
  // The polling thread's alone.
  virtual const std::optional<Error>& broken() const = 0;
  // Any thread.
  virtual NetQueueStats stats() const = 0;
};

}  // namespace virtio_user

#endif  // VIRTIO_USER_DPDK_MBUF_TX_QUEUE_H_
