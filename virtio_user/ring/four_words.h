// SPDX-License-Identifier: BSD-3-Clause
//
// How the driver touches four slots, descriptors or used elements at a time.
// What it stores into the ring is not published yet, so that nobody looks at
// it; what it loads from there may change, so that each word is loaded once.

#ifndef VIRTIO_USER_RING_FOUR_WORDS_H_
#define VIRTIO_USER_RING_FOUR_WORDS_H_

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "virtio_user/base/lanes.h"
#include "virtio_user/ring/driver_chain.h"
#include "virtio_user/ring/driver_queue.h"
#include "virtio_user/ring/shared_memory.h"
#include "virtio_user/spec/ring.h"

namespace virtio_user {

inline constexpr U32x4 kFirstFour = {0, 1, 2, 3};

// A slot as one word: taken out, which leaves it empty, and put in.
[[gnu::always_inline]] inline uint64_t TakeSlot(ChainSlot<uint32_t>* slot) {
  const auto word = std::bit_cast<uint64_t>(*slot);
  slot->bound = 0;
  return word;
}
[[gnu::always_inline]] inline void PutSlot(ChainSlot<uint32_t>* slot,
                                           uint64_t word) {
  *slot = std::bit_cast<ChainSlot<uint32_t>>(word);
}

// Four used elements: in `what` the id, below bit 16 if it is a slot's, and in
// a packed ring the flags above that.
struct UsedFour {
  U32x4 what;
  U32x4 bytes;
};

// Of a split ring, published before by the used index.
[[gnu::always_inline]] inline UsedFour LoadSplitUsedFour(std::byte* element) {
  const volatile SharedU32x4* const at =
      reinterpret_cast<const volatile SharedU32x4*>(element);
  const auto low = reinterpret_cast<U64x2>(at[0]);
  const auto high = reinterpret_cast<U64x2>(at[1]);
  return {.what = EvenLanes(low, high), .bytes = OddLanes(low, high)};
}

// Of a packed ring, from the tail of a descriptor on. Pairs with the device's
// release stores of the flags: the written buffers are seen.
[[gnu::always_inline]] inline UsedFour LoadPackedUsedFour(std::byte* tail) {
  const auto load = [&](size_t k) __attribute__((always_inline)) {
    return SharedWord<uint64_t>(tail + k * sizeof(PackedDesc))
        .load(std::memory_order_acquire);
  };
  const U64x2 low = {load(0), load(1)};
  const U64x2 high = {load(2), load(3)};
  return {.what = OddLanes(low, high), .bytes = EvenLanes(low, high)};
}

// Four descriptors of either format: address, then bytes below and `upper`
// above.
using DescFour = std::array<U64x2, 4>;
static_assert(sizeof(VirtqDesc) == 16 && sizeof(PackedDesc) == 16);

[[gnu::always_inline]] inline DescFour DescsOf(const OfferedFour& four,
                                               U32x4 upper) {
  const U64x2 low = LowPairs(four.bytes, upper);
  const U64x2 high = HighPairs(four.bytes, upper);
  return {LowHalves(four.addr.even, low),
          __builtin_shufflevector(four.addr.odd, low, 0, 3),
          __builtin_shufflevector(four.addr.even, high, 1, 2),
          HighHalves(four.addr.odd, high)};
}

[[gnu::always_inline]] inline void StoreDesc(std::byte* table, size_t index,
                                             U64x2 desc) {
  StoreAligned(table + index * sizeof(desc), desc);
}

}  // namespace virtio_user

#endif  // VIRTIO_USER_RING_FOUR_WORDS_H_
