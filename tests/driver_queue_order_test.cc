// SPDX-License-Identifier: BSD-3-Clause
//
// Driver queues of both formats and the order in which chains come back.

#include <span>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/driver_queue_support.h"

namespace virtio_user {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

template <typename Kind>
class AnyOrderTest : public DriverQueueFixture<Kind> {};
TYPED_TEST_SUITE(AnyOrderTest, AnyOrderKinds, KindNames);

TYPED_TEST(AnyOrderTest, UsedChainsComeBackInTheDevicesOrder_D13) {
  for (uint32_t i = 0; i < 4; ++i) ASSERT_TRUE(this->Offer(i, 0, 1 + i % 2));
  this->queue_.Publish();
  const std::vector<SeenChain> chains = this->PopAll();
  this->device_.Use(chains[3], 3);
  this->device_.Use(chains[0], 0);
  this->device_.Use(chains[2], 1);
  EXPECT_THAT(this->Cookies(), ElementsAre(3, 0, 2));
  this->device_.Use(chains[1], 0);
  EXPECT_THAT(this->Cookies(), ElementsAre(1));
  EXPECT_EQ(this->queue_.in_flight(), 0);
  EXPECT_EQ(this->queue_.free_count(), 8);
}

TYPED_TEST(AnyOrderTest, AChainMayStayWithTheDeviceFor200000Others_D13) {
  const SeenChain held = this->OfferAndPop(1)[0];
  for (uint32_t i = 0; i < 200000; ++i) {
    ASSERT_TRUE(this->Offer(i, 1 + i % 2, 0));
    this->queue_.Publish();
    this->device_.Use(*this->device_.Pop(), 0);
    ASSERT_THAT(this->Cookies(), ElementsAre(i));
  }
  this->device_.Use(held, 1);
  EXPECT_THAT(this->Cookies(), ElementsAre(0));
  EXPECT_EQ(this->queue_.free_count(), 8);
}

template <typename Kind>
class InOrderTest : public DriverQueueFixture<Kind> {};
TYPED_TEST_SUITE(InOrderTest, InOrderKinds, KindNames);

TYPED_TEST(InOrderTest, OneElementStandsForABatch_D06) {
  for (uint32_t round = 0; round < 20; ++round) {
    ASSERT_TRUE(this->Offer(0, 0, 2));  // 1 + 2 writable bytes.
    ASSERT_TRUE(this->Offer(1, 2, 0));
    ASSERT_TRUE(this->Offer(2, 0, 1));
    ASSERT_TRUE(this->Offer(3, 0, 1));
    this->queue_.Publish();
    const std::vector<SeenChain> chains = this->PopAll();
    this->device_.UseBatch(std::span(chains).first(3), 0);
    const auto used = this->Take();
    ASSERT_EQ(used.size(), 3u);
    EXPECT_EQ(used[0].bytes, 3u);  // Skipped: written completely.
    EXPECT_EQ(used[1].bytes, 0u);
    EXPECT_EQ(used[2].bytes, 0u);  // The last one's length is in the ring.
    EXPECT_EQ(used[2].cookie, 2u);
    this->device_.Use(chains[3], 1);
    EXPECT_THAT(this->Cookies(), ElementsAre(3));
    EXPECT_EQ(this->queue_.free_count(), 8);
  }
}

TYPED_TEST(InOrderTest, ABatchIsTakenInPieces_D06) {
  const std::vector<SeenChain> chains = this->OfferAndPop(6);
  this->device_.UseBatch(std::span(chains).first(5), 1);
  EXPECT_THAT(this->Cookies(2), ElementsAre(0, 1));
  ASSERT_TRUE(this->Offer(6, 0, 1));
  this->queue_.Publish();
  EXPECT_THAT(this->Cookies(2), ElementsAre(2, 3));
  this->device_.Use(chains[5], 1);
  EXPECT_THAT(this->Cookies(2), ElementsAre(4, 5));
  EXPECT_THAT(this->Cookies(2), IsEmpty());
}

TYPED_TEST(InOrderTest, ABatchMayBeTheWholeRing_D06) {
  for (uint32_t round = 0; round < 20; ++round) {
    this->device_.UseBatch(this->OfferAndPop(8), 1);
    EXPECT_EQ(this->Take().size(), 8u);
    this->device_.UseBatch(this->OfferAndPop(3), 1);
    EXPECT_THAT(this->Cookies(), ElementsAre(0, 1, 2));
  }
}

TYPED_TEST(InOrderTest, ReclaimAllHandsBackWhatIsLeftOfABatch) {
  this->device_.UseBatch(this->OfferAndPop(5), 1);
  EXPECT_THAT(this->Cookies(2), ElementsAre(0, 1));
  EXPECT_THAT(this->Reclaim(), ElementsAre(2, 3, 4));
  EXPECT_THAT(this->Cookies(2), IsEmpty());
  // Nothing of the batch is left.
  this->queue_.template OfferOne<BufferUse::kDeviceWrites>({{0x100}, 9}, 7);
  this->queue_.template OfferOne<BufferUse::kDeviceWrites>({{0x100}, 9}, 8);
  this->queue_.Publish();
  EXPECT_THAT(this->Cookies(2), IsEmpty());
}

}  // namespace
}  // namespace virtio_user
