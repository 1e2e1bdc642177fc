// SPDX-License-Identifier: BSD-3-Clause
//
// Memory that a fuzzer's bytes fill: a ring, its buffers, and nothing else.

#ifndef FUZZ_RING_MEMORY_H_
#define FUZZ_RING_MEMORY_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "virtio_user/base/error.h"
#include "virtio_user/ring/descriptor_chain.h"
#include "virtio_user/ring/ring_layout.h"

namespace fuzz {

// One ring and some buffers, each in an allocation of its own, so that
// AddressSanitizer stands around both. Device addresses begin at kBase and are
// no pointers. An input uses what another one has used, once Wipe was called.
class RingMemory {
 public:
  static constexpr uint64_t kBase = 0x7000'0000'0000;
  static constexpr size_t kBufferBytes = 512;
  // Of which one descriptor names more than the longest control request.
  static constexpr size_t kLongBufferBytes = 8192 + 512;
  static constexpr uint16_t kMostDescriptors = 16;

  // Requires: a size that `format` has; one of the two sizes of buffers.
  RingMemory(virtio_user::RingFormat format, uint16_t num, size_t buffer_bytes);

  const virtio_user::RingLayout& layout() const { return layout_; }
  std::span<std::byte> ring() { return ring_; }
  std::span<std::byte> buffers() { return buffers_; }

  // Zeroes all of it.
  void Wipe();
  // The peer writes `bytes` at `offset` of ring and buffers, as if these came
  // one behind the other; what would lie beyond is not written. Addresses in
  // the descriptor table that are not near memory are brought there: within
  // it, across one of its ends, or just outside.
  void Write(size_t offset, std::span<const std::byte> bytes);

  // Where a descriptor's buffer lies; nothing but buffers() can be reached.
  virtio_user::Result<std::span<std::byte>> Resolve(
      virtio_user::DeviceBuffer buffer);

 private:
  struct Freed {
    void operator()(std::byte* memory) const;
  };
  using Memory = std::unique_ptr<std::byte, Freed>;
  static Memory Allocate(size_t bytes);

  Memory ring_memory_;
  Memory buffer_memory_;
  std::span<std::byte> ring_;
  std::span<std::byte> buffers_;
  virtio_user::RingLayout layout_;
};

enum class BufferSize : uint8_t { kShort, kLong };

// The one for this format and size, wiped. `size_choice` is any number: split
// rings get 1, 2, 4, 8 or 16 descriptors, packed ones 1 to 16.
RingMemory& WipedMemory(virtio_user::RingFormat format, uint8_t size_choice,
                        BufferSize buffers = BufferSize::kShort);

}  // namespace fuzz

#endif  // FUZZ_RING_MEMORY_H_
