// SPDX-License-Identifier: BSD-3-Clause
//
// VLAN tags (IEEE 802.1Q), put in and taken out in software: virtio-net has no
// offload for them.

#ifndef VIRTIO_USER_NET_VLAN_H_
#define VIRTIO_USER_NET_VLAN_H_

#include <cstdint>
#include <optional>

#include "virtio_user/net/buffer_pool.h"
#include "virtio_user/net/packet.h"

namespace virtio_user {

// Takes the outer tag out of a frame; its tag control information, in host
// order. Nothing, and the frame as it was, if it has none (TPID 0x8100) or if
// its first buffer does not hold the whole tag.
std::optional<uint16_t> StripVlan(BufferPool& pool, Packet& packet);

// Puts a tag in. False, and the frame as it was: it is shorter than its two
// addresses, or its headroom is used up.
bool InsertVlan(BufferPool& pool, Packet& packet, uint16_t tag_control);

}  // namespace virtio_user

#endif  // VIRTIO_USER_NET_VLAN_H_
