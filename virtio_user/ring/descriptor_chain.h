// SPDX-License-Identifier: BSD-3-Clause

#ifndef VIRTIO_USER_RING_DESCRIPTOR_CHAIN_H_
#define VIRTIO_USER_RING_DESCRIPTOR_CHAIN_H_

#include <cstdint>
#include <span>
#include <vector>

#include "virtio_user/base/device_addr.h"
#include "virtio_user/base/error.h"
#include "virtio_user/base/function_ref.h"
#include "virtio_user/ring/ring_layout.h"

namespace virtio_user {

// How the device's side reaches memory that a descriptor names: the span, or
// an Error where the range is not wholly inside known memory.
using AddressResolver =
    FunctionRef<Result<std::span<std::byte>>(DeviceBuffer buffer)>;

// One chain as the device reads it: a private copy of its descriptors, each
// field of which was loaded once. Buffers of length 0 are kept.
struct DescriptorChain {
  uint16_t head = 0;
  std::vector<DeviceBuffer> readable;
  std::vector<DeviceBuffer> writable;
};

// Walks the chain that starts at `head` (virtio: "The Virtqueue Descriptor
// Table" and "Indirect Descriptors"); clears and fills `chain`. At most
// `layout.num` buffers are collected, the indirect table's included; the
// descriptor that names the table is none of them. An Error
// (kInvalidArgument, naming the descriptor) for: an index out of range, a loop
// or a chain longer than the ring, readable after writable, NEXT together with
// INDIRECT, an indirect table inside an indirect table, of a length that is 0
// or no multiple of 16, or outside memory. WRITE on the descriptor of a table,
// and flag bits that the spec does not define, are ignored. After an Error
// `chain` holds what came before it. Requires: head < layout.num.
Result<void> WalkChain(const RingLayout& layout, uint16_t head,
                       AddressResolver resolve, DescriptorChain& chain);

}  // namespace virtio_user

#endif  // VIRTIO_USER_RING_DESCRIPTOR_CHAIN_H_
