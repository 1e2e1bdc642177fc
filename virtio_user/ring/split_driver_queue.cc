// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/ring/split_driver_queue.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <limits>

#include "virtio_user/base/check.h"
#include "virtio_user/ring/shared_memory.h"
#include "virtio_user/spec/ring.h"

namespace virtio_user {
namespace {

// The device may look at the descriptor while it is written (it must not, but
// who says so), hence whole words. Publish orders them.
void StoreDescriptor(std::byte* at, const VirtqDesc& desc) {
  const auto words = std::bit_cast<std::array<uint64_t, 2>>(desc);
  StoreRelaxed<uint64_t>(at, words[0]);
  StoreRelaxed<uint64_t>(at + sizeof(uint64_t), words[1]);
}

size_t BufferCount(const OfferedChain& chain) {
  return chain.readable.size() + chain.writable.size();
}

// The i-th descriptor of a chain, apart from where it goes on.
VirtqDesc MakeDescriptor(const OfferedChain& chain, size_t i) {
  const bool readable = i < chain.readable.size();
  const DeviceBuffer& buffer =
      readable ? chain.readable[i] : chain.writable[i - chain.readable.size()];
  return VirtqDesc{.addr = buffer.addr.value,
                   .len = buffer.bytes,
                   .flags = readable ? uint16_t{0} : kDescFlagWrite,
                   .next = 0};
}

uint32_t WritableBytes(const OfferedChain& chain) {
  uint64_t bytes = 0;
  for (const DeviceBuffer& buffer : chain.writable) bytes += buffer.bytes;
  VU_CHECK(bytes <= std::numeric_limits<uint32_t>::max());
  return static_cast<uint32_t>(bytes);
}

}  // namespace

SplitDriverQueue::SplitDriverQueue(Ring& ring, SplitDriverQueueOptions options)
    : ring_(ring), options_(options), slots_(ring.layout.num) {
  VU_CHECK(ring.layout.Check().has_value());
  Reset();
}

void SplitDriverQueue::Reset() {
  const uint32_t num = ring_.layout.num;
  for (uint32_t i = 0; i < num; ++i) {
    slots_[i] = Slot{.next = static_cast<uint16_t>((i + 1) & (num - 1))};
  }
  free_head_ = oldest_ = used_seen_ = in_flight_ = 0;
  free_count_ = ring_.layout.num;
  offered_ = taken_ = batch_left_ = 0;
  broken_.reset();
  SuppressInterrupts(interrupts_suppressed_);
}

bool SplitDriverQueue::Offer(const OfferedChain& chain) {
  const size_t buffer_count = BufferCount(chain);
  VU_CHECK(buffer_count != 0 && buffer_count <= ring_.layout.num);
  const bool indirect = !chain.table_memory.empty();
  const size_t needed = indirect ? 1 : buffer_count;
  if (broken_ || free_count_ < needed) return false;
  const uint16_t head = free_head_;
  Slot& slot = slots_[head];
  slot.cookie = chain.cookie;
  slot.writable_bytes = WritableBytes(chain);
  slot.position = offered_;
  slot.chain_count = static_cast<uint16_t>(needed);
  if (indirect) PutTable(chain);
  free_head_ = PutChain(chain);
  free_count_ = static_cast<uint16_t>(free_count_ - needed);
  const size_t entry = offered_ & (ring_.layout.num - 1u);
  StoreRelaxed<uint16_t>(
      ring_.layout.driver + kAvailRingOffset + entry * sizeof(uint16_t), head);
  ++offered_;
  ++in_flight_;
  return true;
}

// Fills the chain's descriptors, beginning with the first free one, and
// returns the one that is free then. In order, `next` never changes and so
// goes round the table, as "The Virtqueue Descriptor Table" demands.
uint16_t SplitDriverQueue::PutChain(const OfferedChain& chain) {
  uint16_t index = free_head_;
  const uint16_t count = slots_[index].chain_count;
  for (uint16_t i = 0; i < count; ++i) {
    VirtqDesc desc;
    if (chain.table_memory.empty()) {
      desc = MakeDescriptor(chain, i);
    } else {
      desc = {.addr = chain.table_addr.value,
              .len = static_cast<uint32_t>(
                  DescTableBytes(static_cast<uint32_t>(BufferCount(chain)))),
              .flags = kDescFlagIndirect,
              .next = 0};
    }
    const uint16_t next = slots_[index].next;
    if (i + 1 < count) {
      desc.flags |= kDescFlagNext;
      desc.next = next;
    }
    StoreDescriptor(ring_.layout.desc + DescTableBytes(index), desc);
    index = next;
  }
  return index;
}

void SplitDriverQueue::PutTable(const OfferedChain& chain) const {
  const size_t count = BufferCount(chain);
  VU_CHECK(chain.table_memory.size() >= count * sizeof(VirtqDesc));
  std::byte* at = chain.table_memory.data();
  VU_CHECK(reinterpret_cast<uintptr_t>(at) % kDescTableAlign == 0);
  for (size_t i = 0; i < count; ++i) {
    VirtqDesc desc = MakeDescriptor(chain, i);
    if (i + 1 < count) {
      desc.flags |= kDescFlagNext;
      desc.next = static_cast<uint16_t>(i + 1);
    }
    StoreDescriptor(at, desc);
    at += sizeof(VirtqDesc);
  }
}

void SplitDriverQueue::Publish() {
  ring_.published.index = static_cast<uint16_t>(offered_);
  // Pairs with the device's acquire load of the available index
  // (SplitDeviceQueue::PopHead): entries, descriptors and buffers are seen.
  SharedWord<uint16_t>(ring_.layout.driver + kAvailIdxOffset)
      .store(ring_.published.index, std::memory_order_release);
}

bool SplitDriverQueue::DeviceWantsKick() const {
  // The available index must be out before the flags are read, as the device
  // clears its flag and then looks at the index: one of the two sees the other
  // (SplitDeviceQueue::SuppressKicks).
  std::atomic_thread_fence(std::memory_order_seq_cst);
  return (LoadRelaxed<uint16_t>(ring_.layout.device + kUsedFlagsOffset) &
          kUsedFlagNoNotify) == 0;
}

void SplitDriverQueue::SuppressInterrupts(bool suppress) {
  interrupts_suppressed_ = suppress;
  StoreRelaxed<uint16_t>(ring_.layout.driver + kAvailFlagsOffset,
                         suppress ? kAvailFlagNoInterrupt : uint16_t{0});
  // Interrupts wanted: the caller looks at the used index after this. Meets
  // the fence in the device's DriverWantsInterrupt.
  std::atomic_thread_fence(std::memory_order_seq_cst);
}

// How many chains the device has used and the driver has not taken.
Result<uint16_t> SplitDriverQueue::LoadUsedCount() {
  // Pairs with the device's release store of the used index
  // (SplitDeviceQueue::Publish): elements and written buffers are seen.
  const uint16_t used =
      SharedWord<uint16_t>(ring_.layout.device + kUsedIdxOffset)
          .load(std::memory_order_acquire);
  const uint16_t ahead = static_cast<uint16_t>(used - used_seen_);
  const uint16_t most =
      static_cast<uint16_t>(ring_.published.index - used_seen_);
  if (ahead > most) {
    return Fail(ErrorCode::kProtocol,
                "used index %u: it was %u and the device had %u more chains",
                used, used_seen_, most);
  }
  used_seen_ = used;
  return static_cast<uint16_t>(used - taken_);
}

// Reads the next used element of `ready` ones and checks it against what the
// driver remembers.
Result<SplitDriverQueue::UsedElement> SplitDriverQueue::LoadElement(
    uint16_t ready) const {
  const size_t entry = taken_ & (ring_.layout.num - 1u);
  // The ring begins at an offset of 4, so an element is not aligned to its own
  // size: two loads, each of its own field.
  std::byte* const at =
      ring_.layout.device + kUsedRingOffset + entry * sizeof(VirtqUsedElem);
  const uint32_t id = LoadRelaxed<uint32_t>(at + offsetof(VirtqUsedElem, id));
  const uint32_t bytes =
      LoadRelaxed<uint32_t>(at + offsetof(VirtqUsedElem, len));
  const uint32_t unpublished =
      static_cast<uint16_t>(offered_ - ring_.published.index);
  if (id >= slots_.size() || slots_[id].chain_count == 0 ||
      offered_ - slots_[id].position <= unpublished) {
    return Fail(ErrorCode::kProtocol,
                "used element %zu: id %u is no chain that the device has",
                entry, id);
  }
  const Slot& slot = slots_[id];
  if (slot.writable_bytes != 0 && bytes > slot.writable_bytes) {
    return Fail(ErrorCode::kProtocol,
                "used element %zu: %u bytes in chain %u, which takes %u", entry,
                bytes, id, slot.writable_bytes);
  }
  const uint32_t chain_count =
      options_.in_order ? slot.position - taken_ + 1 : 1;
  if (chain_count > ready) {
    return Fail(ErrorCode::kProtocol,
                "used element %zu: id %u stands for %u chains, but the index "
                "for %u",
                entry, id, chain_count, ready);
  }
  return UsedElement{static_cast<uint16_t>(id),
                     std::min(bytes, slot.writable_bytes), chain_count};
}

// Takes one chain of an element that stands for `left` more.
UsedChain SplitDriverQueue::TakeNext(const UsedElement& element,
                                     uint32_t left) {
  const uint16_t head = options_.in_order ? oldest_ : element.head;
  const Slot& slot = slots_[head];
  const UsedChain used{slot.cookie,
                       left == 1 ? element.bytes : slot.writable_bytes};
  Free(head);
  ++taken_;
  --in_flight_;
  return used;
}

// Makes a chain's descriptors free again; the driver's own notes tell which.
void SplitDriverQueue::Free(uint16_t head) {
  const uint16_t count = slots_[head].chain_count;
  slots_[head].chain_count = 0;
  free_count_ = static_cast<uint16_t>(free_count_ + count);
  if (options_.in_order) {
    oldest_ = static_cast<uint16_t>((head + count) & (ring_.layout.num - 1));
    return;
  }
  uint16_t last = head;
  for (uint16_t i = 1; i < count; ++i) last = slots_[last].next;
  slots_[last].next = free_head_;
  free_head_ = head;
}

Result<size_t> SplitDriverQueue::TakeUsed(std::span<UsedChain> out) {
  if (broken_) return std::unexpected(*broken_);
  const Result<uint16_t> ready = LoadUsedCount();
  if (!ready) {
    broken_ = ready.error();
    return std::unexpected(*broken_);
  }
  const size_t count = std::min<size_t>(out.size(), *ready);
  for (size_t i = 0; i < count; ++i) {
    if (batch_left_ == 0) {
      const auto element = LoadElement(static_cast<uint16_t>(*ready - i));
      if (!element) {
        broken_ = element.error();
        if (i == 0) return std::unexpected(*broken_);
        return i;
      }
      batch_ = *element;
      batch_left_ = element->chain_count;
    }
    out[i] = TakeNext(batch_, batch_left_--);
  }
  return count;
}

void SplitDriverQueue::Break(const Error& reason) {
  if (!broken_) broken_ = reason;
}

void SplitDriverQueue::ReclaimAll(FunctionRef<void(uint32_t cookie)> lost) {
  VU_CHECK(!ring_.gate.open());
  for (const Slot& slot : slots_) {
    if (slot.chain_count != 0) lost(slot.cookie);
  }
  ring_.layout.Zero();
  ring_.published.index = 0;
  Reset();
}

}  // namespace virtio_user
