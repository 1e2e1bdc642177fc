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
#include "virtio_user/ring/ring_layout.h"
#include "virtio_user/ring/split_device_queue.h"

namespace fuzz {

// What a call of a device came to.
struct ServedCall {
  std::optional<size_t> chains;  // Nothing: the device does not say.
  bool broken = false;           // Now or before.
  bool drained = false;          // It looked for one more and found none.
  std::optional<bool> wants_interrupt;  // The driver, as the device has it.
};

// Follows one device from the ring's beginning on: takes a copy before each
// call, and afterwards goes through the chains that were given back, in their
// order, and puts into the copy what had to be written for them. Then memory
// has to be equal, as many chains were served as the driver offered, the
// ring is broken where that breaks the rules and nowhere else, and what each
// side wants to be notified of is what the other one makes of it.
class ServedRing {
 public:
  // `memory` outlives it and is wiped.
  ServedRing(RingMemory& memory, virtio_user::EventIndex event_index);

  // Hears of each chain and how many bytes its element says were written;
  // returns what has to stand in its first writable byte now, if the device
  // writes there.
  using Answer = virtio_user::FunctionRef<std::optional<uint8_t>(
      const SeenChain& chain, uint32_t bytes)>;

  void Before();
  // After a call in which nobody else wrote: so many chains, or as many as the
  // ring tells. Reports what differs. False: how far the device is has not been
  // known since others wrote, and nothing was looked at.
  bool After(const ServedCall& call, Answer answer);
  // After a call in which somebody else wrote, too.
  void AfterOthers(const ServedCall& call);

 private:
  bool packed() const {
    return memory_.layout().format == virtio_user::RingFormat::kPacked;
  }
  size_t At(const std::byte* area) const;
  RingImage Image() const;
  // How many more there can be.
  size_t GivenBack(std::optional<size_t> served) const;
  // What the driver offers at next_: split, by an index that is `ready` ahead.
  enum class Offer : uint8_t { kNothing, kChain, kBroken };
  Offer Offered(size_t ready);
  // Split: how far the driver's index is ahead.
  size_t Ready() const;
  // Of `ready` chains so many were given back.
  void ExpectAll(size_t ready, size_t given_back, const ServedCall& call);
  uint16_t NextHead() const;
  // Takes over what the device wrote for one chain; nothing: there is none.
  std::optional<uint32_t> TakeElement();
  std::optional<uint32_t> TakeSplit();
  std::optional<uint32_t> TakePacked();
  // What the device asks to be kicked for.
  void PutKick(const ServedCall& call);
  void ExpectInterrupt(const ServedCall& call);
  void Compare();

  RingMemory& memory_;
  virtio_user::EventIndex event_index_;
  static constexpr size_t kMostRingBytes = 640;
  // As they were, and then as they have to be.
  std::array<std::byte, kMostRingBytes> ring_{};
  std::array<std::byte, RingMemory::kLongBufferBytes> buffers_;
  SeenChain chain_;
  uint16_t used_before_ = 0;
  virtio_user::RingPosition next_;
  virtio_user::RingPosition told_;  // How far it was when it asked last.
  std::optional<virtio_user::RingPosition> kick_;  // What it asked for last.
  bool broken_ = false;
  bool lost_ = false;  // How far the device is cannot be told.
  // It has nothing in its memory that it read while others wrote.
  bool settled_ = true;
};

}  // namespace fuzz

#endif  // FUZZ_SERVED_RING_H_
