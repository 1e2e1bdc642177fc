// SPDX-License-Identifier: BSD-3-Clause
//
// Drivers of a packed ring that keep to no rules.

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/packed_device_fixture.h"

namespace virtio_user {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr uint16_t kNext = 1;
constexpr uint16_t kWrite = 2;
constexpr uint16_t kIndirect = 4;

using PackedDeviceHostileTest = PackedDeviceFixture;

TEST_F(PackedDeviceHostileTest, AListWithoutAnEndBreaksTheQueue) {
  PackedDeviceQueue queue = Queue();
  for (uint16_t i = 0; i < 3; ++i) Avail(i, {i, 1, i, kNext});
  EXPECT_THAT(WhyBroken(queue), HasSubstr("does not end within the 3"));
}

TEST_F(PackedDeviceHostileTest, AListIntoWhatTheDeviceHasBreaksTheQueue) {
  PackedDeviceQueue queue = Queue();
  Avail(0, {0x10, 1, 1, 0});
  ASSERT_TRUE(*Pop(queue));
  Avail(1, {0x10, 1, 2, kNext});
  Avail(2, {0x10, 1, 3, kNext});
  Avail(0, {0x10, 1, 4, 0}, /*wrap=*/false);  // It is still out.
  EXPECT_THAT(WhyBroken(queue), HasSubstr("does not end within the 2"));
}

TEST_F(PackedDeviceHostileTest, MoreThanTheWholeRingBreaksTheQueue) {
  PackedDeviceQueue queue = Queue();
  for (uint16_t i = 0; i < 3; ++i) Avail(i, {i, 1, i, 0});
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(*Pop(queue));
  Avail(0, {0x10, 1, 9, 0}, /*wrap=*/false);
  SingleBuffer one;
  EXPECT_EQ(queue.PopOne(one), PopOutcome::kChain);
  EXPECT_THAT(WhyBroken(queue), HasSubstr("the 0 that can be available"));
}

TEST_F(PackedDeviceHostileTest, AListWithAGapBreaksTheQueue) {
  // All wrong combinations of AVAIL and USED.
  for (const uint16_t flags : {0x0000, 0x8080, 0x8000}) {
    PackedDeviceQueue queue = Queue();
    Avail(0, {0x10, 1, 1, kNext});
    bare_.SetDesc(1, {0x20, 1, 2, flags});
    EXPECT_THAT(
        WhyBroken(queue),
        AllOf(HasSubstr("descriptor 1 of the list at 0 is not available"),
              HasSubstr("wrap counter 1")));
  }
}

TEST_F(PackedDeviceHostileTest, ABrokenQueueStaysBrokenAndWritesNothing) {
  PackedDeviceQueue queue = Queue();
  queue.Break(Error::Make(ErrorCode::kProtocol, "first"));
  queue.Break(Error::Make(ErrorCode::kProtocol, "second"));
  Avail(0, {0x10, 1, 1, 0});
  const std::vector<std::byte> before = Snapshot();
  SingleBuffer one;
  EXPECT_EQ(queue.PopOne(one), PopOutcome::kBroken);
  EXPECT_EQ(WhyBroken(queue), "first");
  queue.SuppressKicks(true);
  EXPECT_EQ(Snapshot(), before);
}

TEST_F(PackedDeviceHostileTest, AMalformedListIsTakenAndGivenBackOnce) {
  PackedDeviceQueue queue = Queue();
  Avail(0, {0x10, 1, 1, kNext | kWrite});
  Avail(1, {0x20, 2, 2, 0});
  EXPECT_THAT(WhyMalformed(queue), HasSubstr("descriptor 1 is readable"));
  EXPECT_EQ(chain_.token, (ChainToken{2, 2}));
  queue.Put(chain_.token, 0);
  queue.Publish();
  EXPECT_TRUE(IsUsed(bare_.Desc(0), true));
  // The next one is fine, and nothing of the first is left.
  Avail(2, {0x30, 3, 3, 0});
  EXPECT_EQ(WhyMalformed(queue), "");
  EXPECT_THAT(chain_.readable, ElementsAre(Buffer(0x30, 3)));
  EXPECT_THAT(chain_.writable, IsEmpty());
}

TEST_F(PackedDeviceHostileTest, ATableAndAnotherDescriptorAreMalformed) {
  const PackedDesc table[] = {{0x10, 1, 0, 0}};
  const PackedDesc good = PutTable(table);
  struct Case {
    PackedDesc first;
    PackedDesc second;
  };
  PackedDesc chained = good;
  chained.flags |= kNext;
  for (const auto& [first, second] :
       {Case{chained, {0x20, 2, 9, 0}}, Case{{0x20, 2, 1, kNext}, good},
        Case{chained, good}}) {
    PackedDeviceQueue queue = Queue();
    Avail(0, first);
    Avail(1, second);
    EXPECT_THAT(WhyMalformed(queue), HasSubstr("and another descriptor"));
    EXPECT_EQ(chain_.token, (ChainToken{second.id, 2}));
  }
}

TEST_F(PackedDeviceHostileTest, EveryMalformedTableIsNamed) {
  const PackedDesc table[] = {
      {0x10, 1, 0, 0}, {0x20, 1, 0, 0}, {0x30, 1, 0, 0}, {0x40, 1, 0, 0}};
  const PackedDesc whole = PutTable(table);
  const auto why = [&](PackedDesc desc) {
    PackedDeviceQueue queue = Queue();
    Avail(0, desc);
    return WhyMalformed(queue);
  };
  PackedDesc bad = whole;
  for (const uint32_t bytes : {0u, 1u, 15u, 17u, 47u}) {
    bad.len = bytes;
    EXPECT_THAT(why(bad), HasSubstr(std::to_string(bytes) + " bytes"));
  }
  EXPECT_THAT(why(whole), HasSubstr("4 descriptors is longer than the ring"));
  bad.len = 0xfffffff0;
  EXPECT_THAT(why(bad), HasSubstr("outside memory"));
  bad = {0x10, 32, 0, kIndirect};
  EXPECT_THAT(why(bad), HasSubstr("outside memory: 0x10, 32 bytes"));
  const PackedDesc turned[] = {{0x10, 1, 0, kWrite}, {0x20, 1, 0, 0}};
  EXPECT_THAT(why(PutTable(turned)), HasSubstr("1 is readable"));
  bad = whole;
  bad.len = 48;  // Three fit into the ring.
  PutTable(table);
  EXPECT_EQ(why(bad), "");
}

TEST_F(PackedDeviceHostileTest, EveryGarbageRingIsSurvived) {
  TestRandom random(8);
  size_t taken_count = 0;
  size_t broken_count = 0;
  for (int round = 0; round < 50000; ++round) {
    for (uint32_t i = 0; i < kNum; ++i) {
      auto flags = static_cast<uint16_t>(random.Below(8));
      if (!random.OneIn(8)) flags |= BarePacked::AvailIn(!random.OneIn(8));
      const uint64_t addr =
          random.OneIn(2) ? arena_.Addr(table_.data()).value : random.Next();
      bare_.SetDesc(i, {addr, random.Below(70),
                        static_cast<uint16_t>(random.Next()), flags});
    }
    for (std::byte& byte : table_) byte = static_cast<std::byte>(random.Next());
    PackedDeviceQueue queue =
        Queue({static_cast<uint16_t>(random.Below(3)), true});
    for (int i = 0; i < 5; ++i) {
      const Result<bool> taken = Pop(queue);
      broken_count += taken ? 0 : 1;
      if (!taken || !*taken) break;
      ASSERT_LT(i, 4);
      ASSERT_LE(chain_.token.descriptor_count, kNum);
      ASSERT_LE(chain_.buffer_count(), size_t{kNum});
      queue.Put(chain_.token, 0);
      if (random.OneIn(2)) queue.Publish();
      ++taken_count;
    }
  }
  EXPECT_GT(taken_count, 10000u);
  EXPECT_GT(broken_count, 10000u);
}

}  // namespace
}  // namespace virtio_user
