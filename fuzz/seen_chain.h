// SPDX-License-Identifier: BSD-3-Clause
//
// Chains of a ring as the spec has them read, by code of its own.

#ifndef FUZZ_SEEN_CHAIN_H_
#define FUZZ_SEEN_CHAIN_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "fuzz/ring_memory.h"

namespace fuzz {

// Ring and buffers at one moment, as a device finds them.
struct RingImage {
  virtio_user::RingFormat format = virtio_user::RingFormat::kSplit;
  uint16_t num = 0;
  std::span<const std::byte> desc;     // Descriptor table or ring.
  std::span<const std::byte> buffers;  // From RingMemory::kBase on.
};

struct SeenChain {
  // What a device may not overlook: a chain without end or longer than the
  // ring, one that leaves its table, an indirect table where none may be or of
  // no whole descriptors, a readable part behind a writable one.
  bool well_formed = true;
  // All of it lies in memory, no part is empty, no flag is unknown.
  bool plain = true;
  // Its readable part, if all of that lies in memory.
  std::array<std::byte,
             size_t{RingMemory::kMostDescriptors} * RingMemory::kBufferBytes>
      request;
  size_t request_bytes = 0;
  bool readable = true;
  // In the buffers: its first writable byte.
  std::optional<size_t> first_writable;
  uint16_t id = 0;           // What is given back.
  uint16_t descriptors = 1;  // Of the ring; packed rings pass so many.

  std::span<const std::byte> Request() const {
    return std::span(request).first(request_bytes);
  }
};

// The one at `head`; in a packed ring, whose list ends.
void SeeChain(const RingImage& image, uint16_t head, SeenChain& chain);

}  // namespace fuzz

#endif  // FUZZ_SEEN_CHAIN_H_
