// SPDX-License-Identifier: BSD-3-Clause

#ifndef VIRTIO_USER_RING_DESCRIPTOR_CHAIN_H_
#define VIRTIO_USER_RING_DESCRIPTOR_CHAIN_H_

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "virtio_user/base/device_addr.h"
#include "virtio_user/base/error.h"
#include "virtio_user/base/function_ref.h"
#include "virtio_user/ring/packed_word.h"
#include "virtio_user/ring/ring_layout.h"

namespace virtio_user {

// How the device's side reaches memory that a descriptor names: the span, or
// an Error where the range is not wholly inside known memory.
using AddressResolver =
    FunctionRef<Result<std::span<std::byte>>(DeviceBuffer buffer)>;

// What a chain that the device took is given back by.
struct ChainToken {
  uint16_t id = 0;  // Split: its head. Packed: its buffer id, any number.
  // Packed: its descriptors in the ring. Split: 1, its available entry.
  uint16_t descriptor_count = 1;

  friend bool operator==(const ChainToken&, const ChainToken&) = default;
};

// One chain as the device reads it: a private copy of its descriptors, each
// field of which was loaded once. Buffers of length 0 are kept.
struct DescriptorChain {
  ChainToken token;
  std::vector<DeviceBuffer> readable;
  std::vector<DeviceBuffer> writable;
  bool indirect = false;  // It has an indirect table.
  // Why nothing may be done with it except to give it back; the buffers are
  // those before the mistake.
  std::optional<Error> malformed;

  size_t buffer_count() const { return readable.size() + writable.size(); }
  // As new, apart from the capacity.
  void Clear();
};

// A chain of one descriptor that stands in the ring itself.
struct SingleBuffer {
  DeviceBuffer buffer;
  ChainToken token;
  bool writable = false;
};

// What PopOne of a device's queue found.
enum class PopOutcome : uint8_t {
  kNothing,  // Nothing is available.
  kOne,      // Such a chain, which was taken.
  kChain,    // Another one, which was not: Pop takes it and looks anew.
  kBroken,   // See broken().
};

// Walks the chain that starts at `head` of a split ring (virtio: "The
// Virtqueue Descriptor Table" and "Indirect Descriptors"); clears and fills
// `chain` apart from `malformed`. At most `layout.num` buffers are collected,
// the indirect table's included; the descriptor that names the table is none
// of them. An Error (kInvalidArgument, naming the descriptor) for: an index
// out of range, a loop or a chain longer than the ring, readable after
// writable, NEXT together with INDIRECT, an indirect table inside an indirect
// table, of a length that is 0 or no multiple of 16, or outside memory. WRITE
// on the descriptor of a table, and flag bits that the spec does not define,
// are ignored. After an Error `chain` holds what came before it. Requires:
// head < layout.num.
Result<void> WalkChain(const RingLayout& layout, uint16_t head,
                       AddressResolver resolve, DescriptorChain& chain);

// The first descriptor of a packed ring's list, as the device found it.
struct PackedHead {
  RingPosition at;
  PackedTail tail;    // It says that it is available.
  uint16_t most = 0;  // Descriptors that the list can have.
};

// Walks a list of a packed ring (virtio: "Scatter-Gather Support"), or its one
// indirect table; fills `chain`, which is clear. What is wrong inside of a
// list goes to chain.malformed: a table together with other descriptors, a
// table of a length that is 0, no multiple of 16 or more than the ring, or
// outside memory, readable after writable. An Error (kProtocol) where the
// list's end, and so its id, cannot be known: it is longer than `most`, or a
// descriptor of it is not available.
Result<void> WalkPackedList(const RingLayout& layout, const PackedHead& head,
                            AddressResolver resolve, DescriptorChain& chain);

}  // namespace virtio_user

#endif  // VIRTIO_USER_RING_DESCRIPTOR_CHAIN_H_
