// SPDX-License-Identifier: BSD-3-Clause
//
// The driver's side of a split ring against a device that lies in ways that
// only a split ring knows. The rest: driver_queue_hostile_test.

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/driver_queue_support.h"

namespace virtio_user {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Four chains (0 to 3) of 1 writable byte are with the device.
template <typename Kind>
class SplitHostileDevice : public DriverQueueFixture<Kind> {
 protected:
  SplitHostileDevice() : chains_(this->OfferAndPop(4)) {}

  void ExpectBroken(const std::string& reason) {
    EXPECT_THAT(this->Take(), IsEmpty());
    ASSERT_TRUE(this->queue_.broken().has_value());
    EXPECT_THAT(std::string(this->queue_.broken()->text()), HasSubstr(reason));
  }

  std::vector<SeenChain> chains_;
};
using SplitKinds = ::testing::Types<SplitAny, SplitInOrder>;
TYPED_TEST_SUITE(SplitHostileDevice, SplitKinds, KindNames);

TYPED_TEST(SplitHostileDevice, AnIdWithSurplusHighBitsIsNotCutToAValidOne_H18) {
  for (const uint32_t id : {0x10000u, 0x80000000u, 0xffffffffu}) {
    this->device_.UseId(id, 0);
    this->ExpectBroken("id " + std::to_string(id));
    EXPECT_EQ(this->Reclaim().size(), 4u);
    (void)this->OfferAndPop(4);
  }
}

TYPED_TEST(SplitHostileDevice, AnIndexBeyondWhatWasPublishedBreaksTheQueue) {
  this->device_.SetUsedIndex(5);
  this->ExpectBroken("used index 5: it was 0 and the device had 4 more");
}

TYPED_TEST(SplitHostileDevice, AnIndexThatRunsBackwardsBreaksTheQueue) {
  this->device_.Use(this->chains_[0], 0);
  this->device_.Use(this->chains_[1], 0);
  EXPECT_THAT(this->Cookies(), ElementsAre(0, 1));
  this->device_.SetUsedIndex(1);
  this->ExpectBroken("used index 1: it was 2");
}

TYPED_TEST(SplitHostileDevice, AnIndexThatTakesBackAnElementBreaksTheQueue) {
  this->device_.Use(this->chains_[0], 0);
  this->device_.Use(this->chains_[1], 0);
  EXPECT_THAT(this->Cookies(1), ElementsAre(0));
  this->device_.SetUsedIndex(1);
  this->ExpectBroken("used index 1: it was 2");
}

TYPED_TEST(SplitHostileDevice, TheAvailableRingIsNeverReadBack) {
  const BareRing bare(this->ring_.layout);
  for (uint32_t i = 0; i < 8; ++i) bare.SetAvail(i, 7);
  bare.set_avail_idx(999);
  for (const SeenChain& chain : this->chains_) this->device_.Use(chain, 1);
  EXPECT_THAT(this->Cookies(), ElementsAre(0, 1, 2, 3));
  ASSERT_TRUE(this->Offer(5, 1, 0));
  this->queue_.Publish();
  EXPECT_EQ(bare.avail_idx(), 5);
}

class SplitHostileInOrderDevice : public SplitHostileDevice<SplitInOrder> {};

TEST_F(SplitHostileInOrderDevice, ABatchLongerThanTheIndexBreaksTheQueue_D06) {
  device_.UseId(chains_[2].id, 0, 2);
  ExpectBroken("id 2 stands for 3 chains, but the index for 2");
  EXPECT_THAT(Reclaim(), ElementsAre(0, 1, 2, 3));
}

TEST_F(SplitHostileInOrderDevice, SoItDoesAfterChainsOfSeveralDescriptors) {
  for (const SeenChain& chain : chains_) device_.Use(chain, 1);
  ASSERT_EQ(Take().size(), 4u);
  ASSERT_TRUE(Offer(0, 3, 0));
  ASSERT_TRUE(Offer(1, 2, 0));
  ASSERT_TRUE(Offer(2, 1, 0));
  queue_.Publish();
  const std::vector<SeenChain> chains = PopAll();
  device_.UseId(chains[2].id, 0, 2);
  ExpectBroken("stands for 3 chains, but the index for 2");
  EXPECT_THAT(Reclaim(), ElementsAre(0, 1, 2));
}

}  // namespace
}  // namespace virtio_user
