// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/ring/split_device_queue.h"

#include <atomic>

#include "virtio_user/base/check.h"
#include "virtio_user/ring/shared_memory.h"
#include "virtio_user/spec/ring.h"

namespace virtio_user {

SplitDeviceQueue::SplitDeviceQueue(const RingLayout& layout,
                                   uint16_t next_avail, uint16_t next_used)
    : layout_(layout), next_avail_(next_avail), next_used_(next_used) {
  VU_CHECK(layout.Check().has_value());
}

Result<std::optional<uint16_t>> SplitDeviceQueue::PopHead() {
  if (broken_) return std::unexpected(*broken_);
  // Pairs with the driver's release store of the available index
  // (SplitDriverQueue::Publish): the entries and descriptors are seen.
  const uint16_t index = SharedWord<uint16_t>(layout_.driver + kAvailIdxOffset)
                             .load(std::memory_order_acquire);
  const uint16_t ready = static_cast<uint16_t>(index - next_avail_);
  if (ready == 0) return std::nullopt;
  if (ready > layout_.num) {
    Break(Error::Make(ErrorCode::kProtocol,
                      "available index %u is %u ahead of %u in a ring of %u",
                      index, ready, next_avail_, layout_.num));
    return std::unexpected(*broken_);
  }
  const size_t slot = next_avail_ & (layout_.num - 1u);
  const uint16_t head = LoadRelaxed<uint16_t>(
      layout_.driver + kAvailRingOffset + slot * sizeof(uint16_t));
  if (head >= layout_.num) {
    Break(Error::Make(ErrorCode::kProtocol,
                      "available entry %zu names descriptor %u of a ring of %u",
                      slot, head, layout_.num));
    return std::unexpected(*broken_);
  }
  ++next_avail_;
  return head;
}

void SplitDeviceQueue::Put(uint16_t head, uint32_t bytes) {
  VU_CHECK(!broken_ && head < layout_.num);
  const size_t slot = next_used_ & (layout_.num - 1u);
  // The ring begins at an offset of 4, so an element is not aligned to its own
  // size: two stores.
  std::byte* const element =
      layout_.device + kUsedRingOffset + slot * sizeof(VirtqUsedElem);
  StoreRelaxed<uint32_t>(element + offsetof(VirtqUsedElem, id), head);
  StoreRelaxed<uint32_t>(element + offsetof(VirtqUsedElem, len), bytes);
  ++next_used_;
}

void SplitDeviceQueue::Publish() {
  VU_CHECK(!broken_);
  // Pairs with the driver's acquire load of the used index
  // (SplitDriverQueue::TakeUsed): the element and the written buffers are seen.
  SharedWord<uint16_t>(layout_.device + kUsedIdxOffset)
      .store(next_used_, std::memory_order_release);
}

void SplitDeviceQueue::Break(const Error& reason) {
  if (!broken_) broken_ = reason;
}

bool SplitDeviceQueue::DriverWantsInterrupt() const {
  // The used index must be out before the flags are read, as the driver sets
  // its flags and then looks at the index: one of the two sees the other.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  return (LoadRelaxed<uint16_t>(layout_.driver + kAvailFlagsOffset) &
          kAvailFlagNoInterrupt) == 0;
}

void SplitDeviceQueue::SuppressKicks(bool suppress) {
  if (broken_) return;
  StoreRelaxed<uint16_t>(layout_.device + kUsedFlagsOffset,
                         suppress ? kUsedFlagNoNotify : uint16_t{0});
  // Kicks wanted again: the caller looks at the available index after this,
  // which must not move up before the store. Meets the fence in the driver's
  // DeviceWantsKick.
  std::atomic_thread_fence(std::memory_order_seq_cst);
}

}  // namespace virtio_user
