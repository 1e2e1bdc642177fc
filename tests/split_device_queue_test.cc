// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/ring/split_device_queue.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/ring_support.h"

namespace virtio_user {
namespace {

using ::testing::HasSubstr;

class SplitDeviceQueueTest : public ::testing::Test {
 protected:
  // What the driver's and the device's memory hold right now.
  std::vector<std::byte> Snapshot() const {
    return {layout_.desc, layout_.device + UsedRingBytes(layout_.num)};
  }

  TestArena arena_{ArenaBytes(8)};
  RingLayout layout_ = TakeRing(arena_, 8);
  BareRing bare_{layout_};
};

TEST_F(SplitDeviceQueueTest, AnEmptyRingGivesNothing) {
  SplitDeviceQueue queue(layout_, 0, 0);
  const auto head = queue.PopHead();
  ASSERT_TRUE(head.has_value());
  EXPECT_FALSE(head->has_value());
}

TEST_F(SplitDeviceQueueTest, HeadsComeInTheOrderOfTheAvailableRing) {
  SplitDeviceQueue queue(layout_, 0, 0);
  bare_.SetAvail(0, 5);
  bare_.SetAvail(1, 2);
  bare_.set_avail_idx(2);
  EXPECT_EQ(**queue.PopHead(), 5);
  EXPECT_EQ(**queue.PopHead(), 2);
  EXPECT_FALSE(queue.PopHead()->has_value());
  EXPECT_EQ(queue.next_avail(), 2);
}

TEST_F(SplitDeviceQueueTest, IndexesRunOnThrough65536) {
  SplitDeviceQueue queue(layout_, 65535, 65535);
  bare_.SetAvail(7, 3);
  bare_.SetAvail(0, 4);
  bare_.set_avail_idx(1);
  EXPECT_EQ(**queue.PopHead(), 3);
  EXPECT_EQ(**queue.PopHead(), 4);
  EXPECT_FALSE(queue.PopHead()->has_value());
  queue.Push(3, 1);
  queue.Push(4, 2);
  EXPECT_EQ(bare_.used_idx(), 1);
  EXPECT_EQ(bare_.Used(7).id, 3u);
  EXPECT_EQ(bare_.Used(0).id, 4u);
  EXPECT_EQ(queue.next_used(), 1);
}

TEST_F(SplitDeviceQueueTest, TheUsedElementNamesTheHeadNotTheSlot_S73_F26) {
  SplitDeviceQueue queue(layout_, 0, 0);
  bare_.SetAvail(0, 6);
  bare_.set_avail_idx(1);
  queue.Push(**queue.PopHead(), 0);
  EXPECT_EQ(bare_.Used(0).id, 6u);
}

TEST_F(SplitDeviceQueueTest, TheUsedLengthIsTheBytesWritten_S74) {
  SplitDeviceQueue queue(layout_, 0, 0);
  bare_.SetAvail(0, 6);
  bare_.set_avail_idx(1);
  queue.Push(**queue.PopHead(), 1);
  EXPECT_EQ(bare_.Used(0).len, 1u);
  EXPECT_EQ(bare_.used_idx(), 1);
}

TEST_F(SplitDeviceQueueTest, WhatIsPutIsSeenTogetherAtPublish) {
  SplitDeviceQueue queue(layout_, 0, 0);
  queue.Put(6, 10);
  queue.Put(2, 20);
  EXPECT_EQ(bare_.used_idx(), 0);
  EXPECT_EQ(queue.next_used(), 2);
  queue.Publish();
  EXPECT_EQ(bare_.used_idx(), 2);
  EXPECT_EQ(bare_.Used(0).id, 6u);
  EXPECT_EQ(bare_.Used(1).len, 20u);
}

TEST_F(SplitDeviceQueueTest, AWholeRingAheadIsLegal_S71) {
  SplitDeviceQueue queue(layout_, 0, 0);
  bare_.set_avail_idx(8);
  for (int i = 0; i < 8; ++i) ASSERT_TRUE(queue.PopHead()->has_value());
  EXPECT_FALSE(queue.PopHead()->has_value());
}

TEST_F(SplitDeviceQueueTest, OneMoreThanTheRingAheadBreaksTheQueue_S71) {
  for (const uint16_t index : {9, 100, 32768, 65535}) {
    SplitDeviceQueue queue(layout_, 0, 0);
    bare_.set_avail_idx(index);
    const std::vector<std::byte> before = Snapshot();
    const auto head = queue.PopHead();
    ASSERT_FALSE(head.has_value()) << index;
    EXPECT_EQ(head.error().code(), ErrorCode::kProtocol);
    EXPECT_THAT(std::string(head.error().text()),
                HasSubstr("available index " + std::to_string(index)));
    EXPECT_TRUE(queue.broken());
    EXPECT_EQ(Snapshot(), before);
  }
}

TEST_F(SplitDeviceQueueTest, AHeadBeyondTheTableBreaksTheQueue_S72) {
  for (const uint16_t bad : {8, 9, 65535}) {
    SplitDeviceQueue queue(layout_, 0, 0);
    bare_.SetAvail(0, bad);
    bare_.set_avail_idx(1);
    const auto head = queue.PopHead();
    ASSERT_FALSE(head.has_value()) << bad;
    EXPECT_THAT(std::string(head.error().text()),
                HasSubstr("descriptor " + std::to_string(bad)));
    EXPECT_EQ(queue.next_avail(), 0);
  }
}

TEST_F(SplitDeviceQueueTest, ABrokenQueueStaysBrokenAndWritesNothing_S71_S72) {
  SplitDeviceQueue queue(layout_, 0, 0);
  bare_.set_avail_idx(9);
  ASSERT_FALSE(queue.PopHead().has_value());
  bare_.set_avail_idx(1);
  const std::vector<std::byte> before = Snapshot();
  const auto again = queue.PopHead();
  ASSERT_FALSE(again.has_value());
  EXPECT_THAT(std::string(again.error().text()), HasSubstr("index 9"));
  queue.SuppressKicks(true);
  EXPECT_EQ(Snapshot(), before);
}

TEST_F(SplitDeviceQueueTest, TheFirstReasonOfABreakIsKept) {
  SplitDeviceQueue queue(layout_, 0, 0);
  queue.Break(Error::Make(ErrorCode::kProtocol, "first"));
  queue.Break(Error::Make(ErrorCode::kProtocol, "second"));
  EXPECT_EQ(queue.PopHead().error().text(), "first");
}

TEST_F(SplitDeviceQueueTest, FlagsAskForKicksAndInterrupts) {
  SplitDeviceQueue queue(layout_, 0, 0);
  queue.SuppressKicks(true);
  EXPECT_EQ(bare_.used_flags(), 1);
  queue.SuppressKicks(false);
  EXPECT_EQ(bare_.used_flags(), 0);
  EXPECT_TRUE(queue.DriverWantsInterrupt());
  bare_.set_avail_flags(1);
  EXPECT_FALSE(queue.DriverWantsInterrupt());
  bare_.set_avail_flags(0xfffe);  // Bits without a meaning change nothing.
  EXPECT_TRUE(queue.DriverWantsInterrupt());
}

TEST_F(SplitDeviceQueueTest, EveryGarbageInTheAvailableRingIsSurvived) {
  TestRandom random(7);
  for (int round = 0; round < 20000; ++round) {
    SplitDeviceQueue queue(layout_, static_cast<uint16_t>(random.Next()), 0);
    bare_.set_avail_idx(
        static_cast<uint16_t>(queue.next_avail() + random.Below(12)));
    for (uint32_t i = 0; i < 8; ++i) {
      bare_.SetAvail(i, static_cast<uint16_t>(random.Below(9)));
    }
    for (int i = 0; i < 9; ++i) {
      const auto head = queue.PopHead();
      if (!head || !*head) break;
      ASSERT_LT(**head, 8);
      ASSERT_LT(i, 8);
      queue.Push(**head, 0);
    }
  }
  EXPECT_TRUE(arena_.GuardsIntact());
}

}  // namespace
}  // namespace virtio_user
