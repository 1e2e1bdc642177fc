// SPDX-License-Identifier: BSD-3-Clause
//
// The header in front of each frame (virtio: "Network Device / Device
// Operation"), and what the accepted features say about it.

#ifndef VIRTIO_USER_NET_NET_HEADER_H_
#define VIRTIO_USER_NET_NET_HEADER_H_

#include <cstddef>
#include <cstdint>

#include "virtio_user/ring/shared_memory.h"
#include "virtio_user/spec/feature.h"
#include "virtio_user/spec/net.h"

namespace virtio_user {

// 20 with HASH_REPORT, 12 with VERSION_1 or MRG_RXBUF, and where rings are
// packed, which no legacy device has; the legacy header of 10 otherwise.
size_t NetHeaderBytes(FeatureSet accepted);

// "Legacy Interface: Framing Requirements": with neither VERSION_1 nor
// ANY_LAYOUT the header has a descriptor of its own. Buffers that one frame
// can share (MRG_RXBUF) are undivided all the same, as only the first of them
// begins with a header.
enum class HeaderPlace : uint8_t { kWithData, kOwnDescriptor };
HeaderPlace TxHeaderPlace(FeatureSet accepted);
HeaderPlace RxHeaderPlace(FeatureSet accepted);

// num_buffers of the header of 12 bytes that a device wrote to `header`; read
// once. Requires: `header` is aligned to 2.
[[gnu::always_inline]] inline uint16_t LoadNumBuffers(std::byte* header) {
  return LoadRelaxed<uint16_t>(header + offsetof(NetHeader, num_buffers));
}

}  // namespace virtio_user

#endif  // VIRTIO_USER_NET_NET_HEADER_H_
