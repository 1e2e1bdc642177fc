// SPDX-License-Identifier: BSD-3-Clause

#ifndef VIRTIO_USER_RING_SPLIT_LAYOUT_H_
#define VIRTIO_USER_RING_SPLIT_LAYOUT_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "virtio_user/base/error.h"
#include "virtio_user/ring/ring_gate.h"
#include "virtio_user/spec/ring.h"

namespace virtio_user {

// Where the three parts of a split virtqueue lie in this process. A view: the
// memory belongs to the driver and outlives every queue on it.
struct SplitLayout {
  uint16_t num = 0;  // Descriptors: a power of two, 1 to 32768.
  std::byte* desc = nullptr;
  std::byte* avail = nullptr;
  std::byte* used = nullptr;

  // Bytes that PlaceIn needs for `num` descriptors: a multiple of kAlign, so
  // that rings in a row share no cache line.
  static size_t BytesFor(uint16_t num);
  static constexpr size_t kAlign = 64;

  // Checks what one ring's size may be: kInvalidArgument names the size.
  static Result<void> CheckSize(uint32_t num);

  // Lays the parts out in `memory`: table, available ring, then, on a line of
  // its own, the used ring. Refused: a bad size, memory that is too small or
  // not aligned to kAlign. Writes nothing.
  static Result<SplitLayout> PlaceIn(std::span<std::byte> memory, uint32_t num);

  // Whether queues can stand on this layout, for one that was put together
  // from addresses: kInvalidArgument names a bad size, or the part that is
  // missing or not aligned as the spec demands.
  Result<void> Check() const;

  // Whether any byte of the ring lies in `range`. False for no ring.
  bool Touches(std::span<const std::byte> range) const;

  // Zeroes all three parts. Requires: nobody else uses the ring.
  void Zero() const;
};

// A split ring with the driver's side of its life: who may write it, and the
// available index that the driver published last, which is kept here and
// never read back from shared memory.
struct SplitRing {
  SplitLayout layout;
  uint16_t published = 0;  // Guarded by `gate`'s rule.
  RingGate gate;
};

}  // namespace virtio_user

#endif  // VIRTIO_USER_RING_SPLIT_LAYOUT_H_
