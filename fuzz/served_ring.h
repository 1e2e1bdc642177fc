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
#include "virtio_user/spec/ring.h"

namespace fuzz {

// What a call of a device came to.
struct ServedCall {
  std::optional<size_t> chains{};  // Nothing: the device does not say.
  bool broken = false;             // Now or before.
  bool drained = false;            // It looked for one more and found none.
  std::optional<bool> wants_interrupt{};  // The driver, as the device has it.
};

// One word of the buffers that the driver wrote in the middle of a call.
struct DriverWord {
  size_t at = 0;
  std::span<const std::byte> before;
  std::span<const std::byte> after;
  bool stays = true;                // If not, one load alone saw it.
  std::span<const std::byte> ring;  // Of that moment.
};

// The byte that has to be written for a chain, and the one that has to be if
// the driver's word was seen.
struct WrittenAck {
  uint8_t ack = 0;
  uint8_t with_word = ack;
};

// Follows one device from where the ring begins on: takes a copy before each
// call, and afterwards goes through the chains that were given back, in their
// order, and puts into the copy what had to be written for them. Then memory
// has to be equal, as many chains were served as the driver offered, the
// ring is broken where that breaks the rules and nowhere else, and what each
// side wants to be notified of is what the other one makes of it.
class ServedRing {
 public:
  // `memory` outlives it and is wiped.
  ServedRing(RingMemory& memory, virtio_user::EventIndex event_index,
             virtio_user::RingPosition begin = {});

  // Hears of each chain and how many bytes its element says were written;
  // returns what has to stand in its first writable byte now, if the device
  // writes there. `with_word` is the chain as it is with the driver's word, if
  // that was written while this one was served and makes another request.
  using Answer = virtio_user::FunctionRef<std::optional<WrittenAck>(
      const SeenChain& chain, const SeenChain* with_word, uint32_t bytes)>;

  enum class Judged : uint8_t {
    kNot,       // It cannot be known what the device saw of the buffers.
    kAll,       // As has to be, if the driver's word was seen or not.
    kWithWord,  // As has to be if it was.
  };

  void Before();
  // After a call in which nobody else wrote: so many chains, or as many as the
  // ring tells. Reports what differs.
  Judged After(const ServedCall& call, Answer answer) {
    return After(call, nullptr, answer);
  }
  // After a call in which the driver wrote `word` alone, once: each chain was
  // served as it was before, or as it was then.
  Judged After(const ServedCall& call, const DriverWord* word, Answer answer);
  // After a call in which somebody else wrote anything.
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
  // Whether the ring, as it was then, has the chain at `at` given back.
  bool WasGivenBack(std::span<const std::byte> ring,
                    virtio_user::RingPosition at) const;
  // What was answered to the chain that TakeElement found. False: it cannot be
  // known.
  bool TakeAnswer(const DriverWord* word, uint32_t bytes, Answer answer);
  void SeeAgain();  // The chain that TakeElement found, in with_word_.
  void PutWord(const DriverWord& word);
  // What the device asks to be kicked for.
  void PutKick(const ServedCall& call);
  void ExpectInterrupt(const ServedCall& call);
  void CompareRing() const;
  Judged CompareBuffers();

  RingMemory& memory_;
  virtio_user::EventIndex event_index_;
  static constexpr size_t kMostRingBytes = 640;
  // As they were, and then as they have to be.
  std::array<std::byte, kMostRingBytes> ring_{};
  std::array<std::byte, RingMemory::kLongBufferBytes> buffers_;
  SeenChain chain_;
  virtio_user::RingPosition seen_at_;  // Where it begins...
  virtio_user::PackedDesc seen_head_;  // ...and with what, if packed.
  SeenChain with_word_;
  // Of the call: what stands there if the driver's word was seen.
  struct Byte {
    size_t at = 0;
    std::byte value{};
  };
  std::optional<Byte> other_ack_;
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
