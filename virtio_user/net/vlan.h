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
// order. Nothing, and the frame as it was, if it has none (TPID 0x8100), if
// its first buffer does not hold the whole tag, or if a checksum is to begin
// in front of the tag's end.
std::optional<uint16_t> StripVlan(BufferPool& pool, Packet& packet);

// Puts a tag in. False, and the frame as it was: it is shorter than its two
// addresses, its headroom is used up, or a checksum is to begin within the
// addresses or above 65531.
bool InsertVlan(BufferPool& pool, Packet& packet, uint16_t tag_control);

}  // namespace virtio_user

#endif  // VIRTIO_USER_NET_VLAN_H_
