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
#include "virtio_user/ring/ring_layout.h"

namespace fuzz {

// Ring and buffers at one moment, as a device finds them.
struct RingImage {
  virtio_user::RingFormat format = virtio_user::RingFormat::kSplit;
  uint16_t num = 0;
  std::span<const std::byte> desc;     // Descriptor table or ring.
  std::span<const std::byte> driver;   // Its area.
  std::span<const std::byte> buffers;  // From RingMemory::kBase on.
};

struct SeenChain {
  // What a device may not overlook: a chain without end or longer than the
  // ring, one that leaves its table, an indirect table where none may be or of
  // no whole descriptors, a readable part behind a writable one.
  bool well_formed = true;
  // Packed: each descriptor of it is available, and one of them is the last.
  // If not, how long it is cannot be known, and it breaks the ring.
  bool ends = true;
  // All of it lies in memory, no part is empty, no flag is unknown.
  bool plain = true;
  // The longest request that is read, of its readable part.
  static constexpr size_t kMostRequestBytes = 8192;
  // Its readable part, if all of that lies in memory and is not too long.
  std::array<std::byte, kMostRequestBytes> request;
  size_t request_bytes = 0;
  bool too_long = false;
  bool readable = true;
  // In the buffers: its first writable byte.
  std::optional<size_t> first_writable;
  uint16_t id = 0;           // What is given back.
  uint16_t descriptors = 1;  // Of the ring; packed rings pass so many.

  std::span<const std::byte> Request() const {
    return std::span(request).first(request_bytes);
  }
};

// Whether the packed descriptor at `at` was made available and not used yet.
bool IsAvailable(const RingImage& image, virtio_user::RingPosition at);

// The one at `head`, which is available and has no wrap counter in a split
// ring.
void SeeChain(const RingImage& image, virtio_user::RingPosition head,
              SeenChain& chain);

}  // namespace fuzz

#endif  // FUZZ_SEEN_CHAIN_H_
