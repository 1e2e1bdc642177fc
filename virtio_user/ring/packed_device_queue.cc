// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/ring/packed_device_queue.h"

#include <atomic>
#include <bit>

#include "virtio_user/base/check.h"
#include "virtio_user/ring/shared_memory.h"
#include "virtio_user/spec/ring.h"

namespace virtio_user {
namespace {

// Loaded and stored whole, so that offset and flags belong together.
PackedEvent LoadEvent(std::byte* at) {
  return std::bit_cast<PackedEvent>(LoadRelaxed<uint32_t>(at));
}

}  // namespace

PackedDeviceQueue::PackedDeviceQueue(const RingLayout& layout,
                                     RingPosition next_avail,
                                     RingPosition next_used,
                                     EventIndex event_index)
    : layout_(layout),
      event_index_(event_index),
      next_avail_(next_avail),
      next_used_(next_used),
      in_flight_(0),
      published_(next_used) {
  VU_CHECK(layout.format == RingFormat::kPacked && layout.Check().has_value());
  VU_CHECK(next_avail.index < layout.num && next_used.index < layout.num);
  const uint32_t ahead = RingDistance(layout, next_used, next_avail);
  VU_CHECK(ahead <= layout.num);
  in_flight_ = static_cast<uint16_t>(ahead);
}

bool PackedDeviceQueue::LoadHead(PackedTail& tail) {
  tail = LoadPackedTail(layout_, next_avail_.index);
  if (IsAvailable(tail, next_avail_)) return true;
  if (event_index_ == EventIndex::kOff || kicks_suppressed_ ||
      asked_kick_ == next_avail_) {
    return false;
  }
  AskForKick();
  tail = LoadPackedTail(layout_, next_avail_.index);
  return IsAvailable(tail, next_avail_);
}

void PackedDeviceQueue::Take(uint16_t count) {
  Advance(layout_, count, next_avail_);
  in_flight_ = static_cast<uint16_t>(in_flight_ + count);
}

Result<bool> PackedDeviceQueue::Pop(AddressResolver resolve,
                                    DescriptorChain& chain) {
  if (broken_) return std::unexpected(*broken_);
  PackedTail tail;
  if (!LoadHead(tail)) return false;
  chain.Clear();
  const auto most = static_cast<uint16_t>(layout_.num - in_flight_);
  const Result<void> walked =
      WalkPackedList(layout_, {next_avail_, tail, most}, resolve, chain);
  if (!walked) {
    Break(walked.error());
    return Fail(walked);
  }
  Take(chain.token.descriptor_count);
  return true;
}

PopOutcome PackedDeviceQueue::PopOne(SingleBuffer& one) {
  if (broken_) return PopOutcome::kBroken;
  PackedTail tail;
  if (!LoadHead(tail)) return PopOutcome::kNothing;
  if ((tail.flags & (kDescFlagNext | kDescFlagIndirect)) != 0 ||
      in_flight_ == layout_.num) {
    return PopOutcome::kChain;
  }
  one.buffer = {LoadPackedAddr(layout_, next_avail_.index), tail.len};
  one.token = {tail.id, 1};
  one.writable = (tail.flags & kDescFlagWrite) != 0;
  Take(1);
  return PopOutcome::kOne;
}

void PackedDeviceQueue::PutBatch(uint16_t last, uint32_t bytes,
                                 uint32_t descriptor_count) {
  VU_CHECK(!broken_ && descriptor_count != 0 && descriptor_count <= in_flight_);
  // "The Virtqueue Descriptor Ring": both flags as the wrap counter; WRITE
  // says that the length has a meaning.
  uint16_t flags = next_used_.wrap ? kPackedFlagAvail | kPackedFlagUsed : 0;
  if (bytes != 0) flags |= kDescFlagWrite;
  const uint64_t word = WordOf({.len = bytes, .id = last, .flags = flags});
  if (published_count_ == put_count_) {
    withheld_ = {next_used_.index, word};
  } else {
    // The driver gets here through the first one, which Publish releases.
    StorePackedTail(layout_, next_used_.index, word, std::memory_order_relaxed);
  }
  Advance(layout_, descriptor_count, next_used_);
  in_flight_ = static_cast<uint16_t>(in_flight_ - descriptor_count);
  put_count_ += descriptor_count;
}

void PackedDeviceQueue::Publish() {
  VU_CHECK(!broken_);
  if (published_count_ == put_count_) return;
  // Pairs with the driver's acquire load of the descriptor's tail
  // (PackedDriverQueue::TakeUsed): the other used descriptors of the batch and
  // the written buffers are seen.
  StorePackedTail(layout_, withheld_.index, withheld_.word,
                  std::memory_order_release);
  published_count_ = put_count_;
  published_ = next_used_;
}

void PackedDeviceQueue::Break(const Error& reason) {
  if (!broken_) broken_ = reason;
}

bool PackedDeviceQueue::DriverWantsInterrupt() {
  // What was used must be out before this is read, as the driver writes its
  // event area and then looks at the ring: one of the two sees the other.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  const PackedEvent event = LoadEvent(layout_.driver);
  const uint64_t count = published_count_ - asked_count_;
  asked_count_ = published_count_;
  const uint16_t flags = event.flags & kPackedEventFlagsMask;
  // What has no meaning here costs an interrupt rather than losing one.
  if (event_index_ == EventIndex::kOff || flags != kPackedEventDesc) {
    return flags != kPackedEventDisable;
  }
  const RingPosition at = {
      static_cast<uint16_t>(event.offset_wrap & ~kPackedEventWrap),
      (event.offset_wrap & kPackedEventWrap) != 0};
  if (at.index >= layout_.num) return true;
  // Behind the end of what is published, so from 1 to 2 num.
  const uint32_t round = 2 * uint32_t{layout_.num};
  const uint32_t behind = round - RingDistance(layout_, published_, at);
  return behind <= count;
}

void PackedDeviceQueue::StoreEvent(RingPosition at, uint16_t flags) {
  const auto wrap = at.wrap ? kPackedEventWrap : uint16_t{0};
  StoreRelaxed<uint32_t>(
      layout_.device, std::bit_cast<uint32_t>(PackedEvent{
                          .offset_wrap = static_cast<uint16_t>(at.index | wrap),
                          .flags = flags}));
  // The event must be out before the ring is looked at once more. Meets the
  // fence in the driver's DeviceWantsKick.
  std::atomic_thread_fence(std::memory_order_seq_cst);
}

// "Driver and Device Event Suppression": a kick for the next descriptor.
void PackedDeviceQueue::AskForKick() {
  asked_kick_ = next_avail_;
  StoreEvent(next_avail_, kPackedEventDesc);
}

void PackedDeviceQueue::SuppressKicks(bool suppress) {
  kicks_suppressed_ = suppress;
  if (broken_) return;
  if (!suppress && event_index_ == EventIndex::kOn) return AskForKick();
  asked_kick_.reset();
  StoreEvent({0, false}, suppress ? kPackedEventDisable : kPackedEventEnable);
}

}  // namespace virtio_user
