// SPDX-License-Identifier: BSD-3-Clause
//
// What only a split ring has. The rest: driver_queue_test.

#include "virtio_user/ring/split_driver_queue.h"

#include <array>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/driver_queue_support.h"

namespace virtio_user {
namespace {

using ::testing::ElementsAre;

class SplitDriverQueueTest : public DriverQueueFixture<SplitAny> {
 protected:
  BareRing bare_{ring_.layout};
};
class SplitInOrderQueueTest : public DriverQueueFixture<SplitInOrder> {
 protected:
  std::vector<uint16_t> Entries() const {
    std::vector<uint16_t> entries;
    for (uint32_t i = 0; i < 8; ++i) entries.push_back(bare_.Avail(i));
    return entries;
  }

  BareRing bare_{ring_.layout};
};

TEST_F(SplitDriverQueueTest, TheIndexesGoRoundAfter65536) {
  for (uint32_t i = 0; i < 70000; ++i) {
    ASSERT_EQ(ring_.published.index, static_cast<uint16_t>(i));
    const std::vector<SeenChain> chains = OfferAndPop(1);
    ASSERT_EQ(bare_.avail_idx(), static_cast<uint16_t>(i + 1));
    device_.Use(chains[0], 1);
    ASSERT_THAT(Cookies(), ElementsAre(0));
  }
}

TEST_F(SplitDriverQueueTest, ADeviceNoticeHasTheIndexInItsUpperHalf) {
  EXPECT_EQ(queue_.NotificationData(3), 3u);
  (void)OfferAndPop(5);
  EXPECT_EQ(queue_.NotificationData(3), 0x50003u);
  EXPECT_EQ(queue_.NotificationData(0xffff), 0x5ffffu);
}

TEST_F(SplitDriverQueueTest, TheUsedIndexIsLoadedOnlyIfMoreIsWanted) {
  for (const SeenChain& chain : OfferAndPop(4)) device_.Use(chain, 1);
  EXPECT_THAT(Cookies(2), ElementsAre(0, 1));
  device_.SetUsedIndex(999);
  EXPECT_THAT(Cookies(2), ElementsAre(2, 3));
  EXPECT_FALSE(queue_.broken().has_value());
  EXPECT_TRUE(Take().empty());
  EXPECT_TRUE(queue_.broken().has_value());
}

TEST_F(SplitDriverQueueTest, OnlyNoNotifyIsLookedAt) {
  bare_.set_used_flags(0xfffe);
  EXPECT_TRUE(queue_.DeviceWantsKick());
  bare_.set_used_flags(0xffff);
  EXPECT_FALSE(queue_.DeviceWantsKick());
}

TEST_F(SplitInOrderQueueTest, DescriptorsGoRoundTheTable) {
  ASSERT_TRUE(Offer(0, 3, 0));
  ASSERT_TRUE(Offer(1, 3, 0));
  queue_.Publish();
  EXPECT_THAT((std::array{bare_.Avail(0), bare_.Avail(1)}), ElementsAre(0, 3));
  device_.Use(*device_.Pop(), 0);
  EXPECT_THAT(Cookies(), ElementsAre(0));
  ASSERT_TRUE(Offer(2, 4, 0));
  EXPECT_EQ(bare_.Avail(2), 6);
  EXPECT_EQ(bare_.Desc(6).next, 7);
  EXPECT_EQ(bare_.Desc(7).next, 0);
  EXPECT_EQ(bare_.Desc(0).next, 1);
  EXPECT_EQ(bare_.Desc(1).flags, 0);
}

TEST_F(SplitInOrderQueueTest, TheAvailableRingIsWrittenOnceForSingleBuffers) {
  EXPECT_THAT(Entries(), ElementsAre(0, 1, 2, 3, 4, 5, 6, 7));
  for (int round = 0; round < 20; ++round) {
    for (const SeenChain& chain : OfferAndPop(7)) device_.Use(chain, 1);
    ASSERT_EQ(Take().size(), 7u);
  }
  for (uint32_t i = 0; i < 8; ++i) bare_.SetAvail(i, 70);
  OfferAndPop(0);
  for (uint32_t i = 0; i < 8; ++i) ASSERT_TRUE(Offer(i, 1, 0));
  EXPECT_THAT(Entries(), ElementsAre(70, 70, 70, 70, 70, 70, 70, 70));
  (void)Reclaim();
  EXPECT_THAT(Entries(), ElementsAre(0, 1, 2, 3, 4, 5, 6, 7));
}

TEST_F(SplitInOrderQueueTest, ChainsAfterALongOneHaveTheirEntriesWritten) {
  ASSERT_TRUE(Offer(0, 2, 0));
  ASSERT_TRUE(Offer(1, 1, 0));
  queue_.OfferOne<BufferUse::kDeviceReads>({{1}, 1}, 2);
  EXPECT_THAT(Entries(), ElementsAre(0, 2, 3, 3, 4, 5, 6, 7));
  (void)Reclaim();
  ASSERT_TRUE(Offer(0, 1, 0));
  EXPECT_THAT(Entries(), ElementsAre(0, 1, 2, 3, 4, 5, 6, 7));
}

// The device was stopped and started: nothing is reclaimed, a new device goes
// on where the last one stood.
TEST_F(SplitInOrderQueueTest, AfterAStopTheQueueGoesOnWhereItStood) {
  const std::vector<SeenChain> chains = OfferAndPop(4);
  device_.Use(chains[0], 1);
  ring_.gate.Open();
  ring_.gate.Close();
  EXPECT_THAT(Cookies(), ElementsAre(0));
  device_.UseBatch(std::span(chains).last(3), 1);
  EXPECT_THAT(Cookies(), ElementsAre(1, 2, 3));
  EXPECT_EQ(ring_.published.index, 4);
}

}  // namespace
}  // namespace virtio_user
