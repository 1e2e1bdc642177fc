// SPDX-License-Identifier: BSD-3-Clause
//
// What a driver may offer to its device.

#ifndef FUZZ_OFFER_RULES_H_
#define FUZZ_OFFER_RULES_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "virtio_user/ring/ring_layout.h"
#include "virtio_user/spec/ring.h"

namespace fuzz {

// All that both sides of a ring can write; outlives whoever works on it. Device
// addresses are those of buffers and scratch, and between these there are none.
struct SharedRing {
  virtio_user::RingLayout layout;
  std::span<std::byte> ring;
  std::span<std::byte> buffers;
  uint64_t buffers_addr = 0;
  std::span<std::byte> scratch;
  uint64_t scratch_addr = 0;

  // From `addr` to the end of what it lies in; nothing if it lies nowhere.
  std::span<std::byte> From(uint64_t addr) const;
};

// Which direction a ring has, and what was negotiated.
struct OfferKind {
  bool device_writes = false;
  bool indirect = false;
  bool in_order = false;
  uint32_t header_bytes = 0;
};

// Reads each chain that a driver makes available, by the words of the spec, and
// reports one that is not all in shared memory, not all of the ring's
// direction, too short for a header, in a table where none may be, or in memory
// that an earlier chain has not come back from. Nobody may have changed
// descriptors or tables since they were written.
class OfferRules {
 public:
  OfferRules(const SharedRing& memory, const OfferKind& kind)
      : memory_(memory), kind_(kind) {}

  const OfferKind& kind() const { return kind_; }

  // `whose`: not 0, and that of no other chain that is out. Returns what the
  // device can read of it. Without `strict`, as it is for a device that has
  // lied and may find an old entry of the ring, memory and direction alone are
  // looked at.
  std::span<const std::byte> TakeSplit(uint16_t head, uint8_t whose,
                                       bool strict);
  std::span<const std::byte> TakePacked(uint16_t first, uint16_t count,
                                        uint8_t whose, bool strict);
  void GiveBack(uint8_t whose);
  // Nothing is out any more.
  void Forget() { owners_.fill(0); }

 private:
  // Buffers, and what belongs to one slot of the scratch memory, are whole
  // ones.
  static constexpr size_t kGranule = 64;
  static constexpr size_t kMostGranules = 160;
  static constexpr size_t kMostRead = 8192;

  static std::array<std::byte, kMostRead>& Read();
  void Begin(uint8_t whose, bool strict);
  std::span<const std::byte> End() const;
  std::span<const std::byte> Claim(uint64_t addr, uint32_t bytes);
  void Part(uint64_t addr, uint32_t bytes, uint16_t flags);
  std::span<const std::byte> Table(uint64_t addr, uint32_t bytes,
                                   uint16_t flags);
  virtio_user::VirtqDesc DescAt(size_t index) const;

  SharedRing memory_;
  OfferKind kind_;
  std::array<uint8_t, kMostGranules> owners_{};
  // Of the chain that is being read.
  uint8_t whose_ = 0;
  bool strict_ = false;
  size_t bytes_ = 0;
  size_t read_bytes_ = 0;
};

}  // namespace fuzz

#endif  // FUZZ_OFFER_RULES_H_
