// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/ring/packed_word.h"

#include "gtest/gtest.h"
#include "tests/ring_support.h"

namespace virtio_user {
namespace {

class PackedWordTest : public ::testing::Test {
 protected:
  TestArena arena_{ArenaBytes(8)};
  RingLayout layout_ = TakeRing(arena_, 3, RingFormat::kPacked);
  BarePacked bare_{layout_};
};

TEST_F(PackedWordTest, ATailIsTheSecondHalfOfItsDescriptor) {
  bare_.SetDesc(2, {.addr = 0x1122334455667788,
                    .len = 0x99aabbcc,
                    .id = 0xddee,
                    .flags = 0xff01});
  const PackedTail tail = LoadPackedTail(layout_, 2);
  EXPECT_EQ(tail.len, 0x99aabbccu);
  EXPECT_EQ(tail.id, 0xddee);
  EXPECT_EQ(tail.flags, 0xff01);
  EXPECT_EQ(LoadPackedAddr(layout_, 2).value, 0x1122334455667788u);
}

TEST_F(PackedWordTest, AStoredTailLeavesTheAddress) {
  bare_.SetDesc(1, {.addr = 77, .len = 1, .id = 2, .flags = 3});
  StorePackedTail(layout_, 1, WordOf({.len = 4, .id = 5, .flags = 6}),
                  std::memory_order_release);
  EXPECT_EQ(bare_.Desc(1).addr, 77u);
  EXPECT_EQ(bare_.Desc(1).len, 4u);
  EXPECT_EQ(bare_.Desc(1).id, 5);
  EXPECT_EQ(bare_.Desc(1).flags, 6);
  EXPECT_EQ(bare_.Desc(0).flags + bare_.Desc(2).flags, 0);
}

// AVAIL, USED, the wrap counter: available are 1 0 in a round of 1 and 0 1 in
// a round of 0; the other flags do not matter.
TEST_F(PackedWordTest, ADescriptorIsAvailableIfItsFlagsSaySoInThisRound) {
  for (const uint16_t more : {0, 1, 2, 4, 7, 0x7f7f}) {
    const auto available = [&](uint16_t avail_and_used, bool wrap) {
      const auto flags = static_cast<uint16_t>(avail_and_used | more);
      return IsAvailable({.flags = flags}, {0, wrap});
    };
    EXPECT_TRUE(available(0x0080, true));
    EXPECT_TRUE(available(0x8000, false));
    EXPECT_FALSE(available(0x0080, false));
    EXPECT_FALSE(available(0x8000, true));
    for (const bool wrap : {false, true}) {
      EXPECT_FALSE(available(0x0000, wrap));
      EXPECT_FALSE(available(0x8080, wrap));
    }
  }
}

TEST_F(PackedWordTest, APositionTurnsItsWrapCounterAtTheEnd) {
  RingPosition at;
  Advance(layout_, 2, at);
  EXPECT_EQ(at, (RingPosition{2, true}));
  Advance(layout_, 1, at);
  EXPECT_EQ(at, (RingPosition{0, false}));
  Advance(layout_, 3, at);  // A whole ring.
  EXPECT_EQ(at, (RingPosition{0, true}));
  Advance(layout_, 0, at);
  EXPECT_EQ(at, (RingPosition{0, true}));
}

}  // namespace
}  // namespace virtio_user
