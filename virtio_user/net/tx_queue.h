// SPDX-License-Identifier: BSD-3-Clause

#ifndef VIRTIO_USER_NET_TX_QUEUE_H_
#define VIRTIO_USER_NET_TX_QUEUE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "virtio_user/base/error.h"
#include "virtio_user/net/buffer_pool.h"
#include "virtio_user/net/net_header.h"
#include "virtio_user/net/net_queue.h"
#include "virtio_user/ring/split_driver_queue.h"
#include "virtio_user/vhost/vring_state.h"

namespace virtio_user {

// Sends frames on a split ring from buffers of its own. One thread polls; it
// takes the ring's gate for each call and does nothing while that is closed.
// Stopping and starting the device changes nothing in here: what was with the
// device then is used later.
class TxQueue {
 public:
  // `vring` and `options.memory` are borrowed and outlive the queue. Requires:
  // the gate is closed; the ring is fresh or ReclaimAll follows.
  static Result<std::unique_ptr<TxQueue>> Create(
      VringState& vring, const NetQueueOptions& options);

  // Copies the frame into buffers behind an all-zero header, makes it visible
  // and kicks once. False: no room or the gate is closed (try again later), or
  // the queue is broken. A frame that is empty or longer than
  // max_frame_bytes() can never be sent: it is dropped, counted, and true.
  bool Send(std::span<const std::byte> frame) {
    return SendBurst({&frame, 1}) == 1;
  }
  // The same for many frames with one kick at most; how many, from the front,
  // the caller is rid of.
  size_t SendBurst(std::span<const std::span<const std::byte>> frames);

  // Takes back what the device has sent, at most one ring full; how many
  // frames. Sending does this by itself.
  size_t Reap();

  // After the device is gone (Device::Reattach): takes every buffer back and
  // starts the ring afresh; how many frames nobody knows the fate of. They are
  // counted as dropped too. Requires: gate closed and not busy.
  size_t ReclaimAll();

  size_t max_frame_bytes() const { return max_frame_bytes_; }
  // Frames sent and not reaped.
  size_t in_flight() const { return queue_.in_flight(); }
  // Why the queue does nothing any more. The polling thread's alone.
  const std::optional<Error>& broken() const { return queue_.broken(); }
  // Any thread.
  NetQueueStats stats() const { return counters_.Snapshot(); }

 private:
  TxQueue(VringState& vring, const NetQueueOptions& options, BufferPool pool);

  size_t MaxFrameBytes() const;
  uint32_t BufferCount(size_t frame_bytes) const;
  bool SendOne(std::span<const std::byte> frame);
  void Fill(uint32_t index, std::span<const std::byte> frame);
  size_t ReapEntered();

  VringState& vring_;
  BufferPool pool_;
  SplitDriverQueue queue_;
  const uint32_t header_bytes_;
  const HeaderPlace header_place_;
  const bool indirect_;
  std::vector<DeviceBuffer> segments_;  // Of the frame that is being sent.
  const size_t max_frame_bytes_;
  NetQueueCounters counters_;
};

}  // namespace virtio_user

#endif  // VIRTIO_USER_NET_TX_QUEUE_H_
