// SPDX-License-Identifier: BSD-3-Clause

#ifndef VIRTIO_USER_NET_PACKET_H_
#define VIRTIO_USER_NET_PACKET_H_

#include <cstdint>

namespace virtio_user {

// A frame in one or more buffers of a BufferPool, without any header in front.
// A handle: whoever holds it owns the buffers. Made by the pool or by a
// receive queue; the fields are theirs, except that `offset` and `bytes` may
// be moved within the first buffer, as when a tag is cut off in front.
struct alignas(16) Packet {
  uint32_t buffer = 0;        // The first one.
  uint32_t bytes = 0;         // Of the frame, in all buffers together.
  uint16_t offset = 0;        // Of the frame's first byte in the first buffer.
  uint16_t buffer_count = 1;  // The pool knows the others.
  uint32_t has_offload = 0;   // 1: the pool keeps an Offload beside it.
};
static_assert(sizeof(Packet) == 16);

}  // namespace virtio_user

#endif  // VIRTIO_USER_NET_PACKET_H_
