// SPDX-License-Identifier: BSD-3-Clause

#ifndef VIRTIO_USER_NET_RX_QUEUE_H_
#define VIRTIO_USER_NET_RX_QUEUE_H_

#include <cstddef>
#include <memory>
#include <optional>
#include <span>

#include "virtio_user/base/error.h"
#include "virtio_user/net/buffer_pool.h"
#include "virtio_user/net/net_queue.h"
#include "virtio_user/net/packet.h"
#include "virtio_user/vhost/vring_state.h"

namespace virtio_user {

// Receives into the buffers of a BufferPool, by the path that fits the
// accepted features. RxPath has the contract; one virtual call a burst.
class RxQueue {
 public:
  // `vring` and `pool` are borrowed and outlive the queue; pool and queue have
  // one polling thread. Requires: the gate is closed; the ring is fresh or
  // ReclaimAll follows. kInvalidArgument, kUnsupported: see CheckNetQueue; or
  // a ring of one descriptor where a frame takes two.
  static Result<std::unique_ptr<RxQueue>> Create(
      VringState& vring, BufferPool& pool, const NetQueueOptions& options);
  virtual ~RxQueue() = default;

  virtual size_t Receive(std::span<Packet> out) = 0;
  virtual bool SuppressInterrupts(bool suppress) = 0;
  virtual size_t ReclaimAll() = 0;
  virtual size_t in_flight() const = 0;
  // The polling thread's alone.
  virtual const std::optional<Error>& broken() const = 0;
  // Any thread.
  virtual NetQueueStats stats() const = 0;
};

}  // namespace virtio_user

#endif  // VIRTIO_USER_NET_RX_QUEUE_H_
