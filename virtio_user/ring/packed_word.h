// SPDX-License-Identifier: BSD-3-Clause
//
// How this project touches the descriptors of a packed ring: an address and a
// tail, each a 64-bit word. The flags stand in the tail, so that one load tells
// whether a descriptor is there and what it says, and one store hands it over.

#ifndef VIRTIO_USER_RING_PACKED_WORD_H_
#define VIRTIO_USER_RING_PACKED_WORD_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "virtio_user/base/device_addr.h"
#include "virtio_user/ring/ring_layout.h"
#include "virtio_user/ring/shared_memory.h"
#include "virtio_user/spec/ring.h"

namespace virtio_user {

// The second half of a PackedDesc.
struct PackedTail {
  uint32_t len = 0;
  uint16_t id = 0;
  uint16_t flags = 0;
};
static_assert(sizeof(PackedTail) == 8 && offsetof(PackedDesc, len) == 8);

// As a number, since a word that is put together in memory would have to be
// waited for when it is loaded again.
constexpr uint64_t WordOf(PackedTail tail) {
  return tail.len | uint64_t{tail.id} << 32 | uint64_t{tail.flags} << 48;
}
constexpr PackedTail TailOf(uint64_t word) {
  return {.len = static_cast<uint32_t>(word),
          .id = static_cast<uint16_t>(word >> 32),
          .flags = static_cast<uint16_t>(word >> 48)};
}

// The same from and to numbers, for loops that are short of registers.
constexpr uint64_t PackedWord(uint32_t len, uint64_t id, uint64_t flags) {
  return len | id << 32 | flags << 48;
}
constexpr uint32_t PackedUpper(uint64_t word) {
  return static_cast<uint32_t>(word >> 32);
}
constexpr uint16_t PackedId(uint64_t word) {
  return static_cast<uint16_t>(word >> 32);
}

// "Driver and Device Ring Wrap Counters": the flags of a descriptor that is
// available, and those of a used one, under a wrap counter.
inline constexpr uint32_t kPackedBothFlags = kPackedFlagAvail | kPackedFlagUsed;
inline constexpr uint64_t kPackedUsedMask = PackedWord(0, 0, kPackedBothFlags);
constexpr uint32_t PackedAvailFlags(bool wrap) {
  return wrap ? kPackedFlagAvail : kPackedFlagUsed;
}
constexpr uint32_t PackedUsedFlags(bool wrap) {
  return wrap ? kPackedBothFlags : 0;
}

// Whether the device has used a descriptor whose tail is `word`.
constexpr bool IsPackedUsed(uint64_t word, bool wrap) {
  return (word & kPackedUsedMask) == PackedWord(0, 0, PackedUsedFlags(wrap));
}

// The second half of a descriptor that no device looks at yet, since one in
// front of it is not published: `upper` is id and flags.
inline void StorePackedHalves(std::byte* desc, uint32_t len, uint32_t upper) {
  StoreRelaxed<uint32_t>(desc + offsetof(PackedDesc, len), len);
  StoreRelaxed<uint32_t>(desc + offsetof(PackedDesc, id), upper);
}

inline std::byte* PackedTailAt(std::byte* desc, size_t index) {
  return desc + index * sizeof(PackedDesc) + offsetof(PackedDesc, len);
}
inline std::byte* PackedTailAt(const RingLayout& layout, uint32_t index) {
  return PackedTailAt(layout.desc, index);
}

// Pairs with the other side's release store of the same word: what it wrote
// before is seen.
inline uint64_t LoadPackedWord(std::byte* desc, size_t index) {
  return SharedWord<uint64_t>(PackedTailAt(desc, index))
      .load(std::memory_order_acquire);
}
// Pairs with the other side's StorePackedTail with release, likewise.
inline PackedTail LoadPackedTail(const RingLayout& layout, uint32_t index) {
  return TailOf(SharedWord<uint64_t>(PackedTailAt(layout, index))
                    .load(std::memory_order_acquire));
}
inline void StorePackedTail(const RingLayout& layout, uint32_t index,
                            uint64_t word, std::memory_order order) {
  SharedWord<uint64_t>(PackedTailAt(layout, index)).store(word, order);
}

inline DeviceAddr LoadPackedAddr(const RingLayout& layout, uint32_t index) {
  return {LoadRelaxed<uint64_t>(layout.desc + index * sizeof(PackedDesc))};
}

// "Driver and Device Ring Wrap Counters": whether a descriptor at `at` was made
// available and not yet used.
inline bool IsAvailable(PackedTail tail, RingPosition at) {
  const bool avail = (tail.flags & kPackedFlagAvail) != 0;
  const bool used = (tail.flags & kPackedFlagUsed) != 0;
  return avail == at.wrap && used != at.wrap;
}

// Moves `position` on by `count` descriptors, at most num.
inline void Advance(const RingLayout& layout, uint32_t count,
                    RingPosition& position) {
  const uint32_t index = position.index + count;
  const bool round = index >= layout.num;
  position.index = static_cast<uint16_t>(round ? index - layout.num : index);
  position.wrap ^= round;
}

}  // namespace virtio_user

#endif  // VIRTIO_USER_RING_PACKED_WORD_H_
