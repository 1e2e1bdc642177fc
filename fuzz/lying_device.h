// SPDX-License-Identifier: BSD-3-Clause

#ifndef FUZZ_LYING_DEVICE_H_
#define FUZZ_LYING_DEVICE_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "fuzz/offer_rules.h"
#include "fuzz/reader.h"
#include "fuzz/sent_frames.h"
#include "virtio_user/ring/ring_layout.h"

namespace fuzz {

// The device's side of one ring, of either format, which keeps to the rules
// where the input says nothing else, and holds the driver to its own as long as
// nobody has written into what the driver writes. Shares no code with the
// project's device queues.
class LyingDevice {
 public:
  // `frames`: whose the chains are, if the device reads them; outlives it.
  LyingDevice(const SharedRing& memory, const OfferKind& kind,
              SentFrames* frames = nullptr)
      : memory_(memory), rules_(memory, kind), frames_(frames) {}

  // Does one thing that the input says: takes or gives back chains, honestly
  // or not, writes into ring and buffers, says whether it wants kicks.
  void Act(Reader& input);
  // Somebody else has written into ring or buffers.
  void NoteTampering() { tampered_ = ring_tampered_ = true; }
  // Nobody has written what is the driver's in the ring, nor while the driver
  // worked.
  bool ring_is_known() const { return !ring_tampered_; }
  // Nor where the driver marks what is available; in a packed ring the device
  // marks there what it has used.
  bool marks_are_known() const {
    return packed() ? !tampered_ && !lied_ : ring_is_known();
  }
  // A new device on a ring that is new, or of which it knows all up to `at`.
  void Restart(virtio_user::RingPosition at = {});

 private:
  // As found in the ring; nothing of it is sure to be true.
  struct Chain {
    uint32_t id = 0;
    uint16_t count = 1;  // Descriptors.
    uint64_t addr = 0;   // Of the first buffer.
    uint8_t whose = 0;   // OfferRules.
  };

  bool packed() const {
    return memory_.layout.format == virtio_user::RingFormat::kPacked;
  }
  std::byte* DescAt(size_t index) const;
  void Pop();
  void PopPacked();
  void PopSplit();
  void Use(Reader& input);
  // What was made available is read, and remembered as popped.
  void Remember(Chain chain, uint16_t first);
  // The first `count` from `place` on.
  void Forget(size_t place, size_t count);
  void Put(uint32_t id, uint32_t bytes, uint16_t skip);
  void Overwrite(Reader& input);
  void WriteHeader(uint64_t addr, uint8_t how, Reader& input);
  void Pass(uint16_t count, uint16_t& index, bool& wrap) const;

  SharedRing memory_;
  OfferRules rules_;
  SentFrames* frames_;
  // Ring or buffers are not what driver and device made of them by turns.
  bool tampered_ = false;
  bool ring_tampered_ = false;
  // The driver may have been told of other chains than those that were used.
  bool lied_ = false;
  uint8_t chains_seen_ = 0;
  // Popped and not used, in that order.
  static constexpr size_t kMostChains = 24;
  std::array<Chain, kMostChains> chains_;
  size_t chain_count_ = 0;
  // Split: free-running. Packed: below num, with the wrap counters.
  uint16_t next_ = 0;
  uint16_t used_ = 0;
  bool next_wrap_ = true;
  bool used_wrap_ = true;
};

}  // namespace fuzz

#endif  // FUZZ_LYING_DEVICE_H_
