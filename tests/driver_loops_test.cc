// SPDX-License-Identifier: BSD-3-Clause
//
// The loops over plain chains. One by one is the oracle for four at a time.

#include "virtio_user/ring/driver_loops.h"

#include <algorithm>
#include <array>
#include <vector>

#include "gtest/gtest.h"
#include "tests/ring_support.h"
#include "virtio_user/base/overloaded.h"

namespace virtio_user {
namespace {

constexpr uint32_t kSlots = 16;
constexpr uint32_t kUsed = 8;

struct Taken {
  size_t i;
  uint32_t cookie;
  uint32_t bytes;
  friend bool operator==(const Taken&, const Taken&) = default;
};

// Slots and used elements, as a queue has them.
struct Stand {
  std::array<ChainSlot<uint32_t>, kSlots> slots{};
  std::array<uint32_t, kSlots + kUsed> free{};
  std::array<UsedOne, kUsed> used{};
  std::vector<Taken> taken{};

  SlotStretch<uint32_t> stretch(size_t first) {
    return {.slots = slots.data(), .first = first, .top = free.data() + 4};
  }
  bool SameAs(const Stand& other) const {
    for (size_t i = 0; i < kSlots; ++i) {
      if (slots[i].cookie != other.slots[i].cookie) return false;
      if (slots[i].bound != other.slots[i].bound) return false;
    }
    return free == other.free && taken == other.taken;
  }
};

template <SlotOrder kOrder>
uint32_t TakeOneByOne(Stand& stand, size_t first, uint32_t begin,
                      DueWord word) {
  SlotStretch<uint32_t> stretch = stand.stretch(first + begin);
  stretch.top += begin;
  word.due += kOrder == SlotOrder::kSequence ? begin : 0;
  return TakeSingles<kOrder>(
      stretch, kUsed - begin, word,
      [&](size_t i) { return stand.used[begin + i]; },
      [&](size_t i, uint32_t cookie, uint32_t bytes) {
        stand.taken.push_back({begin + i, cookie, bytes});
      });
}

// Four at a time as far as that goes, then one by one.
template <SlotOrder kOrder>
uint32_t TakeByFours(Stand& stand, size_t first, DueWord word) {
  const uint32_t fours = TakeFours<kOrder>(
      stand.stretch(first), kUsed, word,
      [&](size_t i) {
        UsedFour four;
        ForEachLane([&](size_t k) {
          four.what[k] = stand.used[i + k].what;
          four.bytes[k] = stand.used[i + k].bytes;
        });
        return four;
      },
      [&](size_t i, U32x4 cookies, U32x4 bytes) {
        ForEachLane([&](size_t k) {
          stand.taken.push_back({i + k, cookies[k], bytes[k]});
        });
      });
  EXPECT_EQ(fours % 4, 0u);
  return fours + TakeOneByOne<kOrder>(stand, first, fours, word);
}

// Whatever the used elements say, both ways take the same chains and leave the
// same slots.
template <SlotOrder kOrder>
void ExpectSame(const Stand& stand, size_t first, DueWord word) {
  Stand one = stand;
  Stand four = stand;
  const uint32_t taken = TakeOneByOne<kOrder>(one, first, 0, word);
  ASSERT_EQ(TakeByFours<kOrder>(four, first, word), taken);
  ASSERT_EQ(one.taken.size(), taken);
  ASSERT_TRUE(four.SameAs(one));
}

// Every slot is in flight, and each element uses another one, in order.
Stand HonestStand(uint32_t due) {
  Stand stand;
  for (uint32_t i = 0; i < kSlots; ++i) stand.slots[i] = {100 + i, 50};
  for (uint32_t i = 0; i < kUsed; ++i) stand.used[i] = {due + i, 40 + i};
  return stand;
}

constexpr uint32_t kFlags = 0x8080 << 16;
constexpr DueWord kStackWord = {.due = kFlags, .mask = kFlags | 0xfff0};
constexpr DueWord kSequenceWord = {.due = kFlags + 3, .mask = kFlags | 0xffff};

TEST(DriverLoops, PlainChainsAreTakenFourAtATimeInASequence) {
  Stand stand = HonestStand(kFlags + 3);
  EXPECT_EQ(TakeByFours<SlotOrder::kSequence>(stand, 3, kSequenceWord), kUsed);
  for (uint32_t i = 0; i < kUsed; ++i) {
    EXPECT_EQ(stand.taken[i], (Taken{i, 103 + i, 40 + i}));
  }
  ExpectSame<SlotOrder::kSequence>(HonestStand(kFlags + 3), 3, kSequenceWord);
}

TEST(DriverLoops, OfAStackTheSlotsAreEmptyThenAndFree) {
  Stand stand = HonestStand(kFlags);
  EXPECT_EQ(TakeByFours<SlotOrder::kStack>(stand, 0, kStackWord), kUsed);
  for (uint32_t i = 0; i < kUsed; ++i) {
    EXPECT_EQ(stand.taken[i], (Taken{i, 100 + i, 40 + i}));
    EXPECT_EQ(stand.slots[i].bound, 0u);
    EXPECT_EQ(stand.slots[kUsed + i].bound, 50u);
    EXPECT_EQ(stand.free[4 + i], i);
  }
}

TEST(DriverLoops, AnElementThatIsNotDueEndsThemAtItsPlace_H18) {
  const std::array<UsedOne, 7> lies = {{{kFlags + 15, 1},
                                        {kFlags + 16, 1},
                                        {kFlags + 0xffff, 1},
                                        {0, 1},
                                        {kFlags >> 1, 1},
                                        {kFlags, 50},
                                        {kFlags, 0xffffffff}}};
  for (const UsedOne lie : lies) {
    for (uint32_t at = 0; at < kUsed; ++at) {
      Stand stack = HonestStand(kFlags);
      stack.slots[15].bound = 0;
      stack.used[at] = lie;
      ExpectSame<SlotOrder::kStack>(stack, 0, kStackWord);
      EXPECT_EQ(TakeByFours<SlotOrder::kStack>(stack, 0, kStackWord), at);
      Stand sequence = HonestStand(kFlags + 3);
      sequence.used[at] = lie;
      ExpectSame<SlotOrder::kSequence>(sequence, 3, kSequenceWord);
      EXPECT_EQ(TakeByFours<SlotOrder::kSequence>(sequence, 3, kSequenceWord),
                at);
    }
  }
}

TEST(DriverLoops, ASlotThatIsNamedTwiceIsTakenOnce_H18) {
  for (uint32_t first = 0; first < kUsed; ++first) {
    for (uint32_t second = first + 1; second < kUsed; ++second) {
      Stand stand = HonestStand(kFlags);
      stand.used[second] = stand.used[first];
      ExpectSame<SlotOrder::kStack>(stand, 0, kStackWord);
      EXPECT_EQ(TakeByFours<SlotOrder::kStack>(stand, 0, kStackWord), second);
      EXPECT_EQ(stand.slots[first].bound, 0u);
      for (uint32_t i = second; i < kSlots; ++i) {
        EXPECT_EQ(stand.slots[i].bound, 50u) << first << " " << second;
      }
    }
  }
}

TEST(DriverLoops, AtRandomBothWaysAgree) {
  TestRandom random(11);
  for (int round = 0; round < 20000; ++round) {
    Stand stand = HonestStand(kFlags + (round % 2 == 0 ? 0 : 3));
    for (ChainSlot<uint32_t>& slot : stand.slots) {
      if (random.OneIn(8)) slot.bound = random.Below(3) * 0x40000000;
    }
    for (UsedOne& used : stand.used) {
      if (random.OneIn(8)) used.what = kFlags + random.Below(20);
      if (random.OneIn(8)) used.bytes = random.Below(4) * 0x40000000 - 1;
      if (random.OneIn(16)) used.what ^= 1u << random.Below(32);
    }
    if (round % 2 == 0) {
      ExpectSame<SlotOrder::kStack>(stand, 0, kStackWord);
    } else {
      ExpectSame<SlotOrder::kSequence>(stand, 3, kSequenceWord);
    }
    ASSERT_FALSE(HasFailure()) << round;
  }
}

// --- Offering ----------------------------------------------------------------

struct Stored {
  size_t i;
  size_t slot;
  uint64_t addr;
  uint32_t bytes;
  friend bool operator==(const Stored&, const Stored&) = default;
};

template <SlotOrder kOrder>
std::vector<Stored> PutBoth(Stand& stand, uint32_t count, uint32_t fitting) {
  std::vector<Stored> stored;
  const uint32_t fours = PutFours<kOrder, BufferUse::kDeviceWrites>(
      stand.stretch(2), count,
      [&](size_t i, OfferedFour& four) {
        if (i + 4 > fitting) return false;
        const auto n = static_cast<uint32_t>(i);
        four = {.addr = {.even = U64x2{i, i + 2}, .odd = U64x2{i + 1, i + 3}},
                .bytes = Splat(n) + kFirstFour,
                .cookies = Splat(200 + n) + kFirstFour};
        return true;
      },
      [&](size_t i, U32x4 slots, const OfferedFour& four) {
        ForEachLane([&](size_t k) {
          const U64x2 addr = k % 2 == 0 ? four.addr.even : four.addr.odd;
          stored.push_back({i + k, slots[k], addr[k / 2], four.bytes[k]});
        });
      });
  SlotStretch<uint32_t> rest = stand.stretch(2 + fours);
  rest.top -= fours;
  PutSingles<kOrder>(
      rest, count - fours, [&](size_t i) { return fours + i < fitting; },
      [&](size_t i) {
        const auto n = static_cast<uint32_t>(fours + i);
        return PlainOffer<uint32_t>::Of<BufferUse::kDeviceWrites>(
            {{{n}, n}, 200 + n});
      },
      [&](size_t i, size_t slot, const PlainOffer<uint32_t>& offer) {
        stored.push_back(
            {fours + i, slot, offer.buffer.addr.value, offer.buffer.bytes});
      });
  return stored;
}

TEST(DriverLoops, ChainsAreOfferedAsLongAsTheyFitEachInASlotOfItsOwn) {
  for (uint32_t count = 0; count <= 8; ++count) {
    for (uint32_t fitting = 0; fitting <= 8; ++fitting) {
      const uint32_t expected = std::min(count, fitting);
      Stand sequence;
      const auto in_sequence =
          PutBoth<SlotOrder::kSequence>(sequence, count, fitting);
      ASSERT_EQ(in_sequence.size(), expected);
      for (uint32_t i = 0; i < expected; ++i) {
        EXPECT_EQ(in_sequence[i], (Stored{i, 2 + i, i, i}));
        EXPECT_EQ(sequence.slots[2 + i].cookie, 200 + i);
        EXPECT_EQ(sequence.slots[2 + i].bound, i + 1);
      }
    }
  }
}

TEST(DriverLoops, FromAStackTheTopSlotsAreTaken) {
  for (uint32_t count = 0; count <= 4; ++count) {
    Stand stand;
    stand.free = {12, 5, 9, 7};
    const auto stored = PutBoth<SlotOrder::kStack>(stand, count, 8);
    ASSERT_EQ(stored.size(), count);
    for (uint32_t i = 0; i < count; ++i) {
      const Stored& one = stored[i];
      EXPECT_EQ(std::count(stand.free.begin() + 4 - count,
                           stand.free.begin() + 4, one.slot),
                1);
      EXPECT_EQ(one.addr, i);
      EXPECT_EQ(stand.slots[one.slot].cookie, 200 + i);
      EXPECT_EQ(stand.slots[one.slot].bound, i + 1);
    }
  }
}

TEST(DriverLoops, AShiftedSinkCountsOn) {
  std::vector<size_t> seen;
  const auto sink =
      Overloaded{[&](size_t i, uint32_t, uint32_t) { seen.push_back(i); },
                 [&](size_t i, U32x4, U32x4) { seen.push_back(i + 1000); }};
  const Shifted<decltype(sink)> shifted{sink, 10};
  shifted(1, uint32_t{0}, 0);
  shifted(2, U32x4{}, U32x4{});
  EXPECT_EQ(seen, (std::vector<size_t>{11, 1012}));
  static_assert(TakesFours<Shifted<decltype(sink)>>);
}

}  // namespace
}  // namespace virtio_user
