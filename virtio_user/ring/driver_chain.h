// SPDX-License-Identifier: BSD-3-Clause
//
// What SplitDriverQueue and PackedDriverQueue share: what a driver notes down
// about a chain, since shared memory is never asked, and what it says of a
// device that lies.

#ifndef VIRTIO_USER_RING_DRIVER_CHAIN_H_
#define VIRTIO_USER_RING_DRIVER_CHAIN_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "virtio_user/base/check.h"
#include "virtio_user/base/device_addr.h"
#include "virtio_user/base/error.h"
#include "virtio_user/ring/driver_queue.h"
#include "virtio_user/spec/ring.h"

namespace virtio_user {

// Of a buffer in flight that was offered by itself, all there is to know. One
// comparison tells the plain case from all others: a used element is in order
// if its length is below `bound`.
template <typename Cookie>
struct ChainSlot {
  Cookie cookie{};
  // Writable bytes + 1. 0: no chain starts here, or it is a ChainNote's.
  uint32_t bound = 0;
};

// Of a chain that was offered as one, of any length.
struct ChainNote {
  uint32_t writable_bytes = 0;
  uint16_t count = 0;  // Descriptors; 0: no such chain starts here.
  // Split: the next descriptor of the chain; in order, of a chain of any
  // length, the place of its entry in the available ring.
  uint16_t link = 0;
};

// The two put together. No chain: count is 0.
struct ChainShape {
  uint32_t count = 0;
  uint32_t writable_bytes = 0;
};

template <typename Cookie>
ChainShape ShapeOf(const ChainSlot<Cookie>& slot, const ChainNote& note) {
  if (slot.bound != 0) return {1, slot.bound - 1};
  return {note.count, note.writable_bytes};
}

// ChainSlot::bound of a buffer. Requires: bytes < 2^32 - 1, if writable.
template <BufferUse kUse>
uint32_t BoundOf(uint32_t bytes) {
  if constexpr (kUse == BufferUse::kDeviceReads) return 1;
  uint32_t bound = 0;
  VU_CHECK(!__builtin_add_overflow(bytes, 1u, &bound));
  return bound;
}

// The buffers of an offered chain, without the kind of its cookie.
struct ChainBuffers {
  template <typename Cookie>
  explicit ChainBuffers(const OfferedChain<Cookie>& chain)
      : readable(chain.readable), writable(chain.writable) {}

  size_t count() const { return readable.size() + writable.size(); }
  bool IsWritable(size_t i) const { return i >= readable.size(); }
  const DeviceBuffer& operator[](size_t i) const {
    return IsWritable(i) ? writable[i - readable.size()] : readable[i];
  }

  std::span<const DeviceBuffer> readable;
  std::span<const DeviceBuffer> writable;
};

// The flags of a descriptor, the same in both formats.
template <BufferUse kUse>
constexpr uint32_t FlagsOf() {
  return kUse == BufferUse::kDeviceWrites ? kDescFlagWrite : 0;
}

// A chain of one descriptor, as it goes into the ring and into its slot.
template <typename Cookie>
struct PlainOffer {
  DeviceBuffer buffer;
  uint32_t flags;
  uint32_t bound;
  Cookie cookie;

  template <BufferUse kUse>
  static PlainOffer Of(const OfferedBuffer<Cookie>& one) {
    return {one.buffer, FlagsOf<kUse>(), BoundOf<kUse>(one.buffer.bytes),
            one.cookie};
  }
  // Of a chain that fits one descriptor, or of its table: never a plain one,
  // its note tells what it is.
  static PlainOffer Of(const OfferedChain<Cookie>& chain) {
    const ChainBuffers buffers(chain);
    if (chain.table_memory.empty()) {
      return {buffers[0], buffers.IsWritable(0) ? kDescFlagWrite : 0u, 0,
              chain.cookie};
    }
    const auto table_bytes =
        static_cast<uint32_t>(buffers.count() * sizeof(VirtqDesc));
    return {
        {chain.table_addr, table_bytes}, kDescFlagIndirect, 0, chain.cookie};
  }
};

// The shape of a chain as it stands in the ring. Checks what DriverQueue
// requires of an offer to a ring of `num`.
ChainShape CheckOffer(const ChainBuffers& buffers, bool indirect, uint32_t num);

// Writes an indirect table. Requires: `table` has room, aligned to 16.
void WriteSplitTable(const ChainBuffers& buffers, std::span<std::byte> table);
void WritePackedTable(const ChainBuffers& buffers, std::span<std::byte> table);

// What a device says of a chain, and where in the ring.
struct UsedWords {
  uint32_t place;
  uint32_t id;
  uint32_t bytes;
};

// Whether it can be right. If not, `broken` gets the reason and had none.
// `shape` is that of the chain in flight with this id.
bool CheckUsed(const UsedWords& words, ChainShape shape,
               std::optional<Error>& broken);
// In order, split: an element for `chains` chains, `ready` by the used index.
bool CheckBatch(const UsedWords& words, uint32_t chains, uint32_t ready,
                std::optional<Error>& broken);

[[gnu::cold, gnu::noinline]] Error UsedIndexFault(uint16_t index,
                                                  uint16_t before,
                                                  uint16_t most);
// Split: a used index that was `before` and may go up to `published`.
inline bool CheckUsedIndex(uint16_t index, uint16_t before, uint16_t published,
                           std::optional<Error>& broken) {
  const auto most = static_cast<uint16_t>(published - before);
  if (static_cast<uint16_t>(index - before) <= most) return true;
  broken = UsedIndexFault(index, before, most);
  return false;
}

}  // namespace virtio_user

#endif  // VIRTIO_USER_RING_DRIVER_CHAIN_H_
