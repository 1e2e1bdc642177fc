// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/net/rx_queue.h"

#include <utility>

namespace virtio_user {

Result<std::unique_ptr<RxQueue>> RxQueue::Create(
    VringState& vring, const NetQueueOptions& options) {
  const Result<void> vring_check = CheckNetQueue(vring, options.features);
  if (!vring_check) return Fail(vring_check);
  Result<BufferPool> pool = BufferPool::Create(options);
  if (!pool) return Fail(pool);
  if (RxHeaderPlace(options.features) == HeaderPlace::kOwnDescriptor &&
      vring.ring.layout.num < 2) {
    return Fail(ErrorCode::kInvalidArgument,
                "a ring of 1 descriptor cannot take a legacy header and data");
  }
  return std::unique_ptr<RxQueue>(
      new RxQueue(vring, options, std::move(*pool)));
}

RxQueue::RxQueue(VringState& vring, const NetQueueOptions& options,
                 BufferPool pool)
    : vring_(vring),
      pool_(std::move(pool)),
      queue_(vring.ring, {.in_order = options.features.Has(Feature::kInOrder)}),
      header_bytes_(static_cast<uint32_t>(NetHeaderBytes(options.features))),
      header_place_(RxHeaderPlace(options.features)),
      mergeable_(options.features.Has(Feature::kNetMrgRxbuf)) {
  if (mergeable_) merged_.reserve(kMaxFrameBytes);
}

// Gives the device every free buffer that the ring has room for. Part of every
// poll, one that received nothing too: a ring that went empty once must fill up
// again.
void RxQueue::Refill() {
  bool offered = false;
  for (uint32_t i = pool_.free_count(); i > 0; --i) {
    const std::optional<uint32_t> index = pool_.Take(1);
    if (!index) break;
    if (!OfferOne(*index)) {
      pool_.Give(*index);
      break;
    }
    offered = true;
  }
  if (offered) PublishAndKick(queue_, vring_, counters_);
}

bool RxQueue::OfferOne(uint32_t index) {
  const uint32_t bytes = pool_.buffer_bytes();
  const std::array whole = {pool_.Device(index, 0, bytes)};
  const std::array split = {
      pool_.Device(index, 0, header_bytes_),
      pool_.Device(index, header_bytes_, bytes - header_bytes_)};
  OfferedChain chain{.cookie = index};
  chain.writable = header_place_ == HeaderPlace::kWithData
                       ? std::span<const DeviceBuffer>(whole)
                       : std::span<const DeviceBuffer>(split);
  return queue_.Offer(chain);
}

// The next used buffer, if the device has used one.
std::optional<UsedChain> RxQueue::NextUsed() {
  if (used_next_ == used_end_) {
    used_next_ = used_end_ = 0;
    const Result<size_t> count = queue_.TakeUsed(used_);
    if (!count || *count == 0) return std::nullopt;
    used_end_ = *count;
  }
  return used_[used_next_++];
}

size_t RxQueue::Receive(size_t max_frames, FrameHandler handle) {
  const RingTurn turn(vring_.ring.gate);
  if (!turn.entered()) return 0;
  size_t received = 0;
  for (size_t i = 0; i < max_frames; ++i) {
    const std::optional<UsedChain> first = NextUsed();
    if (!first) break;
    if (ReceiveOne(*first, handle)) {
      ++received;
    } else {
      counters_.dropped.Add(1);
    }
  }
  Refill();
  return received;
}

// Handles the frame that begins in `first`; whether it was handed on.
bool RxQueue::ReceiveOne(UsedChain first, FrameHandler handle) {
  std::byte* const header = pool_.Host(first.cookie).data();
  bool handed_on = false;
  if (first.bytes >= header_bytes_) {
    const uint16_t num_buffers = mergeable_ ? LoadNumBuffers(header) : 1;
    if (num_buffers > 1) return ReceiveMerged(first, num_buffers, handle);
    if (num_buffers == 1) {
      handed_on =
          HandOn({header + header_bytes_, first.bytes - header_bytes_}, handle);
    }
  }
  pool_.Give(first.cookie);
  return handed_on;
}

// Copies a buffer's bytes from `skip` on behind those of the frame so far, and
// gives the buffer back. False: the frame has become too long.
bool RxQueue::Append(UsedChain chain, uint32_t skip) {
  const std::byte* const start = pool_.Host(chain.cookie).data();
  const size_t bytes = chain.bytes - skip;
  const bool fits = merged_.size() + bytes <= kMaxFrameBytes;
  if (fits) {
    merged_.insert(merged_.end(), start + skip, start + chain.bytes);
  }
  pool_.Give(chain.cookie);
  return fits;
}

bool RxQueue::ReceiveMerged(UsedChain first, uint16_t num_buffers,
                            FrameHandler handle) {
  merged_.clear();
  bool fits = Append(first, header_bytes_);
  for (uint16_t i = 1; i < num_buffers; ++i) {
    const std::optional<UsedChain> more = NextUsed();
    if (!more) {
      queue_.Break(Error::Make(ErrorCode::kProtocol,
                               "a frame of %u buffers, of which the device has "
                               "used %u",
                               num_buffers, i));
      return false;
    }
    const bool more_fits = Append(*more, 0);
    fits = fits && more_fits;
  }
  return fits && HandOn(merged_, handle);
}

bool RxQueue::HandOn(std::span<const std::byte> frame, FrameHandler handle) {
  if (frame.empty()) return false;
  counters_.packets.Add(1);
  counters_.bytes.Add(frame.size());
  handle(frame);
  return true;
}

bool RxQueue::SuppressInterrupts(bool suppress) {
  const RingTurn turn(vring_.ring.gate);
  if (!turn.entered()) return false;
  queue_.SuppressInterrupts(suppress);
  return true;
}

size_t RxQueue::ReclaimAll() {
  size_t lost = 0;
  queue_.ReclaimAll([&](uint32_t cookie) {
    pool_.Give(cookie);
    ++lost;
  });
  for (; used_next_ != used_end_; ++used_next_) {
    pool_.Give(used_[used_next_].cookie);
  }
  return lost;
}

}  // namespace virtio_user
