// SPDX-License-Identifier: BSD-3-Clause

#ifndef VIRTIO_USER_RING_PACKED_CHAINS_H_
#define VIRTIO_USER_RING_PACKED_CHAINS_H_

#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "virtio_user/base/check.h"
#include "virtio_user/ring/driver_chain.h"
#include "virtio_user/ring/driver_loops.h"
#include "virtio_user/ring/driver_queue.h"
#include "virtio_user/ring/ring_layout.h"

namespace virtio_user {

// What PackedDriverQueue knows of the chains in a ring, and of its places; none
// of it is read from the ring.
//
// A chain's slot is its buffer id. As long as chains are used in the order in
// which they were offered, the id is the index of the chain's first descriptor
// ("in sequence"), and slots before the oldest chain's mean nothing. A device
// that may use them in any order, and does, ends that: then free ids lie on a
// stack and their slots are empty, until the ring starts afresh. (To go back as
// soon as nothing is in flight would have such a device end it in every burst,
// which costs a look at every slot.)
template <UseOrder kOrder, typename Cookie>
class PackedChains {
 public:
  using Slot = ChainSlot<Cookie>;
  static constexpr bool kInOrder = kOrder == UseOrder::kInOrder;

  explicit PackedChains(uint32_t num)
      : num_(num),
        slots_(std::make_unique<Slot[]>(std::bit_ceil(num))),
        notes_(std::make_unique<ChainNote[]>(num)) {
    if constexpr (!kInOrder) ids_ = std::make_unique<uint32_t[]>(num);
  }

  void Reset() {
    for (uint32_t i = 0; i < num_; ++i) {
      slots_[i] = {};
      notes_[i] = {};
    }
    free_count_ = num_;
    surplus_ = next_ = oldest_ = 0;
    next_wrap_ = oldest_wrap_ = in_sequence_ = true;
  }

  // --- Places ----------------------------------------------------------------

  // The next free descriptor.
  uint32_t next() const { return next_; }
  bool next_wrap() const { return next_wrap_; }
  RingPosition next_position() const {
    return {.index = static_cast<uint16_t>(next_), .wrap = next_wrap_};
  }
  // Where the next used element will be.
  uint32_t oldest() const { return oldest_; }
  bool oldest_wrap() const { return oldest_wrap_; }

  uint32_t free_count() const { return free_count_; }
  uint32_t in_flight() const { return num_ - free_ids(); }

  // --- Slots -----------------------------------------------------------------

  bool in_sequence() const { return kInOrder || in_sequence_; }
  // Of the next chain. Requires: free_count() > 0.
  uint32_t next_slot() const {
    return in_sequence() ? next_ : ids_[free_ids() - 1];
  }
  Slot& slot(uint32_t id) { return slots_[id]; }
  ChainNote& note(uint32_t id) { return notes_[id]; }
  // Of a slot's number, the bits that are 0; those from num on stay empty.
  uint32_t no_slot() const { return UINT16_MAX & ~(std::bit_ceil(num_) - 1); }
  // From next() or oldest() on, for the loops.
  SlotStretch<Cookie> StretchFrom(uint32_t first) const {
    return {.slots = slots_.get(),
            .first = first,
            .top = in_sequence() ? nullptr : ids_.get() + free_ids()};
  }

  // The chain that the device has under this id; none has no descriptors.
  ChainShape InFlight(uint32_t id) const {
    if (id >= num_) return {};
    const uint32_t ahead = id < oldest_ ? id + num_ - oldest_ : id - oldest_;
    if (in_sequence() && ahead >= num_ - free_count_) return {};
    return ShapeOf(slots_[id], notes_[id]);
  }
  // Calls `use` with the cookie of each chain in flight.
  template <typename Use>
  void ForEachInFlight(const Use& use) const {
    if (in_sequence()) {
      ForEachInSequence([&](uint32_t id) { use(slots_[id].cookie); });
      return;
    }
    for (uint32_t i = 0; i < num_; ++i) {
      if (ShapeOf(slots_[i], notes_[i]).count != 0) use(slots_[i].cookie);
    }
  }

  // --- Changes ---------------------------------------------------------------

  // Chains of one descriptor each were put into slots and into the ring.
  void PutPlain(uint32_t count) {
    Pass(count, next_, next_wrap_);
    free_count_ -= count;
  }
  // One descriptor of a longer chain was put into the ring.
  void PutPart() {
    if (in_sequence()) {
      slots_[next_].bound = 0;
      notes_[next_].count = 0;
    }
    Pass(1, next_, next_wrap_);
  }
  // All of them were.
  void PutChain(uint32_t id, ChainShape shape, Cookie cookie) {
    slots_[id].cookie = cookie;
    notes_[id].writable_bytes = shape.writable_bytes;
    notes_[id].count = static_cast<uint16_t>(shape.count);
    free_count_ -= shape.count;
    surplus_ += shape.count - 1;
  }

  // Chains of one descriptor each were taken out of their slots.
  void TookPlain(uint32_t count) {
    Pass(count, oldest_, oldest_wrap_);
    free_count_ += count;
  }
  // Takes the oldest chain. Requires: in sequence, and one is in flight.
  UsedChain<Cookie> TakeOldest() {
    const Slot& slot = slots_[oldest_];
    const ChainShape shape = ShapeOf(slot, notes_[oldest_]);
    GiveBack(shape.count);
    return {slot.cookie, shape.writable_bytes};
  }
  // Takes any chain, by the used element that stands where the oldest one's
  // would. Requires: kAny, and it is in flight.
  UsedChain<Cookie> Take(uint32_t id) {
    if (id == oldest_ && in_sequence_) return TakeOldest();
    if (in_sequence_) LeaveSequence();
    Slot& slot = slots_[id];
    const ChainShape shape = ShapeOf(slot, notes_[id]);
    ids_[free_ids()] = id;
    GiveBack(shape.count);
    slot.bound = 0;
    notes_[id].count = 0;
    return {slot.cookie, shape.writable_bytes};
  }

 private:
  // Ids that no chain in flight has.
  uint32_t free_ids() const { return free_count_ + surplus_; }

  // Goes on by `count` descriptors, at most num.
  void Pass(uint32_t count, uint32_t& index, bool& wrap) const {
    const bool round = (index += count) >= num_;
    index -= round ? num_ : 0;
    wrap ^= round;
  }
  void GiveBack(uint32_t count) {
    free_count_ += count;
    surplus_ -= count - 1;
    Pass(count, oldest_, oldest_wrap_);
  }

  // Calls `use` with the ids of what is in flight, the oldest first.
  template <typename Use>
  void ForEachInSequence(const Use& use) const {
    uint32_t id = oldest_;
    bool wrap = oldest_wrap_;
    for (uint32_t left = in_flight(); left != 0; --left) {
      use(id);
      Pass(ShapeOf(slots_[id], notes_[id]).count, id, wrap);
    }
  }

  [[gnu::noinline]] void LeaveSequence() {
    // A packed ring's notes have no other use for the link.
    ForEachInSequence([&](uint32_t id) { notes_[id].link = 1; });
    uint32_t free = 0;
    for (uint32_t id = 0; id < num_; ++id) {
      const bool in_flight = std::exchange(notes_[id].link, 0) != 0;
      if (!in_flight) {
        ids_[free++] = id;
        slots_[id].bound = 0;
      }
      // A plain chain has no note.
      if (!in_flight || slots_[id].bound != 0) notes_[id].count = 0;
    }
    VU_CHECK(free == free_ids());
    in_sequence_ = false;
  }

  const uint32_t num_;
  std::unique_ptr<Slot[]> slots_;  // A power of two of them.
  std::unique_ptr<ChainNote[]> notes_;
  std::unique_ptr<uint32_t[]> ids_;  // Any order: a stack.
  uint32_t free_count_ = 0;          // Descriptors.
  uint32_t surplus_ = 0;  // Descriptors of chains in flight beyond one each.
  uint32_t next_ = 0;
  uint32_t oldest_ = 0;
  bool next_wrap_ = true;
  bool oldest_wrap_ = true;
  bool in_sequence_ = true;  // kAny.
};

}  // namespace virtio_user

#endif  // VIRTIO_USER_RING_PACKED_CHAINS_H_
