// SPDX-License-Identifier: BSD-3-Clause
//
// Inputs of control_queue_fuzz in their parts. The target takes them as they
// come; this is for whoever changes them.

#ifndef FUZZ_CONTROL_INPUT_H_
#define FUZZ_CONTROL_INPUT_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "fuzz/ring_memory.h"

namespace fuzz {

inline constexpr size_t kMostControlWrites = 32;
// In the word that says where the driver writes: nobody is notified of it.
inline constexpr uint16_t kQuiet = 0x8000;

// Of `how`, an input's first byte: bit 0 packed, bit 1 event index, bit 2 a
// plain device queue, bit 3 without bit 2 long buffers, bits 4 to 7 the ring's
// size.
RingMemory& WipedControlMemory(uint8_t how);

// Bytes that the driver writes somewhere into ring or buffers.
struct ControlWrite {
  uint16_t at = 0;                        // Below 0x8000.
  bool quiet = false;                     // Nobody is notified of it.
  std::span<const std::byte> bytes = {};  // At most 255.
  // Of PeerWrites, if somebody is; empty is a peer that does not write.
  std::span<const std::byte> turn = {};
};

struct ControlInput {
  // Any bytes are one, and outlive it.
  explicit ControlInput(std::span<const std::byte> bytes);
  // What is complete and fits; how many bytes that is. `out` is other memory
  // than what was taken apart.
  size_t Write(std::span<std::byte> out) const;

  uint8_t how = 0;
  uint8_t scene = 0;  // ControlScene; of a plain device queue PlainDevice's.
  std::vector<ControlWrite> writes;
  // Of the notification behind kMostControlWrites.
  std::span<const std::byte> last_turn = {};
};

}  // namespace fuzz

#endif  // FUZZ_CONTROL_INPUT_H_
