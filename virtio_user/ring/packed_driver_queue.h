// SPDX-License-Identifier: BSD-3-Clause

#ifndef VIRTIO_USER_RING_PACKED_DRIVER_QUEUE_H_
#define VIRTIO_USER_RING_PACKED_DRIVER_QUEUE_H_

#include <algorithm>
#include <atomic>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>

#include "virtio_user/base/check.h"
#include "virtio_user/base/error.h"
#include "virtio_user/base/function_ref.h"
#include "virtio_user/ring/driver_chain.h"
#include "virtio_user/ring/driver_loops.h"
#include "virtio_user/ring/driver_queue.h"
#include "virtio_user/ring/driver_queue_calls.h"
#include "virtio_user/ring/four_words.h"
#include "virtio_user/ring/packed_chains.h"
#include "virtio_user/ring/packed_word.h"
#include "virtio_user/ring/ring_barrier.h"
#include "virtio_user/ring/ring_layout.h"
#include "virtio_user/ring/shared_memory.h"
#include "virtio_user/spec/ring.h"

namespace virtio_user {

// The driver's side of a packed virtqueue; DriverQueue has the contract.
// PackedChains says which buffer ids chains have.
//
// Descriptors are written as soon as they are offered; the first of what is not
// published yet keeps its old flags, so that the device, which goes through the
// ring in order, stops there until Publish.
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
        chains_(num_) {
    VU_CHECK(ring.layout.format == RingFormat::kPacked);
    VU_CHECK(ring.layout.Check().has_value());
    Reset();
  }

  void Publish() {
    const RingPosition next = chains_.next_position();
    if (ring_.published == next) return;
    ring_.published = next;
    RingWriteBarrier(order_);
    // Pairs with the device's acquire load of the same word: the other
    // descriptors and the buffers are seen.
    SharedWord<uint64_t>(PackedTailAt(desc_, unpublished_))
        .store(first_tail_, std::memory_order_release);
    unpublished_ = chains_.next();
    first_held_ = false;
  }

  template <typename Plain, typename Other>
  [[gnu::always_inline]] uint32_t TakeEach(uint32_t most, const Plain& plain,
                                           const Other& other) {
    VU_CHECK(ring_.published == chains_.next_position());
    if (broken_) return 0;
    // In order the oldest chain's place means nothing if there is none.
    uint32_t left = kInOrder ? std::min(most, chains_.in_flight()) : most;
    uint32_t done = 0;  // Plain ones since the last other.
    while (left != 0) {
      if (batch_open_) {
        const UsedChain<Cookie> chain = TakeOfBatch();
        --left;
        other(std::exchange(done, 0), chain.cookie, chain.bytes);
        continue;
      }
      const uint64_t tail = LoadPackedWord(desc_, chains_.oldest());
      if (!IsPackedUsed(tail, chains_.oldest_wrap())) break;
      const uint32_t run = std::min(left, num_ - chains_.oldest());
      const uint32_t taken = TakeRun(run, Shifted<Plain>{plain, done});
      left -= taken;
      done += taken;
      if (taken != 0) continue;
      if (!Accept(tail)) break;
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
    chains_.ForEachInFlight(lost);
    ring_.layout.Zero();
    ring_.published = {};
    Reset();
  }

  uint16_t free_count() const {
    return static_cast<uint16_t>(chains_.free_count());
  }
  uint16_t next_slot() const {
    VU_CHECK(chains_.free_count() != 0);
    return static_cast<uint16_t>(chains_.next_slot());
  }
  uint16_t in_flight() const {
    return static_cast<uint16_t>(chains_.in_flight());
  }

 private:
  using Calls::broken_;
  using Calls::notifications_;
  using Calls::order_;
  using Calls::ring_;
  using Chains = PackedChains<kOrder, Cookie>;
  static constexpr bool kInOrder = kOrder == UseOrder::kInOrder;

  void Reset() {
    chains_.Reset();
    unpublished_ = 0;
    batch_open_ = first_held_ = false;
    broken_.reset();
    notifications_.Write();
  }

  ChainNote& NextNote() { return chains_.note(chains_.next_slot()); }

  // Calls one of two, which both say how many chains they did.
  template <typename Sequence, typename Stack>
  [[gnu::always_inline]] uint32_t BySlotOrder(const Sequence& sequence,
                                              const Stack& stack) {
    if constexpr (kInOrder) return sequence();
    return chains_.in_sequence() ? sequence() : stack();
  }

  // --- Offering --------------------------------------------------------------

  // What PutRun can do at once.
  uint32_t PutRunMax() const { return num_ - chains_.next(); }

  // Offers up to `count` chains of one descriptor, as long as they fit, without
  // going round the ring's end; how many.
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
    const size_t skip = done;
    const auto fits_on = [&](size_t i) __attribute__((always_inline)) {
      return fits(skip + i);
    };
    const auto make_on = [&](size_t i) __attribute__((always_inline)) {
      return make(skip + i);
    };
    const uint32_t put = BySlotOrder(
        [&] __attribute__((always_inline)) {
          return PutEach<SlotOrder::kSequence>(count - done, fits_on, make_on);
        },
        [&] __attribute__((always_inline)) {
          return PutEach<SlotOrder::kStack>(count - done, fits_on, make_on);
        });
    chains_.PutPlain(put);
    return done + put;
  }
  template <SlotOrder kSlots, typename Fits, typename Make>
  [[gnu::always_inline]] uint32_t PutEach(uint32_t count, const Fits& fits,
                                          const Make& make) {
    std::byte* const at = desc_ + chains_.next() * sizeof(PackedDesc);
    const uint32_t flags = PackedAvailFlags(chains_.next_wrap());
    return PutSingles<kSlots>(
        chains_.StretchFrom(chains_.next()), count, fits, make,
        [&](size_t i, size_t id, const PlainOffer<Cookie>& offer)
            __attribute__((always_inline)) {
              std::byte* const desc = at + i * sizeof(PackedDesc);
              StoreRelaxed<uint64_t>(desc, offer.buffer.addr.value);
              StorePackedHalves(
                  desc, offer.buffer.bytes,
                  static_cast<uint32_t>(id) + ((flags | offer.flags) << 16));
            });
  }

  // Offers the first chain of a batch, if it has one descriptor.
  void Put(const PlainOffer<Cookie>& offer) {
    const uint32_t id = chains_.next_slot();
    chains_.slot(id) = {offer.cookie, offer.bound};
    StoreRelaxed<uint64_t>(desc_ + chains_.next() * sizeof(PackedDesc),
                           offer.buffer.addr.value);
    first_tail_ =
        PackedWord(offer.buffer.bytes, id,
                   PackedAvailFlags(chains_.next_wrap()) | offer.flags);
    first_held_ = true;
    chains_.PutPlain(1);
  }

  // PutRun for as many fours as there are.
  template <BufferUse kUse, typename Make>
  [[gnu::always_inline]] uint32_t PutRunOfFours(uint32_t count,
                                                const Make& make) {
    return BySlotOrder(
        [&] __attribute__((always_inline)) {
          return PutFoursAs<SlotOrder::kSequence, kUse>(count, make);
        },
        [&] __attribute__((always_inline)) {
          return PutFoursAs<SlotOrder::kStack, kUse>(count, make);
        });
  }
  template <SlotOrder kSlots, BufferUse kUse, typename Make>
  [[gnu::always_inline]] uint32_t PutFoursAs(uint32_t count, const Make& make) {
    const U32x4 flags =
        Splat((PackedAvailFlags(chains_.next_wrap()) | FlagsOf<kUse>()) << 16);
    std::byte* const at = desc_ + chains_.next() * sizeof(PackedDesc);
    uint32_t skip = 0;
    if (!first_held_) {
      if (count < 4) return 0;
      const auto store = [&](size_t, U32x4 ids, const OfferedFour& four)
                             __attribute__((always_inline)) {
                               const DescFour descs =
                                   DescsOf(four, ids + flags);
                               // Devices look at the first one already.
                               StoreRelaxed<uint64_t>(at, descs[0][0]);
                               first_tail_ = descs[0][1];
                               StoreDesc(at, 1, descs[1]);
                               StoreDesc(at, 2, descs[2]);
                               StoreDesc(at, 3, descs[3]);
                             };
      skip = PutFours<kSlots, kUse>(chains_.StretchFrom(chains_.next()), 4,
                                    make, store);
      if (skip == 0) return 0;
      first_held_ = true;
      chains_.PutPlain(skip);
    }
    const auto make_on =
        [&](size_t i, OfferedFour& four)
            __attribute__((always_inline)) { return make(skip + i, four); };
    const auto store =
        [&](size_t i, U32x4 ids, const OfferedFour& four)
            __attribute__((always_inline)) {
              const DescFour descs = DescsOf(four, ids + flags);
              ForEachLane([&](size_t k) __attribute__((always_inline)) {
                StoreDesc(at, skip + i + k, descs[k]);
              });
            };
    const uint32_t put = PutFours<kSlots, kUse>(
        chains_.StretchFrom(chains_.next()), count - skip, make_on, store);
    chains_.PutPlain(put);
    return skip + put;
  }

  // Offers a chain of several descriptors.
  void PutChain(const ChainBuffers& buffers, ChainShape shape, Cookie cookie) {
    const uint32_t id = chains_.next_slot();
    for (uint32_t i = 0; i < shape.count; ++i) {
      const uint32_t flags = PackedAvailFlags(chains_.next_wrap()) |
                             (buffers.IsWritable(i) ? kDescFlagWrite : 0) |
                             (i + 1 < shape.count ? kDescFlagNext : 0);
      const uint32_t next = chains_.next();
      StoreRelaxed<uint64_t>(desc_ + next * sizeof(PackedDesc),
                             buffers[i].addr.value);
      const uint64_t tail = PackedWord(buffers[i].bytes, id, flags);
      if (i == 0 && !first_held_) {
        first_tail_ = tail;
        first_held_ = true;
      } else {
        StoreRelaxed<uint64_t>(PackedTailAt(desc_, next), tail);
      }
      chains_.PutPart();
    }
    chains_.PutChain(id, shape, cookie);
  }

  // --- Taking ----------------------------------------------------------------

  // Takes chains as long as each has an element of its own, one descriptor and
  // a length that fits, without going round the ring's end; how many.
  template <typename Sink>
  [[gnu::always_inline]] uint32_t TakeRun(uint32_t limit, const Sink& sink) {
    const uint32_t taken = BySlotOrder(
        [&] __attribute__((always_inline)) {
          // Slots behind the last chain in flight mean nothing.
          return TakeRunAs<SlotOrder::kSequence>(
              std::min(limit, chains_.in_flight()), sink);
        },
        [&] __attribute__((always_inline)) {
          return TakeRunAs<SlotOrder::kStack>(limit, sink);
        });
    chains_.TookPlain(taken);
    return taken;
  }
  template <SlotOrder kSlots, typename Sink>
  [[gnu::always_inline]] uint32_t TakeRunAs(uint32_t limit, const Sink& sink) {
    constexpr bool kInSequence = kSlots == SlotOrder::kSequence;
    // In sequence a plain element has the flags and the id that are due.
    // Otherwise its id must be a slot's number.
    const uint32_t flags =
        PackedUpper(PackedWord(0, 0, PackedUsedFlags(chains_.oldest_wrap())));
    const DueWord word = {
        .due = flags + (kInSequence ? chains_.oldest() : 0),
        .mask = PackedUpper(kPackedUsedMask) |
                (kInSequence ? uint32_t{UINT16_MAX} : chains_.no_slot())};
    const auto stretch = chains_.StretchFrom(chains_.oldest());
    std::byte* const desc = desc_ + stretch.first * sizeof(PackedDesc);
    if constexpr (TakesFours<Sink>) {
      const uint32_t taken = TakeFours<kSlots>(
          stretch, limit, word,
          [&](size_t i) __attribute__((always_inline)) {
            return LoadPackedUsedFour(PackedTailAt(desc, i));
          },
          sink);
      if (taken != 0) return taken;
    }
    return TakeSingles<kSlots>(
        stretch, limit, word,
        [&](size_t i) __attribute__((always_inline)) {
          const uint64_t tail = LoadPackedWord(desc, i);
          return UsedOne{PackedUpper(tail), static_cast<uint32_t>(tail)};
        },
        sink);
  }

  // Whether a used element of any other kind can be right; breaks the queue if
  // not. In order it is a batch then, maybe of one chain.
  [[gnu::noinline]] bool Accept(uint64_t tail) {
    const UsedWords words = {chains_.oldest(), PackedId(tail),
                             static_cast<uint32_t>(tail)};
    const ChainShape shape = chains_.InFlight(words.id);
    if (!CheckUsed(words, shape, broken_)) return false;
    batch_open_ = kInOrder;
    batch_last_ = words.id;
    batch_bytes_ = std::min(words.bytes, shape.writable_bytes);
    return true;
  }

  // Any order: takes a chain by an element that was accepted.
  [[gnu::noinline]] UsedChain<Cookie> TakeOther(uint64_t tail) {
    const UsedChain<Cookie> chain = chains_.Take(PackedId(tail));
    return {chain.cookie, std::min(static_cast<uint32_t>(tail), chain.bytes)};
  }

  // In order: takes a chain of the batch; all but the last are full.
  [[gnu::noinline]] UsedChain<Cookie> TakeOfBatch() {
    batch_open_ = chains_.oldest() != batch_last_;
    UsedChain<Cookie> chain = chains_.TakeOldest();
    if (!batch_open_) chain.bytes = batch_bytes_;
    return chain;
  }

  const uint32_t num_;
  std::byte* const desc_;
  Chains chains_;
  uint32_t unpublished_ = 0;  // The first that is not published...
  uint64_t first_tail_ = 0;   // ...and its tail...
  bool first_held_ = false;   // ...if it was offered.
  bool batch_open_ = false;   // In order: a batch is being taken...
  uint32_t batch_last_ = 0;   // ...up to this id...
  uint32_t batch_bytes_ = 0;  // ...and the length of its last chain.
};

}  // namespace virtio_user

#endif  // VIRTIO_USER_RING_PACKED_DRIVER_QUEUE_H_
