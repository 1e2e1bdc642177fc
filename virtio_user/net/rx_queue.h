// SPDX-License-Identifier: BSD-3-Clause

#ifndef VIRTIO_USER_NET_RX_QUEUE_H_
#define VIRTIO_USER_NET_RX_QUEUE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "virtio_user/base/error.h"
#include "virtio_user/base/function_ref.h"
#include "virtio_user/net/buffer_pool.h"
#include "virtio_user/net/net_header.h"
#include "virtio_user/net/net_queue.h"
#include "virtio_user/ring/split_driver_queue.h"
#include "virtio_user/vhost/vring_state.h"

namespace virtio_user {

// Receives frames on a split ring into buffers of its own. One thread polls;
// it takes the ring's gate for each call and does nothing while that is
// closed. Every poll, the first and an empty one too, ends with all free
// buffers given to the device. Stopping and starting the device changes nothing
// in here.
//
// What a device may do wrong, beyond what breaks a SplitDriverQueue:
// - fewer bytes than a header, or a header and nothing more: dropped, counted.
// - num_buffers 0: the frame is dropped and counted. The used element bounds
//   it, so what follows is still understood.
// - num_buffers larger than the buffers that are used by then: the queue is
//   broken. The spec has a frame's buffers used together, and a buffer that
//   does not begin with a header cannot be told from one that does.
// - a frame of several buffers longer than kMaxFrameBytes: dropped, counted.
// - flags or gso_type other than 0: ignored, the frame is handed on as it is.
//   A device that was not given GUEST_CSUM or GUEST_TSO must leave both 0, and
//   what a driver does otherwise the spec leaves open; the frame is bounded by
//   its buffers either way, and nobody may rely on its checksum. Nothing of
//   these fields reaches the handler, so a driver that accepted GUEST_CSUM or
//   GUEST_TSO could not complete what it gets: do not accept them.
class RxQueue {
 public:
  // The longest frame that a device can send, large receive included.
  static constexpr size_t kMaxFrameBytes = 65589;

  // A frame without its header; valid during the call. A frame of one buffer
  // lies in shared memory, where a hostile device can still change it: copy
  // what is looked at twice. Must not call the queue.
  using FrameHandler = FunctionRef<void(std::span<const std::byte> frame)>;

  // `vring` and `options.memory` are borrowed and outlive the queue. Requires:
  // the gate is closed; the ring is fresh or ReclaimAll follows.
  static Result<std::unique_ptr<RxQueue>> Create(
      VringState& vring, const NetQueueOptions& options);

  // Handles up to `max_frames` frames, dropped ones included; how many were
  // handed to `handle`. Then refills, with one kick at most. 0 while the gate
  // is closed or once the queue is broken.
  size_t Receive(size_t max_frames, FrameHandler handle);

  // Asks for no interrupts (the initial state) or for them; look for frames
  // again after asking. False: the gate is closed and nothing was done.
  bool SuppressInterrupts(bool suppress);

  // After the device is gone (Device::Reattach): takes every buffer back and
  // starts the ring afresh; how many buffers were with the device. Requires:
  // gate closed and not busy.
  size_t ReclaimAll();

  // Buffers that the device has, or that wait to be looked at.
  size_t in_flight() const { return pool_.size() - pool_.free_count(); }
  // Why the queue does nothing any more. The polling thread's alone.
  const std::optional<Error>& broken() const { return queue_.broken(); }
  // Any thread.
  NetQueueStats stats() const { return counters_.Snapshot(); }

 private:
  RxQueue(VringState& vring, const NetQueueOptions& options, BufferPool pool);

  void Refill();
  bool OfferOne(uint32_t index);
  std::optional<UsedChain> NextUsed();
  bool ReceiveOne(UsedChain first, FrameHandler handle);
  bool ReceiveMerged(UsedChain first, uint16_t num_buffers,
                     FrameHandler handle);
  bool Append(UsedChain chain, uint32_t skip);
  bool HandOn(std::span<const std::byte> frame, FrameHandler handle);

  VringState& vring_;
  BufferPool pool_;
  SplitDriverQueue queue_;
  const uint32_t header_bytes_;
  const HeaderPlace header_place_;
  const bool mergeable_;
  // Chains taken from the ring and not looked at yet.
  std::array<UsedChain, 64> used_;
  size_t used_next_ = 0;
  size_t used_end_ = 0;
  std::vector<std::byte> merged_;  // A frame of several buffers.
  NetQueueCounters counters_;
};

}  // namespace virtio_user

#endif  // VIRTIO_USER_NET_RX_QUEUE_H_
