// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/ring/packed_device_queue.h"

#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/packed_device_fixture.h"

namespace virtio_user {
namespace {

using ::testing::ElementsAre;

constexpr uint16_t kNext = 1;
constexpr uint16_t kWrite = 2;
constexpr uint16_t kIndirect = 4;

using PackedDeviceQueueTest = PackedDeviceFixture;

// --- Taking
// --------------------------------------------------------------------

TEST_F(PackedDeviceQueueTest, AZeroedRingGivesNothingInBothRounds) {
  for (const bool wrap : {true, false}) {
    PackedDeviceQueue queue = Queue({0, wrap});
    EXPECT_FALSE(*Pop(queue));
    SingleBuffer one;
    EXPECT_EQ(queue.PopOne(one), PopOutcome::kNothing);
  }
}

TEST_F(PackedDeviceQueueTest, AListHasTheIdOfItsLastDescriptor) {
  PackedDeviceQueue queue = Queue();
  Avail(0, {0x10, 1, 111, kNext});
  Avail(1, {0x20, 2, 222, kNext | kWrite});
  Avail(2, {0x30, 3, 65535, kWrite});
  ASSERT_TRUE(*Pop(queue));
  EXPECT_EQ(chain_.token, (ChainToken{65535, 3}));
  EXPECT_THAT(chain_.readable, ElementsAre(Buffer(0x10, 1)));
  EXPECT_THAT(chain_.writable, ElementsAre(Buffer(0x20, 2), Buffer(0x30, 3)));
  EXPECT_FALSE(chain_.malformed);
  EXPECT_FALSE(chain_.indirect);
  EXPECT_EQ(queue.next_avail(), (RingPosition{0, false}));
}

TEST_F(PackedDeviceQueueTest, AListGoesRoundTheEndOfTheRing) {
  PackedDeviceQueue queue = Queue({2, true});
  Avail(2, {0x10, 1, 0, kNext});
  Avail(0, {0x20, 2, 9, 0}, /*wrap=*/false);
  ASSERT_TRUE(*Pop(queue));
  EXPECT_EQ(chain_.token, (ChainToken{9, 2}));
  EXPECT_EQ(queue.next_avail(), (RingPosition{1, false}));
}

TEST_F(PackedDeviceQueueTest, ASingleDescriptorComesTheFastWay) {
  PackedDeviceQueue queue = Queue();
  Avail(0, {0x10, 64, 7, 0});
  Avail(1, {0x20, 65, 8, kWrite});
  Avail(2, {0x30, 66, 9, kNext});
  SingleBuffer one;
  ASSERT_EQ(queue.PopOne(one), PopOutcome::kOne);
  EXPECT_EQ(one.buffer, Buffer(0x10, 64));
  EXPECT_EQ(one.token, (ChainToken{7, 1}));
  EXPECT_FALSE(one.writable);
  ASSERT_EQ(queue.PopOne(one), PopOutcome::kOne);
  EXPECT_EQ(one.buffer, Buffer(0x20, 65));
  EXPECT_TRUE(one.writable);
  // A list, and a table, are not taken.
  EXPECT_EQ(queue.PopOne(one), PopOutcome::kChain);
  Avail(2, {0x30, 66, 9, kIndirect});
  EXPECT_EQ(queue.PopOne(one), PopOutcome::kChain);
  EXPECT_EQ(queue.next_avail(), (RingPosition{2, true}));
}

TEST_F(PackedDeviceQueueTest, ARingOfOneDescriptorTurnsAtEachList) {
  const RingLayout layout = TakeRing(arena_, 1, RingFormat::kPacked);
  const BarePacked bare(layout);
  PackedDeviceQueue queue(layout, {}, {}, EventIndex::kOff);
  for (const bool wrap : {true, false, true}) {
    bare.SetDesc(0, {0x10, 1, 5, BarePacked::AvailIn(wrap)});
    ASSERT_TRUE(*Pop(queue));
    EXPECT_FALSE(*Pop(queue));
    queue.Put(chain_.token, 0);
    queue.Publish();
    EXPECT_TRUE(IsUsed(bare.Desc(0), wrap));
    EXPECT_FALSE(*Pop(queue));
  }
}

TEST_F(PackedDeviceQueueTest, AnIndirectTableIsReadWholeAndOnlyItsWriteFlags) {
  PackedDeviceQueue queue = Queue();
  // No NEXT, other flags at will, an id that says nothing.
  const PackedDesc table[] = {{0x10, 1, 500, 0},
                              {0x20, 2, 501, kIndirect | 0xff00},
                              {0x30, 3, 502, kWrite | kNext}};
  PackedDesc desc = PutTable(table);
  desc.id = 42;
  desc.flags |= kWrite;  // Without a meaning here.
  Avail(0, desc);
  ASSERT_TRUE(*Pop(queue));
  EXPECT_FALSE(chain_.malformed);
  EXPECT_TRUE(chain_.indirect);
  EXPECT_EQ(chain_.token, (ChainToken{42, 1}));
  EXPECT_THAT(chain_.readable, ElementsAre(Buffer(0x10, 1), Buffer(0x20, 2)));
  EXPECT_THAT(chain_.writable, ElementsAre(Buffer(0x30, 3)));
}

// --- Giving back
// ---------------------------------------------------------------

TEST_F(PackedDeviceQueueTest, AUsedDescriptorSkipsItsList) {
  PackedDeviceQueue queue = Queue();
  Avail(0, {0x10, 1, 0, kNext});
  Avail(1, {0x20, 2, 77, kWrite});
  Avail(2, {0x30, 3, 78, 0});
  ASSERT_TRUE(*Pop(queue));
  const ChainToken first = chain_.token;
  ASSERT_TRUE(*Pop(queue));
  queue.Put(first, 2);
  queue.Put(chain_.token, 0);
  queue.Publish();
  EXPECT_EQ(bare_.Desc(0).id, 77);
  EXPECT_EQ(bare_.Desc(0).len, 2u);
  EXPECT_EQ(bare_.Desc(0).flags, 0x8080 | kWrite);
  EXPECT_EQ(bare_.Desc(1).flags, 0x0080 | kWrite);  // Untouched.
  EXPECT_EQ(bare_.Desc(2).id, 78);
  EXPECT_EQ(bare_.Desc(2).flags, 0x8080);  // Nothing was written.
  EXPECT_EQ(queue.next_used(), (RingPosition{0, false}));
}

TEST_F(PackedDeviceQueueTest, ListsGoBackInAnyOrder) {
  PackedDeviceQueue queue = Queue();
  for (uint16_t i = 0; i < 3; ++i) {
    Avail(i, {i, 1, static_cast<uint16_t>(10 + i), 0});
  }
  for (uint16_t i = 0; i < 3; ++i) ASSERT_TRUE(*Pop(queue));
  for (const uint16_t id : {12, 10, 11}) queue.Put({id, 1}, 0);
  queue.Publish();
  EXPECT_EQ(bare_.Desc(0).id, 12);
  EXPECT_EQ(bare_.Desc(1).id, 10);
  EXPECT_EQ(bare_.Desc(2).id, 11);
  for (uint32_t i = 0; i < 3; ++i) EXPECT_TRUE(IsUsed(bare_.Desc(i), true));
}

// A driver that has the place again has written there.
TEST_F(PackedDeviceQueueTest, PublishingNothingWritesNothing) {
  const RingLayout layout = TakeRing(arena_, 1, RingFormat::kPacked);
  const BarePacked bare(layout);
  PackedDeviceQueue queue(layout, {}, {}, EventIndex::kOff);
  bare.SetDesc(0, {0x10, 1, 5, BarePacked::AvailIn(true)});
  ASSERT_TRUE(*Pop(queue));
  queue.Put(chain_.token, 0);
  queue.Publish();
  bare.SetDesc(0, {0x20, 1, 6, BarePacked::AvailIn(false)});
  queue.Publish();
  ASSERT_TRUE(*Pop(queue));
  EXPECT_EQ(chain_.token, (ChainToken{6, 1}));
}

TEST_F(PackedDeviceQueueTest, TheFirstOfABatchIsInvisibleUntilPublish) {
  PackedDeviceQueue queue = Queue();
  for (uint16_t i = 0; i < 3; ++i) Avail(i, {i, 1, i, kWrite});
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(*Pop(queue));
  const PackedDesc before = bare_.Desc(0);
  queue.Put({0, 1}, 5);
  queue.Put({1, 1}, 6);
  // Who looks at the ring in its order sees nothing yet.
  EXPECT_EQ(bare_.Desc(0).flags, before.flags);
  EXPECT_EQ(bare_.Desc(0).len, before.len);
  queue.Publish();
  EXPECT_TRUE(IsUsed(bare_.Desc(0), true));
  EXPECT_TRUE(IsUsed(bare_.Desc(1), true));
  queue.Put({2, 1}, 7);
  EXPECT_FALSE(IsUsed(bare_.Desc(2), true));
  queue.Publish();
  EXPECT_TRUE(IsUsed(bare_.Desc(2), true));
  const std::vector<std::byte> after = Snapshot();
  queue.Publish();  // Nothing new: nothing happens.
  EXPECT_EQ(Snapshot(), after);
}

TEST_F(PackedDeviceQueueTest, ABatchIsOneUsedDescriptorAtItsFirstPlace) {
  PackedDeviceQueue queue = Queue({1, true});
  Avail(1, {0x10, 1, 1, 0});
  Avail(2, {0x20, 2, 0, kNext});
  Avail(0, {0x30, 3, 2, kWrite}, /*wrap=*/false);
  ASSERT_TRUE(*Pop(queue));
  ASSERT_TRUE(*Pop(queue));
  queue.PutBatch(2, 3, 3);
  queue.Publish();
  EXPECT_EQ(bare_.Desc(1).id, 2);
  EXPECT_EQ(bare_.Desc(1).len, 3u);
  EXPECT_TRUE(IsUsed(bare_.Desc(1), true));
  EXPECT_FALSE(IsUsed(bare_.Desc(2), true));
  EXPECT_EQ(queue.next_used(), (RingPosition{1, false}));
}

TEST_F(PackedDeviceQueueTest, AQueueGoesOnWhereAnotherStood) {
  // One list of two descriptors is out: taken and not given back.
  PackedDeviceQueue queue(layout_, {1, false}, {2, true}, EventIndex::kOff);
  Avail(1, {0x10, 1, 6, 0}, /*wrap=*/false);
  ASSERT_TRUE(*Pop(queue));
  queue.Put({5, 2}, 0);
  queue.Put({6, 1}, 0);
  queue.Publish();
  EXPECT_TRUE(IsUsed(bare_.Desc(2), true));
  EXPECT_TRUE(IsUsed(bare_.Desc(1), false));
  EXPECT_EQ(queue.next_used(), (RingPosition{2, false}));
}

// --- Event suppression
// ---------------------------------------------------------

TEST_F(PackedDeviceQueueTest, FlagsAskForKicksAndInterrupts) {
  PackedDeviceQueue queue = Queue();
  queue.SuppressKicks(true);
  EXPECT_EQ(bare_.device_event().flags, 1);
  queue.SuppressKicks(false);
  EXPECT_EQ(bare_.device_event().flags, 0);
  EXPECT_EQ(bare_.device_event().offset_wrap, 0);
  for (const uint16_t flags : {0, 2, 3, 0xfffc}) {  // 2 needs EVENT_IDX.
    bare_.set_driver_event({0, flags});
    EXPECT_TRUE(queue.DriverWantsInterrupt()) << flags;
  }
  for (const uint16_t flags : {1, 0xfffd}) {
    bare_.set_driver_event({0, flags});
    EXPECT_FALSE(queue.DriverWantsInterrupt()) << flags;
  }
}

// Every old and new place of a ring of three, against every event: an
// interrupt is due if the event is among the descriptors that were used.
TEST_F(PackedDeviceQueueTest, AnInterruptIsDueOnceItsDescriptorIsUsed) {
  const auto place = [](uint32_t i) {
    return RingPosition{static_cast<uint16_t>(i % 3), i / 3 % 2 == 0};
  };
  for (uint32_t old_place = 0; old_place < 6; ++old_place) {
    for (uint16_t count = 0; count <= 6; ++count) {
      for (uint32_t event = 0; event < 6; ++event) {
        PackedDeviceQueue queue = Queue(place(old_place), EventIndex::kOn);
        bool covered = false;
        for (uint16_t i = 0; i < count; ++i) {
          const RingPosition at = place(old_place + i);
          Avail(at.index, {0x10, 1, i, 0}, at.wrap);
          ASSERT_TRUE(*Pop(queue));
          queue.Put(chain_.token, 0);
          queue.Publish();
          covered = covered || (old_place + i) % 6 == event;
        }
        const RingPosition at = place(event);
        bare_.set_driver_event(
            {static_cast<uint16_t>(at.index | (at.wrap ? 0x8000 : 0)), 2});
        ASSERT_EQ(queue.DriverWantsInterrupt(), covered)
            << old_place << " " << count << " " << event;
        // What was asked for once is not asked for again.
        ASSERT_FALSE(queue.DriverWantsInterrupt());
        layout_.Zero();
      }
    }
  }
}

TEST_F(PackedDeviceQueueTest, WithEventIdxFlagsAreStillFlags) {
  PackedDeviceQueue queue = Queue({}, EventIndex::kOn);
  bare_.set_driver_event({0, 0});
  EXPECT_TRUE(queue.DriverWantsInterrupt());
  bare_.set_driver_event({0, 1});
  EXPECT_FALSE(queue.DriverWantsInterrupt());
  bare_.set_driver_event({0, 3});  // Reserved: rather one too many.
  EXPECT_TRUE(queue.DriverWantsInterrupt());
  bare_.set_driver_event({3, 2});  // No such descriptor: likewise.
  EXPECT_TRUE(queue.DriverWantsInterrupt());
}

TEST_F(PackedDeviceQueueTest, WhoeverFindsTheRingEmptyAsksForTheNextKick) {
  PackedDeviceQueue queue = Queue({2, false}, EventIndex::kOn);
  EXPECT_FALSE(*Pop(queue));
  EXPECT_EQ(bare_.device_event().offset_wrap, 2);
  EXPECT_EQ(bare_.device_event().flags, 2);
  Avail(2, {0x10, 1, 1, 0}, /*wrap=*/false);
  ASSERT_TRUE(*Pop(queue));
  EXPECT_EQ(bare_.device_event().offset_wrap, 2);
  EXPECT_FALSE(*Pop(queue));
  EXPECT_EQ(bare_.device_event().offset_wrap, 0x8000);
}

TEST_F(PackedDeviceQueueTest, SuppressedKicksStaySuppressed) {
  PackedDeviceQueue queue = Queue({}, EventIndex::kOn);
  queue.SuppressKicks(true);
  EXPECT_EQ(bare_.device_event().flags, 1);
  EXPECT_FALSE(*Pop(queue));
  EXPECT_EQ(bare_.device_event().flags, 1);
  queue.SuppressKicks(false);
  EXPECT_EQ(bare_.device_event().flags, 2);
  EXPECT_EQ(bare_.device_event().offset_wrap, 0x8000);
}

using PackedDeviceQueueDeathTest = PackedDeviceQueueTest;

TEST_F(PackedDeviceQueueDeathTest, WhatWasNotTakenCannotBeGivenBack) {
  PackedDeviceQueue queue = Queue();
  EXPECT_DEATH(queue.Put({1, 1}, 0), "descriptor_count");
}

}  // namespace
}  // namespace virtio_user
