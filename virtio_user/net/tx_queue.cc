// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/net/tx_queue.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "virtio_user/base/check.h"
#include "virtio_user/spec/ring.h"

namespace virtio_user {

Result<std::unique_ptr<TxQueue>> TxQueue::Create(
    VringState& vring, const NetQueueOptions& options) {
  const Result<void> vring_check = CheckNetQueue(vring, options.features);
  if (!vring_check) return Fail(vring_check);
  Result<BufferPool> pool = BufferPool::Create(options);
  if (!pool) return Fail(pool);
  std::unique_ptr<TxQueue> queue(new TxQueue(vring, options, std::move(*pool)));
  if (queue->max_frame_bytes() == 0) {
    return Fail(ErrorCode::kInvalidArgument,
                "a ring of %u descriptors with %u buffers can send nothing",
                vring.ring.layout.num, queue->pool_.size());
  }
  return queue;
}

TxQueue::TxQueue(VringState& vring, const NetQueueOptions& options,
                 BufferPool pool)
    : vring_(vring),
      pool_(std::move(pool)),
      queue_(vring.ring, {.in_order = options.features.Has(Feature::kInOrder)}),
      header_bytes_(static_cast<uint32_t>(NetHeaderBytes(options.features))),
      header_place_(TxHeaderPlace(options.features)),
      indirect_(options.features.Has(Feature::kIndirectDesc)),
      max_frame_bytes_(MaxFrameBytes()) {
  segments_.reserve(vring.ring.layout.num);
}

// A chain has at most as many descriptors as the ring, in a table too; a table
// takes a buffer of its own and has to fit into it.
size_t TxQueue::MaxFrameBytes() const {
  const size_t header_segments =
      header_place_ == HeaderPlace::kOwnDescriptor ? 1 : 0;
  const auto frame_bytes = [&](size_t segments, size_t buffers) -> size_t {
    if (segments <= header_segments || buffers == 0) return 0;
    const size_t used = std::min(segments - header_segments, buffers);
    return used * pool_.buffer_bytes() - header_bytes_;
  };
  const size_t num = vring_.ring.layout.num;
  if (!indirect_) return frame_bytes(num, pool_.size());
  const size_t table = pool_.buffer_bytes() / sizeof(VirtqDesc);
  const size_t one_descriptor = frame_bytes(1, pool_.size());
  return std::max(one_descriptor,
                  frame_bytes(std::min(num, table), pool_.size() - 1));
}

uint32_t TxQueue::BufferCount(size_t frame_bytes) const {
  const size_t bytes = frame_bytes + header_bytes_;
  return static_cast<uint32_t>((bytes + pool_.buffer_bytes() - 1) /
                               pool_.buffer_bytes());
}

size_t TxQueue::SendBurst(std::span<const std::span<const std::byte>> frames) {
  const RingTurn turn(vring_.ring.gate);
  if (!turn.entered()) return 0;
  ReapEntered();
  if (queue_.broken()) return 0;
  const uint64_t packets_before = counters_.packets.value();
  size_t count = 0;
  for (const std::span<const std::byte> frame : frames) {
    if (frame.empty() || frame.size() > max_frame_bytes_) {
      counters_.dropped.Add(1);
    } else if (!SendOne(frame)) {
      break;
    }
    ++count;
  }
  if (counters_.packets.value() != packets_before) {
    PublishAndKick(queue_, vring_, counters_);
  }
  return count;
}

bool TxQueue::SendOne(std::span<const std::byte> frame) {
  const uint32_t buffer_count = BufferCount(frame.size());
  const uint32_t segment_count =
      buffer_count + (header_place_ == HeaderPlace::kOwnDescriptor ? 1 : 0);
  const bool table = indirect_ && segment_count > 1;
  if (queue_.free_count() < (table ? 1 : segment_count)) return false;
  const auto first = pool_.Take(buffer_count + (table ? 1 : 0));
  if (!first) return false;
  OfferedChain chain{.cookie = *first};
  if (table) {
    // The chain's first buffer holds the table, its others the frame.
    chain.table_memory = pool_.Host(*first);
    chain.table_addr = pool_.Device(*first, 0, 0).addr;
  }
  Fill(table ? pool_.Next(*first) : *first, frame);
  chain.readable = segments_;
  // Room was looked for above.
  VU_CHECK(queue_.Offer(chain));
  counters_.packets.Add(1);
  counters_.bytes.Add(frame.size());
  return true;
}

// Copies header and frame into a chain of buffers from `index` on and notes
// the segments. Buffers are written in full before the ring's release store;
// what they hold is data, which the device may change under our hands without
// harm to anybody but the frame.
void TxQueue::Fill(uint32_t index, std::span<const std::byte> frame) {
  segments_.clear();
  std::memset(pool_.Host(index).data(), 0, header_bytes_);
  if (header_place_ == HeaderPlace::kOwnDescriptor) {
    segments_.push_back(pool_.Device(index, 0, header_bytes_));
  }
  uint32_t start = header_bytes_;
  while (!frame.empty()) {
    const std::span<std::byte> room = pool_.Host(index).subspan(start);
    const size_t bytes = std::min(room.size(), frame.size());
    std::memcpy(room.data(), frame.data(), bytes);
    const uint32_t from = header_place_ == HeaderPlace::kWithData ? 0 : start;
    segments_.push_back(
        pool_.Device(index, from, static_cast<uint32_t>(start + bytes - from)));
    frame = frame.subspan(bytes);
    if (!frame.empty()) index = pool_.Next(index);
    start = 0;
  }
}

size_t TxQueue::Reap() {
  const RingTurn turn(vring_.ring.gate);
  return turn.entered() ? ReapEntered() : 0;
}

size_t TxQueue::ReapEntered() {
  std::array<UsedChain, 64> used;
  size_t reaped = 0;
  while (reaped < vring_.ring.layout.num) {
    const Result<size_t> count = queue_.TakeUsed(used);
    if (!count || *count == 0) break;
    for (const UsedChain& chain : std::span(used).first(*count)) {
      pool_.Give(chain.cookie);
    }
    reaped += *count;
  }
  return reaped;
}

size_t TxQueue::ReclaimAll() {
  size_t lost = 0;
  queue_.ReclaimAll([&](uint32_t cookie) {
    pool_.Give(cookie);
    ++lost;
  });
  counters_.dropped.Add(lost);
  return lost;
}

}  // namespace virtio_user
