// SPDX-License-Identifier: BSD-3-Clause
//
// What a device may have written into a fuzzed ring and its buffers.

#ifndef FUZZ_SERVED_RING_H_
#define FUZZ_SERVED_RING_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "fuzz/ring_memory.h"
#include "fuzz/seen_chain.h"
#include "virtio_user/base/function_ref.h"

namespace fuzz {

// Follows one device from the ring's beginning on: takes a copy before each
// call, and afterwards goes through the chains that were given back, in their
// order, and puts into the copy what had to be written for them. Then memory
// has to be equal.
class ServedRing {
 public:
  // `memory` outlives it and is wiped.
  explicit ServedRing(RingMemory& memory);

  // Hears of each chain and how many bytes its element says were written;
  // returns what has to stand in its first writable byte now, if the device
  // writes there.
  using Answer = virtio_user::FunctionRef<std::optional<uint8_t>(
      const SeenChain& chain, uint32_t bytes)>;

  void Before();
  // After a call in which nobody else wrote: `served` chains, or as many as the
  // ring tells. Reports what differs. False: how far the device is has not been
  // known since others wrote, and nothing was looked at.
  bool After(std::optional<size_t> served, Answer answer);
  // After a call in which somebody else wrote, too.
  void AfterOthers(std::optional<size_t> served);

 private:
  bool packed() const {
    return memory_.layout().format == virtio_user::RingFormat::kPacked;
  }
  size_t At(const std::byte* area) const;
  RingImage Image() const;
  // How many more there can be.
  size_t GivenBack(std::optional<size_t> served) const;
  bool PackedIsAvailable(std::span<const std::byte> ring) const;
  // Takes over what the device wrote for one chain; nothing: there is none.
  std::optional<uint32_t> TakeElement();
  std::optional<uint32_t> TakeSplit();
  std::optional<uint32_t> TakePacked();
  void Compare();

  RingMemory& memory_;
  static constexpr size_t kMostRingBytes = 640;
  // As they were, and then as they have to be.
  std::array<std::byte, kMostRingBytes> ring_{};
  std::array<std::byte, RingMemory::kBufferBytes> buffers_{};
  SeenChain chain_;
  uint16_t used_before_ = 0;
  // Split: free-running. Packed: below num, with the wrap counter.
  uint16_t next_ = 0;
  bool wrap_ = true;
  bool lost_ = false;  // How far the device is cannot be told.
};

}  // namespace fuzz

#endif  // FUZZ_SERVED_RING_H_
