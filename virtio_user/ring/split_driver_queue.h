// SPDX-License-Identifier: BSD-3-Clause

#ifndef VIRTIO_USER_RING_SPLIT_DRIVER_QUEUE_H_
#define VIRTIO_USER_RING_SPLIT_DRIVER_QUEUE_H_

#include <algorithm>
#include <atomic>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <utility>

#include "virtio_user/base/check.h"
#include "virtio_user/base/error.h"
#include "virtio_user/base/function_ref.h"
#include "virtio_user/ring/driver_chain.h"
#include "virtio_user/ring/driver_loops.h"
#include "virtio_user/ring/driver_queue.h"
#include "virtio_user/ring/driver_queue_calls.h"
#include "virtio_user/ring/four_words.h"
#include "virtio_user/ring/ring_barrier.h"
#include "virtio_user/ring/ring_layout.h"
#include "virtio_user/ring/shared_memory.h"
#include "virtio_user/ring/split_word.h"
#include "virtio_user/spec/ring.h"

namespace virtio_user {

// The driver's side of a split virtqueue; DriverQueue has the contract.
//
// A chain's slot is its first descriptor. In any order, free descriptors lie
// on a stack. In order, descriptors go round the table; as long as no chain
// had more than one of them, available entry i names descriptor i, as written
// at the start: the available ring's lines stay where the device has them.
template <UseOrder kOrder, typename CookieT>
class SplitDriverQueue
    : public DriverQueueCalls<SplitDriverQueue<kOrder, CookieT>,
                              RingFormat::kSplit, CookieT> {
  using Calls = DriverQueueCalls<SplitDriverQueue, RingFormat::kSplit, CookieT>;
  friend Calls;

 public:
  using Cookie = CookieT;

  // `ring` is borrowed and outlives the queue. The ring must be fresh (all
  // zero, published at its start) or ReclaimAll must be called first. Writes
  // the available ring, so the gate is closed. Requires: ring.layout passes
  // RingLayout::Check and is kSplit.
  explicit SplitDriverQueue(Ring& ring, RingOrder order = RingOrder::kSmp)
      : Calls(ring, order),
        num_(ring.layout.num),
        mask_(num_ - 1),
        desc_(ring.layout.desc),
        avail_(ring.layout.driver + kAvailRingOffset),
        used_(ring.layout.device + kUsedRingOffset),
        slots_(std::make_unique<Slot[]>(num_)),
        notes_(std::make_unique<ChainNote[]>(num_)) {
    VU_CHECK(ring.layout.format == RingFormat::kSplit);
    VU_CHECK(ring.layout.Check().has_value());
    if constexpr (!kInOrder) free_ = std::make_unique<uint32_t[]>(num_);
    Reset();
  }

  void Publish() {
    if (ring_.published.index == offered_) return;
    ring_.published.index = offered_;
    RingWriteBarrier(order_);
    // Pairs with the device's acquire load of the available index
    // (SplitDeviceQueue::LoadReady): entries, descriptors, buffers are seen.
    SharedWord<uint16_t>(ring_.layout.driver + kAvailIdxOffset)
        .store(offered_, std::memory_order_release);
  }

  template <typename Plain, typename Other>
  [[gnu::always_inline]] uint32_t TakeEach(uint32_t most, const Plain& plain,
                                           const Other& other) {
    VU_CHECK(offered_ == ring_.published.index);
    if (broken_ || (ready() < most && !LoadIndex())) return 0;
    uint32_t left = std::min<uint32_t>(most, ready());
    uint32_t done = 0;  // Plain ones since the last other.
    while (left != 0) {
      if constexpr (kInOrder) {
        if (batch_left_ != 0) {
          const UsedChain<Cookie> chain = TakeOfBatch();
          --left;
          other(std::exchange(done, 0), chain.cookie, chain.bytes);
          continue;
        }
      }
      const uint32_t run = std::min(left, TakeRunMax());
      const uint32_t taken = TakeRun(run, Shifted<Plain>{plain, done});
      left -= taken;
      done += taken;
      if (taken != 0) continue;
      const VirtqUsedElem element =
          LoadUsed(used_ + (taken_ & mask_) * sizeof(VirtqUsedElem));
      if (!Accept(element)) break;
      if constexpr (!kInOrder) {
        const UsedChain<Cookie> chain = TakeOther(element);
        --left;
        other(std::exchange(done, 0), chain.cookie, chain.bytes);
      }
    }
    return done;
  }

  void ReclaimAll(FunctionRef<void(Cookie)> lost) {
    VU_CHECK(!ring_.gate.open());
    if constexpr (kInOrder) {
      for (uint32_t left = in_flight(); left != 0; --left) {
        const Slot& slot = slots_[oldest_];
        lost(slot.cookie);
        oldest_ = After(oldest_, ShapeOf(slot, notes_[oldest_]).count);
      }
    } else {
      for (uint32_t i = 0; i < num_; ++i) {
        if (ShapeOf(slots_[i], notes_[i]).count != 0) lost(slots_[i].cookie);
      }
    }
    ring_.layout.Zero();
    ring_.published = {};
    Reset();
  }

  uint16_t free_count() const { return static_cast<uint16_t>(free_count_); }
  uint16_t next_slot() const {
    VU_CHECK(free_count_ != 0);
    if constexpr (kInOrder) return static_cast<uint16_t>(next_);
    return static_cast<uint16_t>(free_[free_count_ - 1]);
  }
  uint16_t in_flight() const {
    return static_cast<uint16_t>(offered_ - taken_);
  }

 private:
  using Calls::broken_;
  using Calls::notifications_;
  using Calls::order_;
  using Calls::ring_;
  using Slot = ChainSlot<Cookie>;
  static constexpr bool kInOrder = kOrder == UseOrder::kInOrder;
  static constexpr SlotOrder kSlotOrder =
      kInOrder ? SlotOrder::kSequence : SlotOrder::kStack;

  ChainNote& NextNote() { return notes_[next_slot()]; }
  uint32_t After(uint32_t index, uint32_t count) const {
    return (index + count) & mask_;
  }
  // Chains that the device is known to have used and that were not taken.
  uint16_t ready() const { return static_cast<uint16_t>(used_seen_ - taken_); }

  void Reset() {
    for (uint32_t i = 0; i < num_; ++i) {
      slots_[i] = {};
      notes_[i] = {};
      if constexpr (kInOrder) {
        notes_[i].link = static_cast<uint16_t>(i);
        StoreAvail(avail_, i, i);
      } else {
        free_[i] = num_ - 1 - i;
      }
    }
    free_count_ = num_;
    next_ = oldest_ = batch_left_ = 0;
    offered_ = taken_ = used_seen_ = 0;
    identity_ = true;
    broken_.reset();
    notifications_.Write();
  }

  // Offers up to `count` chains of one descriptor, as long as they fit, without
  // going round the ring's end; how many.
  template <typename Fits, typename Make>
  [[gnu::always_inline]] uint32_t PutRun(uint32_t count, const Fits& fits,
                                         const Make& make) {
    return kInOrder && identity_ ? PutRunAs<false>(count, fits, make)
                                 : PutRunAs<true>(count, fits, make);
  }
  template <bool kStoreEntries, typename Fits, typename Make>
  [[gnu::always_inline]] uint32_t PutRunAs(uint32_t count, const Fits& fits,
                                           const Make& make) {
    const size_t entry = offered_ & mask_;
    std::byte* const desc = desc_;
    std::byte* const avail = avail_ + entry * sizeof(uint16_t);
    const uint32_t done = PutSingles<kSlotOrder>(
        Stretch(next_), count, fits, make,
        [&](size_t i, size_t head, const PlainOffer<Cookie>& offer)
            __attribute__((always_inline)) {
              StoreSplitDesc(desc, head, offer.buffer, offer.flags);
              if (kStoreEntries) StoreAvail(avail, i, head);
              if (kStoreEntries && kInOrder) {
                notes_[head].link = static_cast<uint16_t>(entry + i);
              }
            });
    Offered(done);
    return done;
  }
  // What PutRun can do at once.
  uint32_t PutRunMax() const {
    const uint32_t most = num_ - (offered_ & mask_);
    return kInOrder ? std::min(most, num_ - next_) : most;
  }

  // For the loops, from next_ or oldest_ on.
  SlotStretch<Cookie> Stretch(uint32_t first) const {
    return {.slots = slots_.get(),
            .first = first,
            .top = kInOrder ? nullptr : free_.get() + free_count_};
  }
  // Chains of one descriptor each were put into slots and into the ring.
  void Offered(uint32_t count) {
    if (kInOrder) next_ = After(next_, count);
    free_count_ -= count;
    offered_ = static_cast<uint16_t>(offered_ + count);
  }

  // PutRun for as many fours as there are; none where entries that name the
  // descriptors must be written in order.
  template <BufferUse kUse, typename Make>
  [[gnu::always_inline]] uint32_t PutRunOfFours(uint32_t count,
                                                const Make& make) {
    if (kInOrder && !identity_) return 0;
    const size_t first = next_;
    std::byte* const desc = desc_;
    std::byte* const avail = avail_ + (offered_ & mask_) * sizeof(uint16_t);
    const uint32_t done = PutFours<kSlotOrder, kUse>(
        Stretch(next_), count, make,
        [&](size_t i, U32x4 heads, const OfferedFour& four)
            __attribute__((always_inline)) {
              const DescFour descs = DescsOf(four, Splat(FlagsOf<kUse>()));
              ForEachLane([&](size_t k) __attribute__((always_inline)) {
                StoreDesc(desc, kInOrder ? first + i + k : heads[k], descs[k]);
              });
              if constexpr (!kInOrder) {
                StoreLanes(avail + i * sizeof(uint16_t),
                           __builtin_convertvector(heads, U16x4));
              }
            });
    Offered(done);
    return done;
  }

  // Offers a chain of several descriptors.
  void PutChain(const ChainBuffers& buffers, ChainShape shape, Cookie cookie) {
    const uint32_t head = next_slot();
    const uint32_t entry = offered_ & mask_;
    for (uint32_t i = 0, index = head; i < shape.count; ++i) {
      --free_count_;
      const bool last = i + 1 == shape.count;
      uint32_t flags = buffers.IsWritable(i) ? kDescFlagWrite : 0;
      uint32_t next = kInOrder ? After(index, 1) : 0;
      if (!last) {
        if (!kInOrder) next = free_[free_count_ - 1];
        flags |= kDescFlagNext | next << 16;
      }
      StoreSplitDesc(desc_, index, buffers[i], flags);
      slots_[index].bound = 0;
      notes_[index] = {.link = static_cast<uint16_t>(next)};
      index = next;
    }
    slots_[head].cookie = cookie;
    notes_[head].writable_bytes = shape.writable_bytes;
    notes_[head].count = static_cast<uint16_t>(shape.count);
    if (kInOrder) notes_[head].link = static_cast<uint16_t>(entry);
    if (kInOrder) next_ = After(head, shape.count);
    identity_ = false;
    StoreAvail(avail_, entry, head);
    ++offered_;
  }

  // False: the index cannot be right.
  bool LoadIndex() {
    // Pairs with the device's release store of the used index
    // (SplitDeviceQueue::Publish): elements and written buffers are seen.
    const uint16_t index =
        SharedWord<uint16_t>(ring_.layout.device + kUsedIdxOffset)
            .load(std::memory_order_acquire);
    if (!CheckUsedIndex(index, used_seen_, offered_, broken_)) return false;
    used_seen_ = index;
    RingReadBarrier(order_);
    return true;
  }

  // Takes chains as long as each has an element of its own, one descriptor and
  // a length that fits, without going round the ring's end; how many.
  template <typename Sink>
  [[gnu::always_inline]] uint32_t TakeRun(uint32_t limit, const Sink& sink) {
    std::byte* const at = used_ + (taken_ & mask_) * sizeof(VirtqUsedElem);
    const auto stretch = Stretch(oldest_);
    // In any order the id must be a slot's number.
    const DueWord word = {.due = kInOrder ? oldest_ : 0,
                          .mask = kInOrder ? UINT32_MAX : ~mask_};
    uint32_t taken = 0;
    if constexpr (TakesFours<Sink>) {
      taken = TakeFours<kSlotOrder>(
          stretch, limit, word,
          [&](size_t i) __attribute__((always_inline)) {
            return LoadSplitUsedFour(at + i * sizeof(VirtqUsedElem));
          },
          sink);
    }
    if (taken == 0) {
      taken = TakeSingles<kSlotOrder>(
          stretch, limit, word,
          [&](size_t i) __attribute__((always_inline)) {
            const VirtqUsedElem used = LoadUsed(at + i * sizeof(VirtqUsedElem));
            return UsedOne{used.id, used.len};
          },
          sink);
    }
    if (kInOrder) oldest_ = After(oldest_, taken);
    free_count_ += taken;
    taken_ = static_cast<uint16_t>(taken_ + taken);
    return taken;
  }
  // What TakeRun can do at once.
  uint32_t TakeRunMax() const {
    const uint32_t most = num_ - (taken_ & mask_);
    return kInOrder ? std::min(most, num_ - oldest_) : most;
  }

  // Whether an element of any other kind can be right; breaks the queue if
  // not. In order it is a batch then, maybe of one chain.
  [[gnu::noinline]] bool Accept(VirtqUsedElem element) {
    const UsedWords words = {taken_ & mask_, element.id, element.len};
    const ChainShape shape = InFlight(element.id);
    if (!CheckUsed(words, shape, broken_)) return false;
    if constexpr (kInOrder) {
      batch_left_ = ((notes_[element.id].link - taken_) & mask_) + 1;
      batch_bytes_ = std::min(element.len, shape.writable_bytes);
      return CheckBatch(words, batch_left_, ready(), broken_);
    }
    return true;
  }

  // The chain that the device has under this id; none has no descriptors.
  ChainShape InFlight(uint32_t id) const {
    if (id >= num_) return {};
    if (kInOrder && ((id - oldest_) & mask_) >= num_ - free_count_) {
      return {};
    }
    return ShapeOf(slots_[id], notes_[id]);
  }

  // Any order: takes a chain by an element that was accepted.
  [[gnu::noinline]] UsedChain<Cookie> TakeOther(VirtqUsedElem element) {
    Slot& slot = slots_[element.id];
    ChainNote& note = notes_[element.id];
    const ChainShape shape = ShapeOf(slot, note);
    uint32_t index = element.id;
    for (uint32_t i = 0; i < shape.count; ++i) {
      free_[free_count_++] = index;
      index = notes_[index].link;
    }
    slot.bound = 0;
    note.count = 0;
    ++taken_;
    return {slot.cookie, std::min(element.len, shape.writable_bytes)};
  }

  // In order: takes a chain of the batch; all but the last are full.
  [[gnu::noinline]] UsedChain<Cookie> TakeOfBatch() {
    const Slot& slot = slots_[oldest_];
    const ChainShape shape = ShapeOf(slot, notes_[oldest_]);
    --batch_left_;
    const UsedChain<Cookie> chain = {
        slot.cookie, batch_left_ == 0 ? batch_bytes_ : shape.writable_bytes};
    oldest_ = After(oldest_, shape.count);
    free_count_ += shape.count;
    ++taken_;
    return chain;
  }

  const uint32_t num_;
  const uint32_t mask_;
  std::byte* const desc_;
  std::byte* const avail_;  // Entry 0.
  std::byte* const used_;   // Element 0.
  std::unique_ptr<Slot[]> slots_;
  std::unique_ptr<ChainNote[]> notes_;
  std::unique_ptr<uint32_t[]> free_;  // Any order: a stack.
  uint32_t free_count_ = 0;
  uint32_t next_ = 0;         // In order: the next free descriptor...
  uint32_t oldest_ = 0;       // ...and the one that was given out first.
  uint16_t offered_ = 0;      // The available index, maybe not published yet.
  uint16_t taken_ = 0;        // The index of the next used element to take.
  uint16_t used_seen_ = 0;    // The used index at the last look.
  bool identity_ = true;      // In order: available entry i is descriptor i.
  uint32_t batch_left_ = 0;   // In order: chains of the batch being taken...
  uint32_t batch_bytes_ = 0;  // ...and the length of its last one.
};

}  // namespace virtio_user

#endif  // VIRTIO_USER_RING_SPLIT_DRIVER_QUEUE_H_
