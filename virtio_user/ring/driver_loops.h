// SPDX-License-Identifier: BSD-3-Clause
//
// The loops of a driver queue over plain chains: those of one buffer that were
// offered by themselves. They go over a stretch of the ring that does not pass
// its end, four chains at a time where cookies come in lanes. They are
// templates, so that they work in registers; everything else that a device may
// say leaves them.

#ifndef VIRTIO_USER_RING_DRIVER_LOOPS_H_
#define VIRTIO_USER_RING_DRIVER_LOOPS_H_

#include <array>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>

#include "virtio_user/base/lanes.h"
#include "virtio_user/ring/by_fours.h"
#include "virtio_user/ring/driver_chain.h"
#include "virtio_user/ring/driver_queue.h"
#include "virtio_user/ring/four_words.h"

namespace virtio_user {

// Which slots the chains of a stretch have.
enum class SlotOrder : uint8_t { kSequence, kStack };

template <typename Cookie>
struct SlotStretch {
  ChainSlot<Cookie>* slots;
  // kSequence: the first chain's slot; the others follow.
  size_t first;
  // kStack: behind the last of the free slots. Those are empty: the bound is 0.
  uint32_t* top;
};

// What a used element has to say: `due` under `mask`, and in a sequence one
// more for each element. What passes has its slot's number below bit 16.
struct DueWord {
  uint32_t due;
  uint32_t mask;
};

// --- Offering ----------------------------------------------------------------

// Offers up to `limit` chains, as long as they fit; how many.
//   fits(i) -> bool
//   make(i) -> PlainOffer
//   store(i, slot, offer)      into the ring
template <SlotOrder kOrder, typename Cookie, typename Fits, typename Make,
          typename Store>
[[gnu::always_inline]] inline uint32_t PutSingles(
    const SlotStretch<Cookie>& stretch, uint32_t limit, const Fits& fits,
    const Make& make, const Store& store) {
  const SlotStretch<Cookie> at = stretch;
  return static_cast<uint32_t>(ByFours(
      limit, [](size_t) { return 0; }, [](size_t, int) { return 0u; },
      [&](size_t i, int) __attribute__((always_inline)) { return fits(i); },
      [&](size_t i, int) __attribute__((always_inline)) {
        const size_t slot =
            kOrder == SlotOrder::kSequence ? at.first + i : *(at.top - 1 - i);
        const PlainOffer<Cookie> offer = make(i);
        at.slots[slot].cookie = offer.cookie;
        at.slots[slot].bound = offer.bound;
        store(i, slot, offer);
      }));
}

// The same, four at a time; how many.
//   make(i, four) -> bool      chains i to i + 3; false: they do not fit
//   store(i, slots, four)      into the ring
template <SlotOrder kOrder, BufferUse kUse, typename Make, typename Store>
[[gnu::always_inline]] inline uint32_t PutFours(
    const SlotStretch<uint32_t>& stretch, uint32_t limit, const Make& make,
    const Store& store) {
  const SlotStretch<uint32_t> at = stretch;
  U32x4 numbers = Splat(static_cast<uint32_t>(at.first)) + kFirstFour;
  OfferedFour four;
  const size_t end = limit - limit % 4;
  size_t i = 0;
  for (; i != end && make(i, four); i += 4) {
    const U32x4 bounds =
        kUse == BufferUse::kDeviceReads ? Splat(1) : four.bytes + 1;
    const U64x2 low = LowPairs(four.cookies, bounds);
    const U64x2 high = HighPairs(four.cookies, bounds);
    if constexpr (kOrder == SlotOrder::kSequence) {
      StoreLanes(at.slots + at.first + i, low);
      StoreLanes(at.slots + at.first + i + 2, high);
      store(i, numbers, four);
      numbers += 4;
    } else {
      const uint32_t* const top = at.top - i - 4;
      PutSlot(at.slots + top[0], low[0]);
      PutSlot(at.slots + top[1], low[1]);
      PutSlot(at.slots + top[2], high[0]);
      PutSlot(at.slots + top[3], high[1]);
      store(i, LoadLanes<U32x4>(top), four);
    }
  }
  return static_cast<uint32_t>(i);
}

// --- Taking ------------------------------------------------------------------

// A sink that counts on from `by`.
template <typename Sink>
struct Shifted {
  const Sink& sink;
  size_t by;

  template <typename Cookie>
  [[gnu::always_inline]] void operator()(size_t i, Cookie cookie,
                                         uint32_t bytes) const {
    sink(by + i, cookie, bytes);
  }
  [[gnu::always_inline]] void operator()(size_t i, U32x4 cookies,
                                         U32x4 bytes) const
    requires std::invocable<const Sink&, size_t, U32x4, U32x4>
  {
    sink(by + i, cookies, bytes);
  }
};
// Whether a sink takes four chains at a time.
template <typename Sink>
concept TakesFours = std::invocable<const Sink&, size_t, U32x4, U32x4>;

// One used element, as UsedFour has four.
struct UsedOne {
  uint32_t what;
  uint32_t bytes;
};

// Takes up to `limit` used chains, as long as each is a plain one and its
// length fits; how many.
//   load(i) -> UsedOne         each word once
//   sink(i, cookie, bytes)
template <SlotOrder kOrder, typename Cookie, typename Load, typename Sink>
[[gnu::always_inline]] inline uint32_t TakeSingles(
    const SlotStretch<Cookie>& stretch, uint32_t limit, DueWord word,
    const Load& load, const Sink& sink) {
  const SlotStretch<Cookie> at = stretch;
  if constexpr (kOrder == SlotOrder::kSequence) {
    return static_cast<uint32_t>(ByFours(
        limit, load,
        [&](size_t i, UsedOne used) __attribute__((always_inline)) {
          return (used.what ^ (word.due + static_cast<uint32_t>(i))) &
                 word.mask;
        },
        [&](size_t i, UsedOne used) __attribute__((always_inline)) {
          return used.bytes < at.slots[at.first + i].bound;
        },
        [&](size_t i, UsedOne used) __attribute__((always_inline)) {
          sink(i, at.slots[at.first + i].cookie, used.bytes);
        }));
  }
  // One by one: an element may name the same slot as the one before.
  uint32_t i = 0;
  for (; i < limit; ++i) {
    const UsedOne used = load(i);
    if (((used.what ^ word.due) & word.mask) != 0) break;
    ChainSlot<Cookie>& slot = at.slots[used.what & UINT16_MAX];
    if (used.bytes >= slot.bound) break;
    slot.bound = 0;
    sink(i, slot.cookie, used.bytes);
    at.top[i] = used.what & UINT16_MAX;
  }
  return i;
}

// The same while four in a row are so; how many.
//   load(i) -> UsedFour        elements i to i + 3, each word once
//   sink(i, cookies, bytes)
template <SlotOrder kOrder, typename Load, typename Sink>
[[gnu::always_inline]] inline uint32_t TakeFours(
    const SlotStretch<uint32_t>& stretch, uint32_t limit, DueWord word,
    const Load& load, const Sink& sink) {
  const SlotStretch<uint32_t> at = stretch;
  U32x4 due = Splat(word.due);
  if (kOrder == SlotOrder::kSequence) due += kFirstFour;
  const size_t end = limit - limit % 4;
  size_t i = 0;
  for (; i != end; i += 4) {
    const UsedFour used = load(i);
    const U32x4 as_due = (used.what & Splat(word.mask)) == due;
    if constexpr (kOrder == SlotOrder::kSequence) {
      const auto low = LoadLanes<U64x2>(at.slots + at.first + i);
      const auto high = LoadLanes<U64x2>(at.slots + at.first + i + 2);
      const U32x4 fits = BelowSigned(used.bytes, OddLanes(low, high));
      if (!AllHighBits(as_due & fits)) break;
      sink(i, EvenLanes(low, high), used.bytes);
      due += 4;
    } else {
      if (!AllHighBits(as_due)) break;
      const auto what = std::bit_cast<std::array<uint16_t, 8>>(used.what);
      ChainSlot<uint32_t>* const slots[] = {
          at.slots + what[0], at.slots + what[2], at.slots + what[4],
          at.slots + what[6]};
      // A slot is emptied as soon as it was read, so that of two elements that
      // name one the second finds nothing in flight.
      const uint64_t a = TakeSlot(slots[0]);
      const uint64_t b = TakeSlot(slots[1]);
      const uint64_t c = TakeSlot(slots[2]);
      const uint64_t d = TakeSlot(slots[3]);
      const U64x2 low = {a, b};
      const U64x2 high = {c, d};
      if (!AllHighBits(BelowSigned(used.bytes, OddLanes(low, high)))) {
        // Backwards, for the same reason.
        PutSlot(slots[3], d);
        PutSlot(slots[2], c);
        PutSlot(slots[1], b);
        PutSlot(slots[0], a);
        break;
      }
      sink(i, EvenLanes(low, high), used.bytes);
      StoreLanes(at.top + i, used.what & UINT16_MAX);
    }
  }
  return static_cast<uint32_t>(i);
}

}  // namespace virtio_user

#endif  // VIRTIO_USER_RING_DRIVER_LOOPS_H_
