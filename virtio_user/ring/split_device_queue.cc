// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/ring/split_device_queue.h"

#include <atomic>
#include <cstddef>

#include "virtio_user/base/check.h"
#include "virtio_user/ring/shared_memory.h"
#include "virtio_user/spec/ring.h"

namespace virtio_user {

SplitDeviceQueue::SplitDeviceQueue(const RingLayout& layout,
                                   uint16_t next_avail, uint16_t next_used,
                                   EventIndex event_index)
    : layout_(layout),
      event_index_(event_index),
      next_avail_(next_avail),
      next_used_(next_used),
      known_avail_(next_avail),
      published_(next_used) {
  VU_CHECK(layout.format == RingFormat::kSplit && layout.Check().has_value());
}

uint16_t SplitDeviceQueue::LoadReady() const {
  // Pairs with the driver's release store of the available index
  // (SplitDriverQueue::Publish): the entries and descriptors are seen.
  const uint16_t index = SharedWord<uint16_t>(layout_.driver + kAvailIdxOffset)
                             .load(std::memory_order_acquire);
  return static_cast<uint16_t>(index - next_avail_);
}

// Breaks the queue, and 0, if there cannot be so many.
uint16_t SplitDeviceQueue::CheckReady(uint16_t ready) {
  const auto index = static_cast<uint16_t>(next_avail_ + ready);
  if (ready > layout_.num) {
    Break(Error::Make(ErrorCode::kProtocol,
                      "available index %u is %u ahead of %u in a ring of %u",
                      index, ready, next_avail_, layout_.num));
    return 0;
  }
  known_avail_ = index;
  return ready;
}

uint16_t SplitDeviceQueue::Ready() {
  const auto known = static_cast<uint16_t>(known_avail_ - next_avail_);
  if (known != 0) return known;
  const uint16_t ready = LoadReady();
  if (ready != 0 || event_index_ == EventIndex::kOff || kicks_suppressed_ ||
      asked_kick_ == next_avail_) {
    return CheckReady(ready);
  }
  AskForKick();
  return CheckReady(LoadReady());
}

// "Used Buffer Notification Suppression": a kick for the next entry, please.
void SplitDeviceQueue::AskForKick() {
  asked_kick_ = next_avail_;
  StoreRelaxed<uint16_t>(
      layout_.device + kUsedRingOffset + layout_.num * sizeof(VirtqUsedElem),
      next_avail_);
  // What is asked must be out before the index is looked at once more. Meets
  // the fence in the driver's DeviceWantsKick.
  std::atomic_thread_fence(std::memory_order_seq_cst);
}

// The next head, or kNoHead where it breaks the queue. Requires: Ready().
uint32_t SplitDeviceQueue::LoadHead() {
  const size_t slot = next_avail_ & (layout_.num - 1u);
  const uint16_t head = LoadRelaxed<uint16_t>(
      layout_.driver + kAvailRingOffset + slot * sizeof(uint16_t));
  if (head < layout_.num) return head;
  Break(Error::Make(ErrorCode::kProtocol,
                    "available entry %zu names descriptor %u of a ring of %u",
                    slot, head, layout_.num));
  return kNoHead;
}

Result<std::optional<uint16_t>> SplitDeviceQueue::PopHead() {
  if (!broken_ && Ready() != 0) {
    const uint32_t head = LoadHead();
    if (head != kNoHead) {
      ++next_avail_;
      return static_cast<uint16_t>(head);
    }
  }
  if (broken_) return std::unexpected(*broken_);
  return std::nullopt;
}

Result<bool> SplitDeviceQueue::Pop(AddressResolver resolve,
                                   DescriptorChain& chain) {
  const Result<std::optional<uint16_t>> head = PopHead();
  if (!head) return Fail(head);
  if (!*head) return false;
  const Result<void> walked = WalkChain(layout_, **head, resolve, chain);
  if (!walked) chain.malformed = walked.error();
  return true;
}

PopOutcome SplitDeviceQueue::PopOne(SingleBuffer& one) {
  if (broken_) return PopOutcome::kBroken;
  if (Ready() == 0) {
    return broken_ ? PopOutcome::kBroken : PopOutcome::kNothing;
  }
  const uint32_t head = LoadHead();
  if (head == kNoHead) return PopOutcome::kBroken;
  std::byte* const at = layout_.desc + DescTableBytes(head);
  const auto addr = LoadRelaxed<uint64_t>(at);
  const auto rest = LoadRelaxed<uint64_t>(at + offsetof(VirtqDesc, len));
  const auto flags = static_cast<uint16_t>(rest >> 32);
  if ((flags & (kDescFlagNext | kDescFlagIndirect)) != 0) {
    return PopOutcome::kChain;
  }
  ++next_avail_;
  one.buffer = {{addr}, static_cast<uint32_t>(rest)};
  one.token = {static_cast<uint16_t>(head), 1};
  one.writable = (flags & kDescFlagWrite) != 0;
  return PopOutcome::kOne;
}

void SplitDeviceQueue::PutBatch(uint16_t last, uint32_t bytes, uint16_t count) {
  VU_CHECK(!broken_ && last < layout_.num && count <= layout_.num);
  const size_t slot = next_used_ & (layout_.num - 1u);
  // The ring begins at an offset of 4, so an element is not aligned to its own
  // size: two stores.
  std::byte* const element =
      layout_.device + kUsedRingOffset + slot * sizeof(VirtqUsedElem);
  StoreRelaxed<uint32_t>(element + offsetof(VirtqUsedElem, id), last);
  StoreRelaxed<uint32_t>(element + offsetof(VirtqUsedElem, len), bytes);
  next_used_ = static_cast<uint16_t>(next_used_ + count);
}

void SplitDeviceQueue::Publish() {
  VU_CHECK(!broken_);
  published_count_ += static_cast<uint16_t>(next_used_ - published_);
  published_ = next_used_;
  // Pairs with the driver's acquire load of the used index
  // (SplitDriverQueue::TakeUsed): the element and the written buffers are seen.
  SharedWord<uint16_t>(layout_.device + kUsedIdxOffset)
      .store(next_used_, std::memory_order_release);
}

void SplitDeviceQueue::Break(const Error& reason) {
  if (!broken_) broken_ = reason;
}

bool SplitDeviceQueue::DriverWantsInterrupt() {
  // The used index must be out before this is read, as the driver sets its
  // flags or its event index and then looks at the used index: one of the two
  // sees the other.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (event_index_ == EventIndex::kOff) {
    return (LoadRelaxed<uint16_t>(layout_.driver + kAvailFlagsOffset) &
            kAvailFlagNoInterrupt) == 0;
  }
  const uint64_t count = published_count_ - asked_count_;
  asked_count_ = published_count_;
  const uint16_t event = LoadRelaxed<uint16_t>(
      layout_.driver + kAvailRingOffset + layout_.num * sizeof(uint16_t));
  // "Available Buffer Notification Suppression": whether the index passed the
  // event, 65536 or more entries pass every one.
  return static_cast<uint16_t>(published_ - event - 1) < count;
}

void SplitDeviceQueue::SuppressKicks(bool suppress) {
  kicks_suppressed_ = suppress;
  if (broken_) return;
  if (event_index_ == EventIndex::kOff) {
    StoreRelaxed<uint16_t>(layout_.device + kUsedFlagsOffset,
                           suppress ? kUsedFlagNoNotify : uint16_t{0});
    // Kicks wanted again: the caller looks at the available index after this,
    // which must not move up before the store. Meets the fence in the driver's
    // DeviceWantsKick.
    std::atomic_thread_fence(std::memory_order_seq_cst);
    return;
  }
  if (!suppress) return AskForKick();
  // The flags have to stay 0: an event that has just passed, 65536 entries
  // from its return.
  asked_kick_.reset();
  StoreRelaxed<uint16_t>(
      layout_.device + kUsedRingOffset + layout_.num * sizeof(VirtqUsedElem),
      static_cast<uint16_t>(next_avail_ - 1));
}

}  // namespace virtio_user
