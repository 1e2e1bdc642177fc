// SPDX-License-Identifier: BSD-3-Clause
//
// Driver's side against device's side under random interleavings. The oracle is
// a virtqueue as a child would build it: a queue of notes.

#include <algorithm>
#include <array>
#include <deque>
#include <string>
#include <tuple>
#include <vector>

#include "gtest/gtest.h"
#include "tests/ring_support.h"
#include "virtio_user/ring/split_device_queue.h"
#include "virtio_user/ring/split_driver_queue.h"

namespace virtio_user {
namespace {

struct Setup {
  uint16_t num;
  bool in_order;
  bool indirect;
  bool batches;  // In order, one used element for several chains.
};

// What the test notes down about a chain.
struct Note {
  uint32_t cookie = 0;
  uint16_t head = 0;  // Known once the device popped it.
  std::vector<DeviceBuffer> readable{};
  std::vector<DeviceBuffer> writable{};
  uint32_t written = 0;  // By the device, as it says.
  uint32_t writable_bytes = 0;
  uint64_t seed = 0;  // Of the bytes in the buffers.
};

template <UseOrder kOrder>
class Player {
 public:
  Player(const Setup& setup, uint64_t seed)
      : setup_(setup),
        random_(seed),
        max_chain_(std::min<uint32_t>(setup.num, setup.num > 256 ? 8 : 40)),
        arena_(ArenaBytes(setup.num, 2 * Bytes() + 4096)),
        data_(arena_.Take(Bytes())),
        tables_(arena_.Take(Bytes())) {
    for (uint32_t i = 0; i < setup.num; ++i) free_cookies_.push_back(i);
    std::ranges::fill(data_, TestArena::kGuard);
  }

  void Play(int steps) {
    for (int i = 0; i < steps; ++i) {
      const uint32_t count = 1 + random_.Below(burst_);
      switch (random_.Below(4)) {
        case 0:
          for (uint32_t k = 0; k < count && OfferOne(); ++k) continue;
          if (random_.OneIn(3)) break;  // Published later, or not yet.
          Publish();
          break;
        case 1:
          for (uint32_t k = 0; k < count && PopOne(); ++k) continue;
          break;
        case 2:
          PushSome(count);
          break;
        case 3:
          Take(count);
          break;
      }
      if (::testing::Test::HasFailure()) return;
      burst_ = random_.OneIn(64) ? setup_.num : burst_;
      if (random_.OneIn(8)) burst_ = 1 + random_.Below(9);
    }
    Drain();
  }

  uint64_t taken() const { return taken_; }

 private:
  size_t Bytes() const { return size_t{setup_.num} * max_chain_ * 16; }

  std::vector<DeviceBuffer> MakeBuffers(uint32_t cookie, uint32_t from,
                                        uint32_t to) {
    std::vector<DeviceBuffer> buffers;
    for (uint32_t i = from; i < to; ++i) {
      const std::byte* const at =
          data_.data() + (size_t{cookie} * max_chain_ + i) * 16;
      buffers.push_back({arena_.Addr(at), random_.Below(17)});
    }
    return buffers;
  }
  void Fill(std::span<const DeviceBuffer> buffers, uint64_t seed) {
    TestRandom bytes(seed);
    for (const DeviceBuffer& buffer : buffers) {
      const std::span<std::byte> bytes_there = *arena_.Resolve(buffer);
      for (std::byte& b : bytes_there) {
        b = static_cast<std::byte>(bytes.Next());
      }
    }
  }
  void Expect(std::span<const DeviceBuffer> buffers, uint64_t seed) {
    TestRandom bytes(seed);
    for (const DeviceBuffer& buffer : buffers) {
      const std::span<std::byte> bytes_there = *arena_.Resolve(buffer);
      for (const std::byte b : bytes_there) {
        ASSERT_EQ(b, static_cast<std::byte>(bytes.Next()));
      }
    }
  }

  bool OfferOne() {
    if (free_cookies_.empty()) return false;
    Note note{.cookie = free_cookies_.front(), .seed = random_.Next()};
    const uint32_t longest = random_.OneIn(8) ? max_chain_ : 3;
    const uint32_t length = 1 + random_.Below(std::min(longest, max_chain_));
    const uint32_t readable = random_.Below(length + 1);
    note.readable = MakeBuffers(note.cookie, 0, readable);
    note.writable = MakeBuffers(note.cookie, readable, length);
    for (const DeviceBuffer& b : note.writable) note.writable_bytes += b.bytes;
    Fill(note.readable, note.seed);
    OfferedChain<uint32_t> chain{.readable = note.readable,
                                 .writable = note.writable,
                                 .cookie = note.cookie};
    if (setup_.indirect && random_.OneIn(2)) {
      chain.table_memory = tables_.subspan(
          size_t{note.cookie} * max_chain_ * 16, max_chain_ * 16);
      chain.table_addr = arena_.Addr(chain.table_memory.data());
    }
    const uint32_t needed = chain.table_memory.empty() ? length : 1;
    const bool room = driver_.free_count() >= needed;
    EXPECT_EQ(driver_.Offer(chain), room);
    if (!room) return false;
    free_cookies_.pop_front();
    offered_.push_back(std::move(note));
    return true;
  }

  void Publish() {
    driver_.Publish();
    std::ranges::move(offered_, std::back_inserter(published_));
    offered_.clear();
  }

  bool PopOne() {
    const auto head = device_.PopHead();
    EXPECT_TRUE(head.has_value());
    if (!head || !*head) {
      EXPECT_TRUE(published_.empty());
      return false;
    }
    EXPECT_FALSE(published_.empty());
    Note note = std::move(published_.front());
    published_.pop_front();
    note.head = **head;
    DescriptorChain chain;
    const Result<void> walked = WalkChain(
        ring_.layout, note.head,
        [this](DeviceBuffer b) { return arena_.Resolve(b); }, chain);
    EXPECT_TRUE(walked.has_value());
    EXPECT_EQ(chain.readable, note.readable);
    EXPECT_EQ(chain.writable, note.writable);
    Expect(chain.readable, note.seed);
    Fill(chain.writable, ~note.seed);
    note.written = random_.Below(note.writable_bytes + 1);
    with_device_.push_back(std::move(note));
    return true;
  }

  void PushSome(uint32_t count) {
    count =
        std::min<uint32_t>(count, static_cast<uint32_t>(with_device_.size()));
    if (count == 0) return;
    if (setup_.batches) return PushBatch(count);
    for (uint32_t i = 0; i < count; ++i) {
      const uint32_t which =
          setup_.in_order
              ? 0
              : random_.Below(static_cast<uint32_t>(with_device_.size()));
      std::swap(with_device_[0], with_device_[which]);
      device_.Push(with_device_[0].head, with_device_[0].written);
      used_.push_back(std::move(with_device_[0]));
      with_device_.pop_front();
    }
  }
  void PushBatch(uint32_t count) {
    const uint16_t index = bare_.used_idx();
    for (uint32_t i = 0; i < count; ++i) {
      Note note = std::move(with_device_[0]);
      with_device_.pop_front();
      if (i + 1 < count) {
        note.written = note.writable_bytes;
      } else {
        bare_.SetUsed(index, {note.head, note.written});
      }
      used_.push_back(std::move(note));
    }
    bare_.set_used_idx(static_cast<uint16_t>(index + count));
  }

  void Take(uint32_t count) {
    std::vector<UsedChain<uint32_t>> out(count);
    if (!offered_.empty()) Publish();
    const size_t taken = driver_.TakeUsed(out);
    ASSERT_FALSE(driver_.broken()) << driver_.broken()->text();
    ASSERT_EQ(taken, std::min<size_t>(count, used_.size()));
    for (size_t i = 0; i < taken; ++i) {
      const Note& note = used_.front();
      ASSERT_EQ(out[i].cookie, note.cookie);
      ASSERT_EQ(out[i].bytes, note.written);
      Expect(note.writable, ~note.seed);
      Expect(note.readable, note.seed);
      free_cookies_.push_back(note.cookie);
      used_.pop_front();
      ++taken_;
    }
    ASSERT_EQ(driver_.in_flight(), offered_.size() + published_.size() +
                                       with_device_.size() + used_.size());
  }

  void Drain() {
    Publish();
    while (PopOne()) continue;
    PushSome(setup_.num);
    Take(setup_.num);
    EXPECT_EQ(driver_.free_count(), setup_.num);
    EXPECT_EQ(driver_.in_flight(), 0);
    EXPECT_TRUE(arena_.GuardsIntact());
  }

  const Setup setup_;
  TestRandom random_;
  const uint32_t max_chain_;
  TestArena arena_;
  std::span<std::byte> data_;
  std::span<std::byte> tables_;
  Ring ring_{
      .layout = TakeRing(arena_, setup_.num), .published = {}, .gate = {}};
  BareRing bare_{ring_.layout};
  SplitDriverQueue<kOrder, uint32_t> driver_{ring_};
  SplitDeviceQueue device_{ring_.layout, 0, 0};
  std::deque<uint32_t> free_cookies_;
  std::deque<Note> offered_;
  std::deque<Note> published_;
  std::deque<Note> with_device_;
  std::deque<Note> used_;
  uint32_t burst_ = 4;
  uint64_t taken_ = 0;
};

// Enough for the 16-bit indexes to go round.
int Steps(uint16_t num) {
  if (num < 16) return 1500000;
  return num < 1024 ? 100000 : 2000;
}

// How many chains came back.
uint64_t Play(const Setup& setup, uint64_t seed, int steps) {
  SCOPED_TRACE("seed " + std::to_string(seed));
  if (setup.in_order) {
    Player<UseOrder::kInOrder> player(setup, seed);
    player.Play(steps);
    return player.taken();
  }
  Player<UseOrder::kAny> player(setup, seed);
  player.Play(steps);
  return player.taken();
}

class SplitQueueProperty : public ::testing::TestWithParam<Setup> {};

std::string Name(const ::testing::TestParamInfo<Setup>& info) {
  const Setup& setup = info.param;
  return std::to_string(setup.num) + (setup.in_order ? "InOrder" : "") +
         (setup.indirect ? "Indirect" : "") +
         (setup.batches ? "Batches_D06" : "");
}

TEST_P(SplitQueueProperty, EveryByteArrivesAndEveryChainReturns_D13) {
  EXPECT_GT(Play(GetParam(), 1, Steps(GetParam().num)), 66000u);
}

TEST_P(SplitQueueProperty, ManyShortGamesEndWithAnEmptyRing) {
  for (uint64_t seed = 2; seed <= 12; ++seed) {
    Play(GetParam(), seed, std::min(Steps(GetParam().num) / 100, 2000));
    ASSERT_FALSE(HasFailure()) << "seed " << seed;
  }
}

std::vector<Setup> Setups() {
  std::vector<Setup> setups;
  for (const uint16_t num : {1, 2, 4, 256, 32768}) {
    for (const bool indirect : {false, true}) {
      setups.push_back({num, false, indirect, false});
      setups.push_back({num, true, indirect, false});
      setups.push_back({num, true, indirect, true});
    }
  }
  return setups;
}

INSTANTIATE_TEST_SUITE_P(Rings, SplitQueueProperty,
                         ::testing::ValuesIn(Setups()), Name);

}  // namespace
}  // namespace virtio_user
