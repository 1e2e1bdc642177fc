// SPDX-License-Identifier: BSD-3-Clause
//
// A driver queue and a bare device under random interleavings. The oracle is a
// virtqueue as a child would build it, queues of notes, and an image of the
// memory that the driver writes.

#ifndef TESTS_DRIVER_QUEUE_PLAYER_H_
#define TESTS_DRIVER_QUEUE_PLAYER_H_

#include <algorithm>
#include <cstring>
#include <deque>
#include <set>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "tests/driver_queue_support.h"
#include "virtio_user/base/overloaded.h"

namespace virtio_user {

template <typename Kind>
class DriverQueuePlayer {
 public:
  DriverQueuePlayer(uint16_t num, uint64_t seed)
      : num_(num),
        max_chain_(std::min<uint32_t>(num, num > 256 ? 8 : 40)),
        random_(seed),
        arena_(ArenaBytes(num, TableBytes() + 4096)),
        tables_(arena_.Take(TableBytes())),
        image_(Memory()) {
    for (uint32_t i = 0; i < num; ++i) free_cookies_.push_back(i);
  }

  void Play(int steps) {
    for (int i = 0; i < steps && !::testing::Test::HasFailure(); ++i) {
      const uint32_t count = 1 + random_.Below(burst_);
      switch (random_.Below(4)) {
        case 0:
          Offer(count);
          if (!random_.OneIn(3)) Publish();
          break;
        case 1:
          for (uint32_t k = 0; k < count && Pop(); ++k) continue;
          break;
        case 2:
          Use(count);
          break;
        case 3:
          Take(count);
          break;
      }
      if (random_.OneIn(8)) burst_ = 1 + random_.Below(9);
      if (random_.OneIn(64)) burst_ = num_;
      if (random_.OneIn(32)) in_order_ = Kind::kInOrder || !in_order_;
    }
    Drain();
  }
  uint64_t taken() const { return taken_; }

 private:
  struct Note {
    uint32_t cookie = 0;
    std::vector<SeenBuffer> buffers{};
    bool indirect = false;
    uint32_t writable_bytes = 0;
    SeenChain seen{};      // Once the device took it.
    uint32_t written = 0;  // As the driver is to see it.

    uint32_t count() const {
      return indirect ? 1 : static_cast<uint32_t>(buffers.size());
    }
  };

  size_t TableBytes() const { return size_t{num_} * max_chain_ * 16; }

  Note NewNote(uint32_t readable, uint32_t writable) {
    Note note{.cookie = free_cookies_.front()};
    free_cookies_.pop_front();
    for (uint32_t i = 0; i < readable + writable; ++i) {
      const bool is_writable = i >= readable;
      const uint32_t bytes = random_.Below(17);
      note.buffers.push_back({{{random_.Next()}, bytes}, is_writable});
      if (is_writable) note.writable_bytes += bytes;
    }
    return note;
  }

  void Offer(uint32_t count) {
    if (random_.OneIn(2)) return OfferPlain(count);
    while (count-- != 0 && OfferChain()) continue;
  }
  void OfferPlain(uint32_t count) {
    count = std::min({count, uint32_t{queue_.free_count()},
                      static_cast<uint32_t>(free_cookies_.size())});
    const bool writable = random_.OneIn(2);
    // One in some bursts does not fit and ends it.
    const uint32_t misfit = random_.OneIn(4) ? random_.Below(count + 1) : count;
    const auto fits = [&](size_t i) { return i < misfit; };
    const auto make = [&](size_t) {
      offered_.push_back(NewNote(writable ? 0 : 1, writable ? 1 : 0));
      return OfferedBuffer<uint32_t>{offered_.back().buffers[0].buffer,
                                     offered_.back().cookie};
    };
    const auto make_four = [&](size_t i, OfferedFour& four) {
      if (i + 4 > misfit) return false;
      for (size_t k = 0; k < 4; ++k) {
        const OfferedBuffer<uint32_t> one = make(i + k);
        (k % 2 == 0 ? four.addr.even : four.addr.odd)[k / 2] =
            one.buffer.addr.value;
        four.bytes[k] = one.buffer.bytes;
        four.cookies[k] = one.cookie;
      }
      return true;
    };
    const uint32_t done =
        random_.OneIn(2)
            ? OfferEach(writable, count, fits, make)
            : OfferEach(writable, count, fits, Overloaded{make, make_four});
    EXPECT_EQ(done, std::min(misfit, count));
  }
  template <typename Fits, typename Make>
  uint32_t OfferEach(bool writable, uint32_t count, const Fits& fits,
                     const Make& make) {
    return writable ? queue_.template OfferEach<BufferUse::kDeviceWrites>(
                          count, fits, make)
                    : queue_.template OfferEach<BufferUse::kDeviceReads>(
                          count, fits, make);
  }
  bool OfferChain() {
    if (free_cookies_.empty()) return false;
    const uint32_t longest = random_.OneIn(8) ? max_chain_ : 3;
    const uint32_t length = 1 + random_.Below(std::min(longest, max_chain_));
    const uint32_t readable = random_.Below(length + 1);
    Note note = NewNote(readable, length - readable);
    note.indirect = random_.OneIn(3);
    std::vector<DeviceBuffer> buffers;
    for (const SeenBuffer& seen : note.buffers) buffers.push_back(seen.buffer);
    OfferedChain<uint32_t> chain{
        .readable = std::span(buffers).first(readable),
        .writable = std::span(buffers).subspan(readable),
        .cookie = note.cookie};
    const bool room = queue_.free_count() >= note.count();
    if (note.indirect && room) {
      chain.table_memory = tables_.subspan(
          size_t{queue_.next_slot()} * max_chain_ * 16, max_chain_ * 16);
      chain.table_addr = arena_.Addr(chain.table_memory.data());
    }
    if (!room) {
      free_cookies_.push_front(note.cookie);
      EXPECT_TRUE(note.indirect || !queue_.Offer(chain));
      return false;
    }
    EXPECT_TRUE(queue_.Offer(chain));
    offered_.push_back(std::move(note));
    return true;
  }

  void Publish() {
    queue_.Publish();
    for (Note& note : offered_) {
      Expect(note);
      published_.push_back(std::move(note));
    }
    offered_.clear();
    ExpectMemory();
  }

  bool Pop() {
    std::optional<SeenChain> seen = device_.Pop();
    EXPECT_EQ(seen.has_value(), !published_.empty());
    if (!seen || published_.empty()) return false;
    Note note = std::move(published_.front());
    published_.pop_front();
    EXPECT_EQ(seen->buffers, note.buffers);
    EXPECT_EQ(seen->indirect, note.indirect);
    EXPECT_EQ(seen->count, note.count());
    EXPECT_LT(seen->id, num_);
    EXPECT_TRUE(ids_.insert(seen->id).second) << "an id that is in use";
    note.seen = *std::move(seen);
    with_device_.push_back(std::move(note));
    return true;
  }

  void Use(uint32_t count) {
    count = std::min(count, static_cast<uint32_t>(with_device_.size()));
    if (count == 0) return;
    const bool batch = Kind::kInOrder && random_.OneIn(2);
    std::vector<SeenChain> chains;
    for (uint32_t i = 0; i < count; ++i) {
      const size_t at = in_order_ ? 0 : random_.Below(Size(with_device_));
      std::swap(with_device_[0], with_device_[at]);
      Note note = std::move(with_device_[0]);
      with_device_.pop_front();
      ids_.erase(note.seen.id);
      note.written = random_.Below(note.writable_bytes + 1);
      const uint32_t said =
          note.writable_bytes == 0 ? random_.Below(99) : note.written;
      const uint32_t place = device_.used();
      chains.push_back(note.seen);
      if (!batch) {
        device_.Use(note.seen, said);
      } else if (i + 1 == count) {
        device_.UseBatch(chains, said);
      } else {
        note.written = note.writable_bytes;
      }
      NoteUsedDescriptor(place);
      used_.push_back(std::move(note));
    }
  }
  static uint32_t Size(const std::deque<Note>& notes) {
    return static_cast<uint32_t>(notes.size());
  }

  void Take(uint32_t count) {
    if (!offered_.empty()) Publish();
    std::vector<UsedChain<uint32_t>> out(count);
    const size_t taken = queue_.TakeUsed(out);
    ASSERT_FALSE(queue_.broken()) << queue_.broken()->text();
    ASSERT_EQ(taken, std::min<size_t>(count, used_.size()));
    for (size_t i = 0; i < taken; ++i) {
      const Note& note = used_.front();
      ASSERT_EQ(out[i].cookie, note.cookie);
      ASSERT_EQ(out[i].bytes, note.written);
      free_cookies_.push_back(note.cookie);
      used_.pop_front();
    }
    taken_ += taken;
    ASSERT_EQ(queue_.in_flight(), num_ - free_cookies_.size());
    ExpectMemory();
  }

  void Drain() {
    Publish();
    while (Pop()) continue;
    Use(num_);
    Take(num_);
    EXPECT_EQ(queue_.free_count(), num_);
    EXPECT_EQ(queue_.in_flight(), 0);
    EXPECT_TRUE(arena_.GuardsIntact());
  }

  // What the driver writes: descriptors, then its own area.
  std::vector<std::byte> Memory() const {
    const RingLayout& layout = ring_.layout;
    std::vector<std::byte> bytes(layout.desc, layout.desc + layout.DescBytes());
    bytes.insert(bytes.end(), layout.driver,
                 layout.driver + layout.DriverBytes());
    return bytes;
  }
  void ExpectMemory() {
    if (num_ > 8 && !random_.OneIn(500)) return;
    ASSERT_EQ(Memory(), image_);
  }
  template <typename T>
  T Load(size_t offset) const {
    T value;
    std::memcpy(&value, ring_.layout.desc + offset, sizeof(value));
    return value;
  }
  void StoreDesc(uint32_t index, uint64_t addr, uint64_t tail) {
    std::memcpy(image_.data() + 16 * index, &addr, 8);
    std::memcpy(image_.data() + 16 * index + 8, &tail, 8);
  }

  // Draws a published chain into the image. What the driver is free to choose
  // (in any order: ids, and where descriptors lie) is taken over from memory.
  void Expect(const Note& note) {
    const bool packed = Kind::kFormat == RingFormat::kPacked;
    std::vector<SeenBuffer> descs = note.buffers;
    uint64_t extra = 0;
    if (note.indirect) {
      const uint32_t at = packed ? position_ : Head();
      // Where the table lies is the test's own choice.
      descs = {{{{Load<uint64_t>(16 * at)},
                 static_cast<uint32_t>(16 * note.buffers.size())},
                false}};
      extra = 4;
    }
    packed ? DrawPacked(descs, extra) : DrawSplit(descs, extra);
  }
  // Of the chain that is published next: its first descriptor.
  uint32_t Head() const {
    if (Kind::kInOrder) return position_;
    uint16_t head = 0;
    std::memcpy(&head, ring_.layout.driver + 4 + 2 * (entry_ % num_), 2);
    return head;
  }
  void DrawPacked(const std::vector<SeenBuffer>& descs, uint64_t extra) {
    const uint64_t id =
        Kind::kInOrder ? position_ : Load<uint16_t>(16 * position_ + 12);
    for (size_t i = 0; i < descs.size(); ++i) {
      const uint64_t flags = (wrap_ ? 0x80 : 0x8000) | extra |
                             (descs[i].writable ? 2 : 0) |
                             (i + 1 < descs.size() ? 1 : 0);
      StoreDesc(position_, descs[i].buffer.addr.value,
                descs[i].buffer.bytes | id << 32 | flags << 48);
      if (++position_ == num_) {
        position_ = 0;
        wrap_ = !wrap_;
      }
    }
    const uint16_t disable = 1;
    std::memcpy(image_.data() + 16 * num_ + 2, &disable, 2);
  }
  void DrawSplit(const std::vector<SeenBuffer>& descs, uint64_t extra) {
    std::byte* const avail = image_.data() + 16 * num_;
    uint32_t at = Head();
    const auto head = static_cast<uint16_t>(at);
    std::memcpy(avail + 4 + 2 * (entry_ % num_), &head, 2);
    ++entry_;
    std::memcpy(avail + 2, &entry_, 2);
    for (size_t i = 0; i < descs.size(); ++i) {
      const bool last = i + 1 == descs.size();
      const uint64_t next = last             ? Load<uint16_t>(16 * at + 14)
                            : Kind::kInOrder ? (at + 1) % num_
                                             : Load<uint16_t>(16 * at + 14);
      ASSERT_LT(next, num_);
      const uint64_t flags =
          extra | (descs[i].writable ? 2 : 0) | (last ? 0 : 1);
      StoreDesc(at, descs[i].buffer.addr.value,
                descs[i].buffer.bytes | flags << 32 | next << 48);
      at = static_cast<uint32_t>(next);
    }
    if (Kind::kInOrder) {
      position_ = static_cast<uint32_t>((position_ + descs.size()) % num_);
    }
  }
  // Packed: the device has written there.
  void NoteUsedDescriptor(uint32_t place) {
    if (Kind::kFormat == RingFormat::kSplit) return;
    std::memcpy(image_.data() + 16 * place + 8,
                ring_.layout.desc + 16 * place + 8, 8);
  }

  const uint16_t num_;
  const uint32_t max_chain_;
  TestRandom random_;
  TestArena arena_;
  std::span<std::byte> tables_;
  Ring ring_{.layout = TakeRing(arena_, num_, Kind::kFormat),
             .published = {},
             .gate = {}};
  typename Kind::template Queue<uint32_t> queue_{ring_};
  BareDevice device_{ring_.layout, arena_};
  std::vector<std::byte> image_;
  uint32_t position_ = 0;  // Packed, and in order: the next descriptor.
  bool wrap_ = true;
  uint16_t entry_ = 0;  // Split: the next entry.
  std::deque<uint32_t> free_cookies_;
  std::deque<Note> offered_;
  std::deque<Note> published_;
  std::deque<Note> with_device_;
  std::deque<Note> used_;
  std::set<uint16_t> ids_;
  uint32_t burst_ = 4;
  bool in_order_ = true;  // In any order: for the moment.
  uint64_t taken_ = 0;
};

}  // namespace virtio_user

#endif  // TESTS_DRIVER_QUEUE_PLAYER_H_
