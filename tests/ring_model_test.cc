// SPDX-License-Identifier: BSD-3-Clause

#include "backend_sim/ring_model.h"

#include <vector>

#include "gtest/gtest.h"

namespace {

using ::backend_sim::ChainLedger;
using ::backend_sim::DecodeBase;
using ::backend_sim::EncodeBase;
using ::backend_sim::RegionDescription;
using ::backend_sim::RingAddresses;
using ::backend_sim::RingBase;
using ::backend_sim::RingInside;
using ::virtio_user::RingFormat;
using ::virtio_user::RingPosition;

TEST(RingModelTest, TheBaseOfASplitRingIsItsIndex) {
  for (const uint32_t base : {0u, 1u, 32768u, 65535u}) {
    const RingBase decoded = DecodeBase(RingFormat::kSplit, base);
    EXPECT_EQ(decoded.next_avail.index, base);
    EXPECT_EQ(decoded.next_used.index, base);
    EXPECT_EQ(EncodeBase(RingFormat::kSplit, decoded), base);
  }
}

TEST(RingModelTest, TheBaseOfAPackedRingHasTwoIndexesWithTheirWrapCounters) {
  const RingBase decoded = DecodeBase(RingFormat::kPacked, 0x8003'0007);
  EXPECT_EQ(decoded.next_avail, (RingPosition{7, false}));
  EXPECT_EQ(decoded.next_used, (RingPosition{3, true}));
  EXPECT_EQ(EncodeBase(RingFormat::kPacked, decoded), 0x8003'0007u);
  EXPECT_EQ(EncodeBase(RingFormat::kPacked, {}), 0x8000'8000u);
  EXPECT_EQ(DecodeBase(RingFormat::kPacked, 0xffff'ffff).next_avail,
            (RingPosition{32767, true}));
}

TEST(RingModelTest, APackedBaseOf16BitsHasNothingInFlight) {
  const RingBase decoded = DecodeBase(RingFormat::kPacked, 0x8005);
  EXPECT_EQ(decoded.next_avail, (RingPosition{5, true}));
  EXPECT_EQ(decoded.next_used, (RingPosition{5, true}));
}

TEST(RingModelTest, TheAreasOfAPackedRingAreItsDescriptorsAndFourBytesEach) {
  const std::vector<RegionDescription> regions = {
      {.guest = 0, .size = 4096, .user = 0x10000, .offset = 0}};
  const auto inside = [&](const RingAddresses& addresses) {
    return RingInside(addresses, {RingFormat::kPacked, 255}, regions);
  };
  EXPECT_TRUE(inside({0x10010, 0x10000, 0x10004}));
  EXPECT_TRUE(inside({0x10000, 0x10ffc, 0x10ffc}));
  EXPECT_FALSE(inside({0x10020, 0x10000, 0x10004}));
  EXPECT_FALSE(inside({0x10000, 0x10ffd, 0x10000}));
  EXPECT_FALSE(inside({0x10000, 0x10000, 0x10ffd}));
}

TEST(RingModelTest, ALedgerKnowsWhichIdsAreOut) {
  ChainLedger ledger;
  EXPECT_TRUE(ledger.Take(65535));
  EXPECT_TRUE(ledger.Take(0));
  EXPECT_FALSE(ledger.Take(65535));
  ledger.Give(65535);
  EXPECT_TRUE(ledger.Take(65535));
}

}  // namespace
