// SPDX-License-Identifier: BSD-3-Clause

#ifndef VIRTIO_USER_RING_PACKED_DRIVER_QUEUE_H_
#define VIRTIO_USER_RING_PACKED_DRIVER_QUEUE_H_

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>

#include "virtio_user/base/check.h"
#include "virtio_user/base/error.h"
#include "virtio_user/base/function_ref.h"
#include "virtio_user/ring/by_fours.h"
#include "virtio_user/ring/driver_chain.h"
#include "virtio_user/ring/driver_queue.h"
#include "virtio_user/ring/driver_queue_calls.h"
#include "virtio_user/ring/packed_word.h"
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
class PackedDriverQueue
    : public DriverQueueCalls<PackedDriverQueue<kOrder, CookieT>,
                              RingFormat::kPacked, CookieT> {
  using Calls =
      DriverQueueCalls<PackedDriverQueue, RingFormat::kPacked, CookieT>;
  friend Calls;

 public:
  using Cookie = CookieT;

  // `ring` is borrowed and outlives the queue. The ring must be fresh (all
  // zero, published at its start) or ReclaimAll must be called first. Writes
  // the driver's event suppression, so the gate is closed. Requires:
  // ring.layout passes RingLayout::Check and is kPacked.
  explicit PackedDriverQueue(Ring& ring, RingOrder order = RingOrder::kSmp)
      : Calls(ring, order),
        num_(ring.layout.num),
        desc_(ring.layout.desc),
        no_slot_(UINT16_MAX & ~(std::bit_ceil(num_) - 1)),
        slots_(std::make_unique<Slot[]>(std::bit_ceil(num_))),
        notes_(std::make_unique<ChainNote[]>(num_)) {
    VU_CHECK(ring.layout.format == RingFormat::kPacked);
    VU_CHECK(ring.layout.Check().has_value());
    if constexpr (!kInOrder) ids_ = std::make_unique<uint16_t[]>(num_);
    Reset();
  }

  void Publish() {
    const RingPosition next = next_position();
    if (ring_.published == next) return;
    ring_.published = next;
    RingWriteBarrier(order_);
    // Pairs with the device's acquire load of the same word: the other
    // descriptors and the buffers are seen.
    SharedWord<uint64_t>(PackedTailAt(desc_, unpublished_))
        .store(first_tail_, std::memory_order_release);
    unpublished_ = next_;
    first_held_ = false;
  }

  template <typename Plain, typename Other>
  [[gnu::always_inline]] uint32_t TakeEach(uint32_t most, const Plain& plain,
                                           const Other& other) {
    VU_CHECK(ring_.published == next_position());
    if (broken_) return 0;
    // In order the oldest chain's place means nothing if there is none.
    uint32_t left = kInOrder ? std::min<uint32_t>(most, in_flight()) : most;
    uint32_t done = 0;  // Plain ones since the last other.
    while (left != 0) {
      if constexpr (kInOrder) {
        if (batch_open_) {
          const UsedChain<Cookie> chain = TakeOfBatch();
          --left;
          other(std::exchange(done, 0), chain.cookie, chain.bytes);
          continue;
        }
      }
      const uint32_t run = std::min(left, num_ - oldest_);
      const size_t begin = done;
      const uint32_t taken = TakePlain(
          run, [&](size_t i, Cookie cookie, uint32_t bytes) __attribute__((
                   always_inline)) { plain(begin + i, cookie, bytes); });
      left -= taken;
      done += taken;
      if (taken == run) continue;
      const uint64_t tail = SharedWord<uint64_t>(PackedTailAt(desc_, oldest_))
                                .load(std::memory_order_acquire);
      if (!IsPackedUsed(tail, oldest_wrap_) || !Accept(tail)) break;
      if constexpr (!kInOrder) {
        const UsedChain<Cookie> chain = TakeOther(tail);
        --left;
        other(std::exchange(done, 0), chain.cookie, chain.bytes);
      }
    }
    RingReadBarrier(order_);
    return done;
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

 private:
  using Calls::broken_;
  using Calls::notifications_;
  using Calls::order_;
  using Calls::ring_;
  using Slot = ChainSlot<Cookie>;
  static constexpr bool kInOrder = kOrder == UseOrder::kInOrder;

  RingPosition next_position() const {
    return {.index = static_cast<uint16_t>(next_), .wrap = next_wrap_};
  }
  // Goes on by `count` descriptors, at most num.
  void Pass(uint32_t count, uint32_t& index, bool& wrap) const {
    const bool round = (index += count) >= num_;
    index -= round ? num_ : 0;
    wrap ^= round;
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
    batch_open_ = first_held_ = false;
    broken_.reset();
    notifications_.Write();
  }

  // Offers chains of one descriptor, without going round the ring's end, as
  // long as they fit; how many. What it works on is in locals: an atomic access
  // would have members loaded anew.
  template <typename Fits, typename Make>
  [[gnu::always_inline]] uint32_t PutRun(uint32_t count, const Fits& fits,
                                         const Make& make) {
    // The first of what Publish will publish goes out there.
    uint32_t done = 0;
    if (!first_held_) {
      if (count == 0 || !fits(size_t{0})) return 0;
      Put(make(size_t{0}));
      done = 1;
    }
    const size_t first = next_;
    const size_t skip = done;
    std::byte* const at = desc_ + first * sizeof(PackedDesc);
    Slot* const slots = slots_.get();
    const uint16_t* const top =
        kInOrder ? nullptr : &ids_[free_count_ + surplus_ - 1];
    const uint32_t flags = PackedAvailFlags(next_wrap_);
    const auto put = static_cast<uint32_t>(ByFours(
        count - skip, [](size_t) { return 0; }, [](size_t, int) { return 0u; },
        [&](size_t i, int)
            __attribute__((always_inline)) { return fits(skip + i); },
        [&](size_t i, int) __attribute__((always_inline)) {
          const size_t id = kInOrder ? first + i : *(top - i);
          const PlainOffer<Cookie> offer = make(skip + i);
          std::byte* const desc = at + i * sizeof(PackedDesc);
          slots[id].cookie = offer.cookie;
          StoreRelaxed<uint64_t>(desc, offer.buffer.addr.value);
          slots[id].bound = offer.bound;
          StorePackedHalves(
              desc, offer.buffer.bytes,
              static_cast<uint32_t>(id) + ((flags | offer.flags) << 16));
        }));
    Pass(put, next_, next_wrap_);
    free_count_ -= put;
    return done + put;
  }
  // What PutRun can do at once.
  uint32_t PutRunMax() const { return num_ - next_; }

  // Offers the first chain of a batch, if it has one descriptor.
  void Put(const PlainOffer<Cookie>& offer) {
    const uint32_t id = next_slot();
    slots_[id] = {offer.cookie, offer.bound};
    StoreRelaxed<uint64_t>(desc_ + next_ * sizeof(PackedDesc),
                           offer.buffer.addr.value);
    first_tail_ = PackedWord(offer.buffer.bytes, id,
                             PackedAvailFlags(next_wrap_) | offer.flags);
    first_held_ = true;
    Pass(1, next_, next_wrap_);
    --free_count_;
  }

  // Offers a chain of several descriptors.
  void PutChain(const ChainBuffers& buffers, ChainShape shape, Cookie cookie) {
    const uint32_t id = next_slot();
    for (uint32_t i = 0; i < shape.count; ++i) {
      const uint32_t flags = PackedAvailFlags(next_wrap_) |
                             (buffers.IsWritable(i) ? kDescFlagWrite : 0) |
                             (i + 1 < shape.count ? kDescFlagNext : 0);
      StoreRelaxed<uint64_t>(desc_ + next_ * sizeof(PackedDesc),
                             buffers[i].addr.value);
      const uint64_t tail = PackedWord(buffers[i].bytes, id, flags);
      if (i == 0 && !first_held_) {
        first_tail_ = tail;
        first_held_ = true;
      } else {
        StoreRelaxed<uint64_t>(PackedTailAt(desc_, next_), tail);
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
  // a length that fits, without going round the ring's end; how many.
  template <typename Sink>
  [[gnu::always_inline]] uint32_t TakePlain(uint32_t limit, const Sink& sink) {
    const size_t first = oldest_;
    // In order a plain element has the flags and the id that are due. In any
    // order the id must be a slot's number; there is a slot for each number
    // that no_slot_ lets pass, and those from num_ on stay empty.
    const uint32_t due = PackedUpper(
        PackedWord(0, kInOrder ? first : 0, PackedUsedFlags(oldest_wrap_)));
    const uint32_t mask = PackedUpper(kPackedUsedMask) |
                          (kInOrder ? uint32_t{UINT16_MAX} : no_slot_);
    std::byte* const at = PackedTailAt(desc_, first);
    Slot* const slots = slots_.get();
    uint16_t* const top =
        kInOrder ? nullptr : ids_.get() + free_count_ + surplus_;
    const auto slot_of = [&](size_t i, uint64_t tail)
                             __attribute__((always_inline)) -> Slot& {
      return slots[kInOrder ? first + i : PackedId(tail)];
    };
    const auto taken = static_cast<uint32_t>(ByFours(
        limit,
        [&](size_t i) __attribute__((always_inline)) {
          // Pairs with the device's release store of the flags: the written
          // buffers are seen.
          return SharedWord<uint64_t>(at + i * sizeof(PackedDesc))
              .load(std::memory_order_acquire);
        },
        [&](size_t i, uint64_t tail) __attribute__((always_inline)) {
          const uint32_t expected =
              due + (kInOrder ? static_cast<uint32_t>(i) : 0);
          return (PackedUpper(tail) ^ expected) & mask;
        },
        [&](size_t i, uint64_t tail) __attribute__((always_inline)) {
          return static_cast<uint32_t>(tail) < slot_of(i, tail).bound;
        },
        [&](size_t i, uint64_t tail) __attribute__((always_inline)) {
          Slot& slot = slot_of(i, tail);
          sink(i, slot.cookie, static_cast<uint32_t>(tail));
          if constexpr (!kInOrder) {
            slot.bound = 0;
            top[i] = PackedId(tail);
          }
        }));
    Pass(taken, oldest_, oldest_wrap_);
    free_count_ += taken;
    return taken;
  }

  // Whether a used element of any other kind can be right; breaks the queue if
  // not. In order it is a batch then, maybe of one chain.
  [[gnu::noinline]] bool Accept(uint64_t tail) {
    const UsedWords words = {oldest_, PackedId(tail),
                             static_cast<uint32_t>(tail)};
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
    const uint32_t id = PackedId(tail);
    Slot& slot = slots_[id];
    const ChainShape shape = ShapeOf(slot, notes_[id]);
    ids_[free_count_ + surplus_] = static_cast<uint16_t>(id);
    GiveBack(shape.count);
    slot.bound = 0;
    notes_[id].count = 0;
    return {slot.cookie,
            std::min(static_cast<uint32_t>(tail), shape.writable_bytes)};
  }

  // In order: takes a chain of the batch; all but the last are full.
  [[gnu::noinline]] UsedChain<Cookie> TakeOfBatch() {
    const Slot& slot = slots_[oldest_];
    const ChainShape shape = ShapeOf(slot, notes_[oldest_]);
    batch_open_ = oldest_ != batch_last_;
    const UsedChain<Cookie> chain = {
        slot.cookie, batch_open_ ? shape.writable_bytes : batch_bytes_};
    GiveBack(shape.count);
    return chain;
  }

  // The oldest chain's descriptors are free.
  void GiveBack(uint32_t count) {
    free_count_ += count;
    surplus_ -= count - 1;
    Pass(count, oldest_, oldest_wrap_);
  }

  const uint32_t num_;
  std::byte* const desc_;
  const uint32_t no_slot_;         // Bits that no slot's number has.
  std::unique_ptr<Slot[]> slots_;  // A power of two of them.
  std::unique_ptr<ChainNote[]> notes_;
  std::unique_ptr<uint16_t[]> ids_;  // Any order: a stack.
  uint32_t free_count_ = 0;          // Descriptors.
  uint32_t surplus_ = 0;  // Descriptors of chains in flight beyond one each.
  uint32_t next_ = 0;     // The next free descriptor.
  uint32_t oldest_ = 0;   // Where the next used element will be.
  uint32_t unpublished_ = 0;  // The first that is not published...
  uint64_t first_tail_ = 0;   // ...and its tail...
  bool first_held_ = false;   // ...if it was offered.
  bool next_wrap_ = true;
  bool oldest_wrap_ = true;
  bool batch_open_ = false;   // In order: a batch is being taken...
  uint32_t batch_last_ = 0;   // ...up to this id...
  uint32_t batch_bytes_ = 0;  // ...and the length of its last chain.
};

}  // namespace virtio_user

#endif  // VIRTIO_USER_RING_PACKED_DRIVER_QUEUE_H_
