// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/ring/split_driver_queue.h"

#include <array>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/ring_support.h"

namespace virtio_user {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

class SplitDriverQueueTest : public ::testing::Test {
 protected:
  bool Offer(SplitDriverQueue& queue, uint32_t cookie, size_t readable,
             size_t writable) {
    const OfferedChain chain{
        .readable = std::span(buffers_).first(readable),
        .writable = std::span(buffers_).subspan(readable, writable),
        .cookie = cookie};
    return queue.Offer(chain);
  }
  // Uses the next chain as an honest device does.
  void Use(uint16_t head, uint32_t bytes) {
    bare_.SetUsed(bare_.used_idx(), {head, bytes});
    bare_.set_used_idx(static_cast<uint16_t>(bare_.used_idx() + 1));
  }
  static std::vector<uint32_t> Cookies(SplitDriverQueue& queue,
                                       size_t most = 16) {
    std::array<UsedChain, 16> used;
    const Result<size_t> count = queue.TakeUsed(std::span(used).first(most));
    EXPECT_TRUE(count.has_value());
    std::vector<uint32_t> cookies;
    for (size_t i = 0; i < count.value_or(0); ++i) {
      cookies.push_back(used[i].cookie);
    }
    return cookies;
  }

  TestArena arena_{ArenaBytes(8, 4096)};
  Ring ring_{.layout = TakeRing(arena_, 8), .published = {}, .gate = {}};
  BareRing bare_{ring_.layout};
  std::array<DeviceBuffer, 8> buffers_ = {{{{0x100}, 1},
                                           {{0x200}, 2},
                                           {{0x300}, 3},
                                           {{0x400}, 4},
                                           {{0x500}, 5},
                                           {{0x600}, 6},
                                           {{0x700}, 7},
                                           {{0x800}, 8}}};
};

TEST_F(SplitDriverQueueTest, AChainStandsInTheRingAsTheSpecDrawsIt) {
  SplitDriverQueue queue(ring_, {});
  ASSERT_TRUE(Offer(queue, 7, 1, 2));
  const uint16_t head = bare_.Avail(0);
  const VirtqDesc first = bare_.Desc(head);
  EXPECT_EQ(first.addr, 0x100u);
  EXPECT_EQ(first.len, 1u);
  EXPECT_EQ(first.flags, kDescFlagNext);
  const VirtqDesc second = bare_.Desc(first.next);
  EXPECT_EQ(second.addr, 0x200u);
  EXPECT_EQ(second.flags, kDescFlagNext | kDescFlagWrite);
  const VirtqDesc third = bare_.Desc(second.next);
  EXPECT_EQ(third.len, 3u);
  EXPECT_EQ(third.flags, kDescFlagWrite);
  EXPECT_EQ(queue.free_count(), 5);
  EXPECT_EQ(queue.in_flight(), 1);
}

TEST_F(SplitDriverQueueTest, OnlyPublishShowsWhatWasOffered) {
  SplitDriverQueue queue(ring_, {});
  ASSERT_TRUE(Offer(queue, 1, 1, 0));
  ASSERT_TRUE(Offer(queue, 2, 1, 0));
  EXPECT_EQ(bare_.avail_idx(), 0);
  EXPECT_EQ(ring_.published.index, 0);
  queue.Publish();
  EXPECT_EQ(bare_.avail_idx(), 2);
  EXPECT_EQ(ring_.published.index, 2);
}

TEST_F(SplitDriverQueueTest, AFullRingRefusesAndRecovers_D01) {
  SplitDriverQueue queue(ring_, {});
  for (uint32_t i = 0; i < 4; ++i) ASSERT_TRUE(Offer(queue, i, 1, 1));
  EXPECT_FALSE(Offer(queue, 4, 1, 0));
  EXPECT_EQ(queue.free_count(), 0);
  queue.Publish();
  Use(bare_.Avail(2), 2);
  EXPECT_THAT(Cookies(queue), ElementsAre(2));
  EXPECT_FALSE(Offer(queue, 4, 3, 0));
  EXPECT_TRUE(Offer(queue, 4, 2, 0));
}

TEST_F(SplitDriverQueueTest, UsedChainsComeBackInTheDevicesOrder_D13) {
  SplitDriverQueue queue(ring_, {});
  for (uint32_t i = 0; i < 4; ++i) ASSERT_TRUE(Offer(queue, i, 0, 1 + i % 2));
  queue.Publish();
  Use(bare_.Avail(3), 3);
  Use(bare_.Avail(0), 0);
  Use(bare_.Avail(2), 1);
  EXPECT_THAT(Cookies(queue), ElementsAre(3, 0, 2));
  Use(bare_.Avail(1), 0);
  EXPECT_THAT(Cookies(queue), ElementsAre(1));
  EXPECT_EQ(queue.in_flight(), 0);
  EXPECT_EQ(queue.free_count(), 8);
}

TEST_F(SplitDriverQueueTest, AChainMayStayWithTheDeviceFor200000Others_D13) {
  SplitDriverQueue queue(ring_, {});
  ASSERT_TRUE(Offer(queue, 99, 0, 1));
  queue.Publish();
  const uint16_t held = bare_.Avail(0);
  for (uint32_t i = 0; i < 200000; ++i) {
    const uint16_t entry = ring_.published.index;
    ASSERT_TRUE(Offer(queue, i, 1, 0));
    queue.Publish();
    Use(bare_.Avail(entry), 0);
    ASSERT_THAT(Cookies(queue), ElementsAre(i));
  }
  ASSERT_TRUE(Offer(queue, 1, 1, 0));  // One that is not published.
  Use(held, 1);
  EXPECT_THAT(Cookies(queue), ElementsAre(99));
}

TEST_F(SplitDriverQueueTest, WrittenBytesAreHandedOn_S74) {
  SplitDriverQueue queue(ring_, {});
  ASSERT_TRUE(Offer(queue, 1, 1, 2));  // 2 + 3 writable bytes.
  queue.Publish();
  Use(bare_.Avail(0), 5);
  std::array<UsedChain, 2> used;
  ASSERT_EQ(*queue.TakeUsed(used), 1u);
  EXPECT_EQ(used[0].bytes, 5u);
}

// Back-ends on rust-vmm's queue report the bytes that they read of a transmit
// chain, and nobody can have written past a buffer that nobody may write.
TEST_F(SplitDriverQueueTest, TheLengthOfAReadableChainIsIgnored) {
  SplitDriverQueue queue(ring_, {});
  ASSERT_TRUE(Offer(queue, 1, 2, 0));
  queue.Publish();
  Use(bare_.Avail(0), 1526);
  std::array<UsedChain, 2> used;
  ASSERT_EQ(*queue.TakeUsed(used), 1u);
  EXPECT_EQ(used[0].bytes, 0u);
  EXPECT_FALSE(queue.broken().has_value());
}

TEST_F(SplitDriverQueueTest, InOrderDescriptorsGoRoundTheTable) {
  SplitDriverQueue queue(ring_, {.in_order = true});
  ASSERT_TRUE(Offer(queue, 0, 3, 0));
  ASSERT_TRUE(Offer(queue, 1, 3, 0));
  queue.Publish();
  EXPECT_THAT((std::array{bare_.Avail(0), bare_.Avail(1)}), ElementsAre(0, 3));
  Use(0, 0);
  EXPECT_THAT(Cookies(queue), ElementsAre(0));
  ASSERT_TRUE(Offer(queue, 2, 4, 0));
  EXPECT_EQ(bare_.Avail(2), 6);
  EXPECT_EQ(bare_.Desc(6).next, 7);
  EXPECT_EQ(bare_.Desc(7).next, 0);
  EXPECT_EQ(bare_.Desc(0).next, 1);
  EXPECT_EQ(bare_.Desc(1).flags, 0);
}

TEST_F(SplitDriverQueueTest, InOrderOneElementStandsForABatch_D06) {
  SplitDriverQueue queue(ring_, {.in_order = true});
  ASSERT_TRUE(Offer(queue, 0, 0, 2));  // 1 + 2 writable bytes.
  ASSERT_TRUE(Offer(queue, 1, 2, 0));
  ASSERT_TRUE(Offer(queue, 2, 0, 1));
  ASSERT_TRUE(Offer(queue, 3, 0, 1));
  queue.Publish();
  // One element, at the entry of the batch's first chain, for three chains.
  bare_.SetUsed(0, {bare_.Avail(2), 0});
  bare_.set_used_idx(3);
  std::array<UsedChain, 8> used;
  ASSERT_EQ(*queue.TakeUsed(used), 3u);
  EXPECT_EQ(used[0].bytes, 3u);  // Skipped: written completely.
  EXPECT_EQ(used[1].bytes, 0u);
  EXPECT_EQ(used[2].bytes, 0u);  // The last one's length is in the ring.
  EXPECT_EQ(used[2].cookie, 2u);
  bare_.SetUsed(3, {bare_.Avail(3), 1});
  bare_.set_used_idx(4);
  EXPECT_THAT(Cookies(queue), ElementsAre(3));
  EXPECT_EQ(queue.free_count(), 8);
}

TEST_F(SplitDriverQueueTest, InOrderABatchIsTakenInPieces_D06) {
  SplitDriverQueue queue(ring_, {.in_order = true});
  for (uint32_t i = 0; i < 6; ++i) ASSERT_TRUE(Offer(queue, i, 0, 1));
  queue.Publish();
  bare_.SetUsed(0, {bare_.Avail(4), 1});
  bare_.set_used_idx(5);
  EXPECT_THAT(Cookies(queue, 2), ElementsAre(0, 1));
  ASSERT_TRUE(Offer(queue, 6, 0, 1));
  EXPECT_THAT(Cookies(queue, 2), ElementsAre(2, 3));
  EXPECT_THAT(Cookies(queue, 2), ElementsAre(4));
  EXPECT_THAT(Cookies(queue, 2), IsEmpty());
}

TEST_F(SplitDriverQueueTest, AnIndirectTableTakesOneDescriptor) {
  for (const bool in_order : {false, true}) {
    SplitDriverQueue queue(ring_, {.in_order = in_order});
    const std::span<std::byte> table = arena_.Take(3 * 16);
    const OfferedChain chain{.readable = std::span(buffers_).first(2),
                             .writable = std::span(buffers_).subspan(2, 1),
                             .cookie = 5,
                             .table_memory = table,
                             .table_addr = arena_.Addr(table.data())};
    ASSERT_TRUE(queue.Offer(chain));
    EXPECT_EQ(queue.free_count(), 7);
    const VirtqDesc desc = bare_.Desc(bare_.Avail(0));
    EXPECT_EQ(desc.addr, arena_.Addr(table.data()).value);
    EXPECT_EQ(desc.len, 48u);
    EXPECT_EQ(desc.flags, kDescFlagIndirect);
    std::array<VirtqDesc, 3> inside;
    std::memcpy(inside.data(), table.data(), 48);
    EXPECT_EQ(inside[0].next, 1);
    EXPECT_EQ(inside[1].next, 2);
    EXPECT_EQ(inside[1].flags, kDescFlagNext);
    EXPECT_EQ(inside[2].flags, kDescFlagWrite);
    EXPECT_EQ(inside[2].addr, 0x300u);
    queue.ReclaimAll([](uint32_t) {});
  }
  EXPECT_TRUE(arena_.GuardsIntact());
}

TEST_F(SplitDriverQueueTest, KicksAndInterruptsFollowTheFlags) {
  SplitDriverQueue queue(ring_, {});
  EXPECT_EQ(bare_.avail_flags(), 1);
  queue.SuppressInterrupts(false);
  EXPECT_EQ(bare_.avail_flags(), 0);
  EXPECT_TRUE(queue.DeviceWantsKick());
  bare_.set_used_flags(1);
  EXPECT_FALSE(queue.DeviceWantsKick());
  bare_.set_used_flags(2);
  EXPECT_TRUE(queue.DeviceWantsKick());
  queue.ReclaimAll([](uint32_t) {});
  EXPECT_EQ(bare_.avail_flags(), 0);  // The wish outlives the ring's content.
}

TEST_F(SplitDriverQueueTest, ReclaimAllHandsBackEverythingAndMends_D18) {
  SplitDriverQueue queue(ring_, {});
  for (uint32_t i = 0; i < 4; ++i) ASSERT_TRUE(Offer(queue, i, 1, 1));
  queue.Publish();
  Use(bare_.Avail(1), 0);
  EXPECT_THAT(Cookies(queue), ElementsAre(1));
  ASSERT_TRUE(Offer(queue, 9, 1, 0));  // Offered, never published.
  bare_.set_used_idx(77);
  std::array<UsedChain, 1> used;
  ASSERT_FALSE(queue.TakeUsed(used).has_value());
  ASSERT_FALSE(Offer(queue, 10, 1, 0));
  std::vector<uint32_t> lost;
  queue.ReclaimAll([&](uint32_t cookie) { lost.push_back(cookie); });
  EXPECT_THAT(lost, UnorderedElementsAre(0, 2, 3, 9));
  EXPECT_FALSE(queue.broken().has_value());
  EXPECT_EQ(queue.free_count(), 8);
  EXPECT_EQ(queue.in_flight(), 0);
  EXPECT_EQ(ring_.published.index, 0);
  EXPECT_EQ(bare_.avail_idx(), 0);
  EXPECT_EQ(bare_.used_idx(), 0);
  ASSERT_TRUE(Offer(queue, 11, 1, 0));
  queue.Publish();
  Use(bare_.Avail(0), 0);
  EXPECT_THAT(Cookies(queue), ElementsAre(11));
}

TEST_F(SplitDriverQueueTest, ABreakOfTheCallersIsKeptWithItsFirstReason) {
  SplitDriverQueue queue(ring_, {});
  queue.Break(Error::Make(ErrorCode::kProtocol, "a frame of 9 buffers"));
  queue.Break(Error::Make(ErrorCode::kProtocol, "another"));
  std::array<UsedChain, 1> used;
  EXPECT_EQ(queue.TakeUsed(used).error().text(), "a frame of 9 buffers");
  EXPECT_FALSE(Offer(queue, 1, 1, 0));
}

using SplitDriverQueueDeathTest = SplitDriverQueueTest;

TEST_F(SplitDriverQueueDeathTest, WhatOnlyTheCallerCanGetWrongEndsTheProcess) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  SplitDriverQueue queue(ring_, {});
  EXPECT_DEATH(queue.Offer({}), "buffer_count");
  const DeviceBuffer huge[] = {{{0}, 0xffffffff}, {{0}, 1}};
  OfferedChain chain{.writable = huge};
  EXPECT_DEATH(queue.Offer(chain), "bytes");
  chain.writable = std::span(huge).last(1);
  chain.table_memory = arena_.Take(8);
  EXPECT_DEATH(queue.Offer(chain), "table_memory");
  ring_.gate.Open();
  EXPECT_DEATH(queue.ReclaimAll([](uint32_t) {}), "gate");
}

}  // namespace
}  // namespace virtio_user
