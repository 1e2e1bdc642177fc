// SPDX-License-Identifier: BSD-3-Clause

#ifndef VIRTIO_USER_RING_PACKED_DRIVER_QUEUE_H_
#define VIRTIO_USER_RING_PACKED_DRIVER_QUEUE_H_

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "virtio_user/base/check.h"
#include "virtio_user/base/error.h"
#include "virtio_user/base/function_ref.h"
#include "virtio_user/ring/driver_chain.h"
#include "virtio_user/ring/driver_notifications.h"
#include "virtio_user/ring/driver_queue.h"
#include "virtio_user/ring/ring_barrier.h"
#include "virtio_user/ring/ring_layout.h"
#include "virtio_user/ring/shared_memory.h"
#include "virtio_user/spec/ring.h"

namespace virtio_user {

// The driver's side of a packed virtqueue; DriverQueue has the contract.
//
// A chain's slot is its buffer id. In any order, free ids lie on a stack. In
// order, the id is the index of the chain's first descriptor. Descriptors are
// written as soon as they are offered; the first of what is not published yet
// keeps its old flags, so that the device, which goes through the ring in
// order, stops there until Publish.
template <UseOrder kOrder, typename CookieT>
class PackedDriverQueue {
 public:
  using Cookie = CookieT;

  // `ring` is borrowed and outlives the queue. The ring must be fresh (all
  // zero, published at its start) or ReclaimAll must be called first. Writes
  // the driver's event suppression, so the gate is closed. Requires:
  // ring.layout passes RingLayout::Check and is kPacked.
  explicit PackedDriverQueue(Ring& ring, RingOrder order = RingOrder::kSmp)
      : num_(ring.layout.num),
        desc_(ring.layout.desc),
        slots_(std::make_unique<Slot[]>(num_)),
        notes_(std::make_unique<ChainNote[]>(num_)),
        ring_(ring),
        order_(order),
        notifications_(ring, order) {
    VU_CHECK(ring.layout.format == RingFormat::kPacked);
    VU_CHECK(ring.layout.Check().has_value());
    if constexpr (!kInOrder) ids_ = std::make_unique<uint16_t[]>(num_);
    Reset();
  }

  template <BufferUse kUse>
  [[gnu::always_inline]] void OfferOne(DeviceBuffer buffer, Cookie cookie) {
    VU_CHECK(free_count_ != 0);
    PutRun(1, [&](uint16_t) {
      return PlainOffer<Cookie>::template Of<kUse>({buffer, cookie});
    });
  }

  template <BufferUse kUse, typename Source>
  [[gnu::always_inline]] void OfferEach(uint16_t count, const Source& source) {
    VU_CHECK(count <= free_count_);
    for (uint32_t left = count; left != 0;) {
      const uint32_t run = std::min(left, num_ - next_);
      PutRun(run, [&](uint16_t slot) {
        return PlainOffer<Cookie>::template Of<kUse>(source(slot));
      });
      left -= run;
    }
  }

  bool Offer(const OfferedChain<Cookie>& chain) {
    const ChainBuffers buffers(chain);
    const bool indirect = !chain.table_memory.empty();
    const ChainShape shape = CheckOffer(buffers, indirect, num_);
    if (broken_ || free_count_ < shape.count) return false;
    if (indirect) WritePackedTable(buffers, chain.table_memory);
    if (shape.count > 1) {
      PutChain(buffers, shape, chain.cookie);
    } else {
      PutRun(1, [&](uint16_t) {
        return PlainOffer<Cookie>::Of(chain, shape.writable_bytes);
      });
    }
    return true;
  }

  void Publish() {
    const RingPosition next = next_position();
    if (ring_.published == next) return;
    ring_.published = next;
    RingWriteBarrier(order_);
    // Pairs with the device's acquire load of the same word: the other
    // descriptors and the buffers are seen.
    SharedWord<uint64_t>(TailAt(desc_, unpublished_))
        .store(first_tail_, std::memory_order_release);
    unpublished_ = next_;
  }

  bool DeviceWantsKick() const { return notifications_.DeviceWantsKick(); }
  uint32_t NotificationData(uint16_t vring) const {
    return notifications_.Data(vring);
  }
  void SuppressInterrupts(bool suppress) {
    notifications_.SuppressInterrupts(suppress);
  }

  size_t TakeUsed(std::span<UsedChain<Cookie>> out) {
    VU_CHECK(ring_.published == next_position());
    if (broken_) return 0;
    // In order the oldest chain's place means nothing if there is none.
    const size_t limit =
        kInOrder ? std::min<size_t>(out.size(), in_flight()) : out.size();
    size_t count = 0;
    while (count < limit) {
      if constexpr (kInOrder) {
        if (batch_open_) {
          count += TakeBatch(out.subspan(count, limit - count));
          continue;
        }
      }
      const size_t end = std::min<size_t>(limit, count + num_ - oldest_);
      const uint64_t other = TakePlain(out.data(), count, end);
      if (count == end) continue;
      if (!IsUsed(other) || !Accept(other)) break;
      if constexpr (!kInOrder) out[count++] = TakeOther(other);
    }
    RingReadBarrier(order_);
    return count;
  }

  void Break(const Error& reason) {
    if (!broken_) broken_ = reason;
  }

  void ReclaimAll(FunctionRef<void(Cookie)> lost) {
    VU_CHECK(!ring_.gate.open());
    if constexpr (kInOrder) {
      for (uint32_t left = in_flight(); left != 0; --left) {
        const Slot& slot = slots_[oldest_];
        lost(slot.cookie);
        Pass(ShapeOf(slot, notes_[oldest_]).count, oldest_, oldest_wrap_);
      }
    } else {
      for (uint32_t i = 0; i < num_; ++i) {
        if (ShapeOf(slots_[i], notes_[i]).count != 0) lost(slots_[i].cookie);
      }
    }
    ring_.layout.Zero();
    ring_.published = {};
    Reset();
  }

  uint16_t free_count() const { return static_cast<uint16_t>(free_count_); }
  uint16_t next_slot() const {
    VU_CHECK(free_count_ != 0);
    if constexpr (kInOrder) return static_cast<uint16_t>(next_);
    return ids_[free_count_ + surplus_ - 1];
  }
  uint16_t in_flight() const {
    return static_cast<uint16_t>(num_ - free_count_ - surplus_);
  }
  const std::optional<Error>& broken() const { return broken_; }

 private:
  using Slot = ChainSlot<Cookie>;
  static constexpr bool kInOrder = kOrder == UseOrder::kInOrder;

  // The second half of a descriptor as one word.
  static constexpr uint64_t Tail(uint32_t len, uint32_t id, uint32_t flags) {
    return len | uint64_t{id} << 32 | uint64_t{flags} << 48;
  }
  static constexpr uint16_t IdOf(uint64_t tail) {
    return static_cast<uint16_t>(tail >> 32);
  }
  static std::byte* TailAt(std::byte* desc, uint32_t index) {
    return desc + index * sizeof(PackedDesc) + offsetof(PackedDesc, len);
  }
  static constexpr uint32_t kBothFlags = kPackedFlagAvail | kPackedFlagUsed;
  static constexpr uint64_t kUsedMask = Tail(0, 0, kBothFlags);

  // "Driver and Device Ring Wrap Counters".
  static uint32_t AvailFlags(bool wrap) {
    return wrap ? kPackedFlagAvail : kPackedFlagUsed;
  }
  static uint32_t UsedFlags(bool wrap) { return wrap ? kBothFlags : 0; }
  // Whether a tail, loaded at `oldest_`, was written by the device.
  bool IsUsed(uint64_t tail) const {
    return (tail & kUsedMask) == Tail(0, 0, UsedFlags(oldest_wrap_));
  }

  RingPosition next_position() const {
    return {.index = static_cast<uint16_t>(next_), .wrap = next_wrap_};
  }
  // Goes on by `count` descriptors, at most num.
  void Pass(uint32_t count, uint32_t& index, bool& wrap) const {
    index += count;
    if (index < num_) return;
    index -= num_;
    wrap = !wrap;
  }

  void Reset() {
    for (uint32_t i = 0; i < num_; ++i) {
      slots_[i] = {};
      notes_[i] = {};
      if (!kInOrder) ids_[i] = static_cast<uint16_t>(num_ - 1 - i);
    }
    free_count_ = num_;
    surplus_ = next_ = unpublished_ = oldest_ = 0;
    next_wrap_ = oldest_wrap_ = true;
    batch_open_ = false;
    broken_.reset();
    notifications_.Write();
  }

  // Offers `count` chains of one descriptor, without going round the ring's
  // end. What it works on is in locals: an atomic access would have members
  // loaded anew.
  template <typename Source>
  [[gnu::always_inline]] void PutRun(uint32_t count, const Source& source) {
    const uint32_t first = next_;
    const uint32_t unpublished = unpublished_;
    const uint32_t flags = AvailFlags(next_wrap_);
    std::byte* at = desc_ + first * sizeof(PackedDesc);
    Slot* const slots = slots_.get();
    const uint16_t* const top =
        kInOrder ? nullptr : &ids_[free_count_ + surplus_ - 1];
    for (uint32_t i = 0; i < count; ++i, at += sizeof(PackedDesc)) {
      const uint32_t id = kInOrder ? first + i : *(top - i);
      const PlainOffer<Cookie> offer = source(static_cast<uint16_t>(id));
      slots[id].cookie = offer.cookie;
      StoreRelaxed<uint64_t>(at, offer.buffer.addr.value);
      slots[id].bound = offer.bound;
      const uint64_t tail = Tail(offer.buffer.bytes, id, flags | offer.flags);
      if (first + i == unpublished) {
        first_tail_ = tail;
      } else {
        StoreRelaxed<uint64_t>(at + offsetof(PackedDesc, len), tail);
      }
    }
    Pass(count, next_, next_wrap_);
    free_count_ -= count;
  }

  // Offers a chain of several descriptors.
  void PutChain(const ChainBuffers& buffers, ChainShape shape, Cookie cookie) {
    const uint32_t id = next_slot();
    for (uint32_t i = 0; i < shape.count; ++i) {
      const uint32_t flags = AvailFlags(next_wrap_) |
                             (buffers.IsWritable(i) ? kDescFlagWrite : 0) |
                             (i + 1 < shape.count ? kDescFlagNext : 0);
      StoreRelaxed<uint64_t>(desc_ + next_ * sizeof(PackedDesc),
                             buffers[i].addr.value);
      const uint64_t tail = Tail(buffers[i].bytes, id, flags);
      if (i == 0 && next_ == unpublished_) {
        first_tail_ = tail;
      } else {
        StoreRelaxed<uint64_t>(TailAt(desc_, next_), tail);
      }
      if (kInOrder) {
        slots_[next_].bound = 0;
        notes_[next_].count = 0;
      }
      Pass(1, next_, next_wrap_);
    }
    slots_[id].cookie = cookie;
    notes_[id].writable_bytes = shape.writable_bytes;
    notes_[id].count = static_cast<uint16_t>(shape.count);
    free_count_ -= shape.count;
    surplus_ += shape.count - 1;
  }

  // Takes chains as long as each has an element of its own, one descriptor and
  // a length that fits, without going round the ring's end. If these are fewer
  // than `limit`, returns the tail that is something else.
  [[gnu::always_inline]] uint64_t TakePlain(UsedChain<Cookie>* out,
                                            size_t& count, size_t limit) {
    const uint32_t num = num_;
    const uint32_t first = oldest_;
    // In order a plain element has the flags and the id that are due.
    uint64_t due = Tail(0, kInOrder ? first : 0, UsedFlags(oldest_wrap_));
    constexpr uint64_t kMask = kUsedMask | Tail(0, kInOrder ? 0xffff : 0, 0);
    std::byte* at = TailAt(desc_, first);
    Slot* const slots = slots_.get();
    uint16_t* top = kInOrder ? nullptr : ids_.get() + free_count_ + surplus_;
    uint32_t id = first;
    uint64_t tail = 0;
    size_t i = count;
    for (; i < limit; ++i, at += sizeof(PackedDesc)) {
      // Pairs with the device's release store of the flags: the written
      // buffers are seen.
      tail = SharedWord<uint64_t>(at).load(std::memory_order_acquire);
      if ((tail & kMask) != due) break;
      if (!kInOrder) id = IdOf(tail);
      if (!kInOrder && id >= num) break;
      // Here, so that the two stores to out[i] are not put together out of two
      // vector registers.
      out[i].bytes = static_cast<uint32_t>(tail);
      if (static_cast<uint32_t>(tail) >= slots[id].bound) break;
      out[i].cookie = slots[id].cookie;
      if constexpr (kInOrder) {
        ++id;
        due += Tail(0, 1, 0);
      } else {
        slots[id].bound = 0;
        *top++ = static_cast<uint16_t>(id);
      }
    }
    const auto taken = static_cast<uint32_t>(i - count);
    Pass(taken, oldest_, oldest_wrap_);
    free_count_ += taken;
    count = i;
    return tail;
  }

  // Whether a used element of any other kind can be right; breaks the queue if
  // not. In order it is a batch then, maybe of one chain.
  [[gnu::noinline]] bool Accept(uint64_t tail) {
    const UsedWords words = {oldest_, IdOf(tail), static_cast<uint32_t>(tail)};
    const ChainShape shape = InFlight(words.id);
    if (!CheckUsed(words, shape, broken_)) return false;
    batch_open_ = kInOrder;
    batch_last_ = words.id;
    batch_bytes_ = std::min(words.bytes, shape.writable_bytes);
    return true;
  }

  // The chain that the device has under this id; none has no descriptors.
  ChainShape InFlight(uint32_t id) const {
    if (id >= num_) return {};
    const uint32_t ahead = id < oldest_ ? id + num_ - oldest_ : id - oldest_;
    if (kInOrder && ahead >= num_ - free_count_) return {};
    return ShapeOf(slots_[id], notes_[id]);
  }

  // Any order: takes a chain by an element that was accepted.
  [[gnu::noinline]] UsedChain<Cookie> TakeOther(uint64_t tail) {
    const uint32_t id = IdOf(tail);
    Slot& slot = slots_[id];
    const ChainShape shape = ShapeOf(slot, notes_[id]);
    ids_[free_count_ + surplus_] = static_cast<uint16_t>(id);
    GiveBack(shape.count);
    slot.bound = 0;
    notes_[id].count = 0;
    return {slot.cookie,
            std::min(static_cast<uint32_t>(tail), shape.writable_bytes)};
  }

  // In order: takes chains of the batch; all but the last are full.
  [[gnu::noinline]] size_t TakeBatch(std::span<UsedChain<Cookie>> out) {
    size_t count = 0;
    while (count < out.size() && batch_open_) {
      const Slot& slot = slots_[oldest_];
      const ChainShape shape = ShapeOf(slot, notes_[oldest_]);
      batch_open_ = oldest_ != batch_last_;
      out[count++] = {slot.cookie,
                      batch_open_ ? shape.writable_bytes : batch_bytes_};
      GiveBack(shape.count);
    }
    return count;
  }

  // The oldest chain's descriptors are free.
  void GiveBack(uint32_t count) {
    free_count_ += count;
    surplus_ -= count - 1;
    Pass(count, oldest_, oldest_wrap_);
  }

  const uint32_t num_;
  std::byte* const desc_;
  std::unique_ptr<Slot[]> slots_;
  std::unique_ptr<ChainNote[]> notes_;
  std::unique_ptr<uint16_t[]> ids_;  // Any order: a stack.
  uint32_t free_count_ = 0;          // Descriptors.
  uint32_t surplus_ = 0;  // Descriptors of chains in flight beyond one each.
  uint32_t next_ = 0;     // The next free descriptor.
  uint32_t oldest_ = 0;   // Where the next used element will be.
  uint32_t unpublished_ = 0;  // The first that is not published...
  uint64_t first_tail_ = 0;   // ...and its tail, if it was offered.
  bool next_wrap_ = true;
  bool oldest_wrap_ = true;
  bool batch_open_ = false;   // In order: a batch is being taken...
  uint32_t batch_last_ = 0;   // ...up to this id...
  uint32_t batch_bytes_ = 0;  // ...and the length of its last chain.
  Ring& ring_;
  const RingOrder order_;
  DriverNotifications<RingFormat::kPacked> notifications_;
  std::optional<Error> broken_;
};

}  // namespace virtio_user

#endif  // VIRTIO_USER_RING_PACKED_DRIVER_QUEUE_H_
