// SPDX-License-Identifier: BSD-3-Clause
//
// What a driver has to know of its ring.

#ifndef FUZZ_CHAINS_IN_FLIGHT_H_
#define FUZZ_CHAINS_IN_FLIGHT_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "fuzz/offer_rules.h"
#include "virtio_user/ring/ring_layout.h"

namespace fuzz {

// The chains that a driver has made available and not taken back, the oldest
// first, and what it has to find when it looks for used ones (virtio 1.4,
// "Receiving Used Buffers From The Device", "In-order use of descriptors").
// Reads the ring alone, so that it knows as long as nobody but the driver
// writes what is the driver's, and nobody writes while the driver works.
//
// A driver looks at a split ring's used index when it knows of fewer chains
// than it could take. It is broken, and looks no more, from the first index or
// element on that cannot be right: an index that goes back or beyond what is
// available; an id of no chain in flight; more bytes than a chain can take; an
// element that stands for more chains than the index does.
class ChainsInFlight {
 public:
  struct Chain {
    uint32_t id = 0;
    uint16_t descriptors = 0;  // Of the ring; a table takes one.
    uint16_t buffers = 1;      // Its owner's.
    uint32_t writable_bytes = 0;
    uint64_t addr = 0;  // Of the first descriptor.
  };
  struct Used {
    Chain chain;
    uint32_t bytes = 0;
  };
  static constexpr size_t kMost = 32;

  ChainsInFlight(const SharedRing& memory, const OfferKind& kind)
      : memory_(memory), kind_(kind) {}

  // What was made available since the last time, the oldest first; its owner
  // may write how many buffers it has.
  std::span<Chain> TakeNew();
  // What a driver finds that takes up to out.size() chains now; how many.
  size_t Take(std::span<Used> out);

  size_t count() const { return count_; }
  uint16_t free_descriptors() const;
  // Of all that are in flight.
  size_t buffers() const;
  bool broken() const { return broken_; }
  void Break() { broken_ = true; }
  // Where a packed ring has a used element and nothing is in flight, a driver
  // may break, or look at it later.
  bool may_break() const { return may_break_; }
  // The driver says whether it is broken. True: it is, since it may be.
  bool Looked(bool driver_broken);
  // The ring is new, or as good as new and the driver comes next to `at`.
  void Restart(virtio_user::RingPosition at = {});

 private:
  struct Element {
    uint32_t id = 0;
    uint32_t bytes = 0;
  };

  bool packed() const {
    return memory_.layout.format == virtio_user::RingFormat::kPacked;
  }
  uint16_t Word(const std::byte* area, size_t at) const;
  const std::byte* DescAt(size_t index) const;
  void ReadSplit();
  bool ReadPacked();
  void Pass(uint16_t count, virtio_user::RingPosition& position) const;
  uint16_t ready() const;
  void SeeIndex();
  bool IsUsed() const;
  Element NextElement() const;
  // False: it cannot be right.
  bool Accept(Used& used, size_t& place);
  bool TakeOne(Used& used);
  Used Remove(size_t place, uint32_t bytes);

  SharedRing memory_;
  OfferKind kind_;
  std::array<Chain, kMost> chains_;
  size_t count_ = 0;
  virtio_user::RingPosition next_;   // Where the next chain will be.
  virtio_user::RingPosition taken_;  // Where the next used element will be.
  uint16_t seen_ = 0;                // Split: the used index.
  size_t batch_left_ = 0;            // In order: chains of an element...
  uint32_t batch_bytes_ = 0;         // ...and what its last one has.
  bool broken_ = false;
  bool may_break_ = false;
};

}  // namespace fuzz

#endif  // FUZZ_CHAINS_IN_FLIGHT_H_
