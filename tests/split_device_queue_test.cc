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

  void set_used_event(uint16_t event) const {
    std::memcpy(layout_.driver + 4 + 2 * 8, &event, 2);
  }
  void set_avail_event(uint16_t event) const {
    std::memcpy(layout_.device + 4 + 8 * 8, &event, 2);
  }
  uint16_t avail_event() const {
    uint16_t event;
    std::memcpy(&event, layout_.device + 4 + 8 * 8, 2);
    return event;
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

TEST_F(SplitDeviceQueueTest, ASingleDescriptorComesTheFastWay) {
  SplitDeviceQueue queue(layout_, 0, 0);
  bare_.SetDesc(5, {0x10, 64, 0xfff8, 0xffff});
  bare_.SetDesc(6, {0x20, 65, 2, 0});
  bare_.SetDesc(7, {0x30, 66, 1, 0});
  for (const uint16_t i : {0, 1, 2}) bare_.SetAvail(i, 5 + i);
  bare_.set_avail_idx(3);
  SingleBuffer one;
  ASSERT_EQ(queue.PopOne(one), PopOutcome::kOne);
  EXPECT_EQ(one.buffer, (DeviceBuffer{{0x10}, 64}));
  EXPECT_EQ(one.token, (ChainToken{5, 1}));
  EXPECT_FALSE(one.writable);
  ASSERT_EQ(queue.PopOne(one), PopOutcome::kOne);
  EXPECT_TRUE(one.writable);
  EXPECT_EQ(queue.PopOne(one), PopOutcome::kChain);
  bare_.SetDesc(7, {0x30, 66, 4, 0});
  EXPECT_EQ(queue.PopOne(one), PopOutcome::kChain);
  EXPECT_EQ(queue.next_avail(), 2);
  bare_.SetAvail(2, 8);
  EXPECT_EQ(queue.PopOne(one), PopOutcome::kBroken);
  EXPECT_EQ(queue.PopOne(one), PopOutcome::kBroken);
}

TEST_F(SplitDeviceQueueTest, ABatchIsOneElementAtItsFirstPlace) {
  SplitDeviceQueue queue(layout_, 6, 6);
  queue.PutBatch(3, 9, 4);
  EXPECT_EQ(bare_.used_idx(), 0);
  queue.Publish();
  EXPECT_EQ(bare_.used_idx(), 10);
  EXPECT_EQ(bare_.Used(6).id, 3u);
  EXPECT_EQ(bare_.Used(6).len, 9u);
}

// --- EVENT_IDX
// -----------------------------------------------------------------

constexpr uint16_t kEdges[] = {0,     1,     2,     7,     8,     9,
                               32767, 32768, 32769, 65533, 65534, 65535};

// An interrupt is due if the entry that the event names is among those that
// were published, counted by hand.
TEST_F(SplitDeviceQueueTest, AnInterruptIsDueOnceItsEntryIsPublished) {
  for (const uint16_t old_index : kEdges) {
    for (uint16_t count = 0; count <= 8; ++count) {
      for (const uint16_t event : kEdges) {
        SplitDeviceQueue queue(layout_, old_index, old_index, EventIndex::kOn);
        set_used_event(event);
        bool covered = false;
        for (uint16_t i = 0; i < count; ++i) {
          queue.Push(0, 0);
          covered = covered || static_cast<uint16_t>(old_index + i) == event;
        }
        bare_.set_avail_flags(count % 2);  // Has no meaning here.
        ASSERT_EQ(queue.DriverWantsInterrupt(), covered)
            << old_index << " + " << count << ", event " << event;
        ASSERT_FALSE(queue.DriverWantsInterrupt());
      }
    }
  }
}

TEST_F(SplitDeviceQueueTest, A65536thEntryPassesEveryEvent) {
  SplitDeviceQueue queue(layout_, 0, 0, EventIndex::kOn);
  set_used_event(5);
  for (int i = 0; i < 65536; ++i) queue.Push(0, 0);
  EXPECT_EQ(bare_.used_idx(), 0);
  EXPECT_TRUE(queue.DriverWantsInterrupt());
  EXPECT_FALSE(queue.DriverWantsInterrupt());
}

TEST_F(SplitDeviceQueueTest, WhatIsPutAndNotPublishedIsNotDue) {
  SplitDeviceQueue queue(layout_, 0, 0, EventIndex::kOn);
  queue.Put(0, 0);
  EXPECT_FALSE(queue.DriverWantsInterrupt());
  queue.Publish();
  EXPECT_TRUE(queue.DriverWantsInterrupt());
}

TEST_F(SplitDeviceQueueTest, WhoeverFindsTheRingEmptyAsksForTheNextKick) {
  for (const uint16_t start : kEdges) {
    bare_.set_avail_idx(start);
    SplitDeviceQueue queue(layout_, start, start, EventIndex::kOn);
    set_avail_event(static_cast<uint16_t>(start + 77));
    ASSERT_FALSE(queue.PopHead()->has_value());
    EXPECT_EQ(avail_event(), start);
    bare_.set_avail_idx(static_cast<uint16_t>(start + 2));
    ASSERT_TRUE(queue.PopHead()->has_value());
    ASSERT_TRUE(queue.PopHead()->has_value());
    EXPECT_EQ(avail_event(), start);
    ASSERT_FALSE(queue.PopHead()->has_value());
    EXPECT_EQ(avail_event(), static_cast<uint16_t>(start + 2));
    EXPECT_EQ(bare_.used_flags(), 0);
  }
}

TEST_F(SplitDeviceQueueTest,
       WithEventIdxKicksAreSuppressedByAnEventThatPassed) {
  SplitDeviceQueue queue(layout_, 3, 3, EventIndex::kOn);
  bare_.set_avail_idx(3);
  queue.SuppressKicks(true);
  EXPECT_EQ(avail_event(), 2);
  ASSERT_FALSE(queue.PopHead()->has_value());
  EXPECT_EQ(avail_event(), 2);
  queue.SuppressKicks(false);
  EXPECT_EQ(avail_event(), 3);
  EXPECT_EQ(bare_.used_flags(), 0);
}

TEST_F(SplitDeviceQueueTest, WithoutEventIdxItsWordsAreLeftAlone) {
  SplitDeviceQueue queue(layout_, 0, 0);
  set_avail_event(0x1234);
  ASSERT_FALSE(queue.PopHead()->has_value());
  queue.SuppressKicks(true);
  queue.SuppressKicks(false);
  EXPECT_EQ(avail_event(), 0x1234);
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
