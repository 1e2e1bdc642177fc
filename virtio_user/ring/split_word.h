// SPDX-License-Identifier: BSD-3-Clause
//
// How the driver touches the parts of a split ring: whole words, each by one
// access. What orders them are the indexes.

#ifndef VIRTIO_USER_RING_SPLIT_WORD_H_
#define VIRTIO_USER_RING_SPLIT_WORD_H_

#include <cstddef>
#include <cstdint>

#include "virtio_user/base/device_addr.h"
#include "virtio_user/ring/shared_memory.h"
#include "virtio_user/spec/ring.h"

namespace virtio_user {

// Flags in the low half of `flags_and_next`, the next descriptor above.
inline void StoreSplitDesc(std::byte* desc, uint32_t index, DeviceBuffer buffer,
                           uint32_t flags_and_next) {
  std::byte* const at = desc + index * sizeof(VirtqDesc);
  StoreRelaxed<uint64_t>(at, buffer.addr.value);
  StoreRelaxed<uint64_t>(at + offsetof(VirtqDesc, len),
                         buffer.bytes | uint64_t{flags_and_next} << 32);
}

// `avail` is entry 0.
inline void StoreAvail(std::byte* avail, uint32_t entry, uint32_t head) {
  StoreRelaxed<uint16_t>(avail + entry * sizeof(uint16_t),
                         static_cast<uint16_t>(head));
}

// The used ring begins at an offset of 4, so an element is not aligned to its
// own size: two loads, each of its own field.
inline VirtqUsedElem LoadUsed(std::byte* element) {
  return {.id = LoadRelaxed<uint32_t>(element + offsetof(VirtqUsedElem, id)),
          .len = LoadRelaxed<uint32_t>(element + offsetof(VirtqUsedElem, len))};
}

}  // namespace virtio_user

#endif  // VIRTIO_USER_RING_SPLIT_WORD_H_
