// SPDX-License-Identifier: BSD-3-Clause

#ifndef VIRTIO_USER_RING_RING_LAYOUT_H_
#define VIRTIO_USER_RING_RING_LAYOUT_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "virtio_user/base/error.h"
#include "virtio_user/ring/ring_gate.h"
#include "virtio_user/spec/ring.h"

namespace virtio_user {

// VIRTIO_F_RING_PACKED chooses.
enum class RingFormat : uint8_t { kSplit, kPacked };

// Where the three areas of a virtqueue lie in this process (virtio:
// "Virtqueues"). A view: the memory belongs to the driver and outlives every
// queue on it.
struct RingLayout {
  RingFormat format = RingFormat::kSplit;
  uint16_t num = 0;             // Descriptors; see CheckSize.
  std::byte* desc = nullptr;    // Descriptor table, or descriptor ring.
  std::byte* driver = nullptr;  // Available ring, or driver event suppression.
  std::byte* device = nullptr;  // Used ring, or device event suppression.

  static constexpr size_t kAlign = 64;
  // Bytes that PlaceIn needs for `num` descriptors: a multiple of kAlign, so
  // that rings in a row share no cache line.
  static size_t BytesFor(RingFormat format, uint16_t num);

  // Checks what one ring's size may be: 1 to 32768, split rings powers of two
  // alone. kInvalidArgument names the size.
  static Result<void> CheckSize(RingFormat format, uint32_t num);

  // Lays the areas out in `memory`; what the device writes stands on cache
  // lines of its own. Refused: a bad size, memory that is too small or not
  // aligned to kAlign. Writes nothing.
  static Result<RingLayout> PlaceIn(std::span<std::byte> memory,
                                    RingFormat format, uint32_t num);

  // Of each area of a ring of `num` descriptors, in bytes.
  size_t DescBytes() const;
  size_t DriverBytes() const;
  size_t DeviceBytes() const;

  // Whether queues can stand on this layout, for one that was put together
  // from addresses: kInvalidArgument names a bad size, or the area that is
  // missing or not aligned as the spec demands.
  Result<void> Check() const;

  // Whether any byte of the ring lies in `range`. False for no ring.
  bool Touches(std::span<const std::byte> range) const;

  // Zeroes all three areas. Requires: nobody else uses the ring.
  void Zero() const;
};

// A place in a ring's sequence of descriptors. Split: the free-running index,
// `wrap` has no meaning. Packed: 0 to num - 1, and the wrap counter, which
// starts at 1 ("Driver and Device Ring Wrap Counters").
struct RingPosition {
  uint16_t index = 0;
  bool wrap = true;

  friend bool operator==(const RingPosition&, const RingPosition&) = default;
};

// How many descriptors (split: entries) `to` is ahead of `from`. Packed: 0 to
// 2 num - 1. Requires, packed: both indexes are below num.
uint32_t RingDistance(const RingLayout& layout, RingPosition from,
                      RingPosition to);

// A ring with the driver's side of its life: who may write it, and the place
// up to which the driver has published last, which is kept here and never
// read back from shared memory.
struct Ring {
  RingLayout layout;
  RingPosition published;  // Guarded by `gate`'s rule.
  RingGate gate;
};

}  // namespace virtio_user

#endif  // VIRTIO_USER_RING_RING_LAYOUT_H_
