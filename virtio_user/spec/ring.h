// SPDX-License-Identifier: BSD-3-Clause
//
// Layouts of the virtqueue (virtio 1.4, "Split Virtqueues" and "Packed
// Virtqueues"). Numbers are little-endian; this project runs on little-endian
// machines alone.

#ifndef VIRTIO_USER_SPEC_RING_H_
#define VIRTIO_USER_SPEC_RING_H_

#include <bit>
#include <cstddef>
#include <cstdint>

namespace virtio_user {

static_assert(std::endian::native == std::endian::little);

// Both formats; a split ring's size is a power of two besides.
inline constexpr uint32_t kMaxRingSize = 32768;

inline constexpr uint16_t kDescFlagNext = 1;      // VIRTQ_DESC_F_NEXT
inline constexpr uint16_t kDescFlagWrite = 2;     // VIRTQ_DESC_F_WRITE
inline constexpr uint16_t kDescFlagIndirect = 4;  // VIRTQ_DESC_F_INDIRECT

inline constexpr uint16_t kAvailFlagNoInterrupt = 1;
inline constexpr uint16_t kUsedFlagNoNotify = 1;

struct VirtqDesc {
  uint64_t addr;
  uint32_t len;
  uint16_t flags;
  uint16_t next;
};
static_assert(sizeof(VirtqDesc) == 16);

struct VirtqUsedElem {
  uint32_t id;   // Head of the chain.
  uint32_t len;  // Bytes written into its device-writable part.
};
static_assert(sizeof(VirtqUsedElem) == 8);

// Alignment of the three parts, in bytes.
inline constexpr size_t kDescTableAlign = 16;
inline constexpr size_t kAvailRingAlign = 2;
inline constexpr size_t kUsedRingAlign = 4;

// Offsets inside the available and the used ring.
inline constexpr size_t kAvailFlagsOffset = 0;
inline constexpr size_t kAvailIdxOffset = 2;
inline constexpr size_t kAvailRingOffset = 4;
inline constexpr size_t kUsedFlagsOffset = 0;
inline constexpr size_t kUsedIdxOffset = 2;
inline constexpr size_t kUsedRingOffset = 4;

// Sizes with the event-index words (used_event, avail_event) at their ends,
// which are there whether or not EVENT_IDX is negotiated.
constexpr size_t DescTableBytes(uint32_t num) { return 16 * size_t{num}; }
constexpr size_t AvailRingBytes(uint32_t num) { return 6 + 2 * size_t{num}; }
constexpr size_t UsedRingBytes(uint32_t num) { return 6 + 8 * size_t{num}; }

// "The Packed Virtqueue Descriptor Ring". NEXT, WRITE and INDIRECT as above.
inline constexpr uint16_t kPackedFlagAvail = 1 << 7;  // VIRTQ_DESC_F_AVAIL
inline constexpr uint16_t kPackedFlagUsed = 1 << 15;  // VIRTQ_DESC_F_USED

struct PackedDesc {
  uint64_t addr;
  uint32_t len;
  uint16_t id;
  uint16_t flags;
};
static_assert(sizeof(PackedDesc) == 16);

// "Event Suppression Structure Format".
struct PackedEvent {
  uint16_t offset_wrap;  // Descriptor offset in 15 bits, wrap counter above.
  uint16_t flags;
};
static_assert(sizeof(PackedEvent) == 4);

inline constexpr uint16_t kPackedEventEnable = 0;   // RING_EVENT_FLAGS_ENABLE
inline constexpr uint16_t kPackedEventDisable = 1;  // RING_EVENT_FLAGS_DISABLE
inline constexpr uint16_t kPackedEventDesc = 2;     // RING_EVENT_FLAGS_DESC
inline constexpr uint16_t kPackedEventFlagsMask = 3;
inline constexpr uint16_t kPackedEventWrap = 1 << 15;

inline constexpr size_t kPackedRingAlign = 16;
inline constexpr size_t kPackedEventAlign = 4;
inline constexpr size_t kPackedEventBytes = sizeof(PackedEvent);
constexpr size_t PackedRingBytes(uint32_t num) { return 16 * size_t{num}; }

}  // namespace virtio_user

#endif  // VIRTIO_USER_SPEC_RING_H_
