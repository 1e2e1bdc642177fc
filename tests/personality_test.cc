// SPDX-License-Identifier: BSD-3-Clause

#include "backend_sim/personality.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace {

using ::backend_sim::CompletionOrder;
using ::backend_sim::FindPersonality;
using ::backend_sim::FrameSpread;
using ::backend_sim::HasBit;
using ::backend_sim::NumBuffersLie;
using ::backend_sim::Personality;
using ::backend_sim::PersonalityNames;
using ::testing::ElementsAre;

TEST(PersonalityTest, EachNameFindsAPersonalityOfThatName) {
  EXPECT_THAT(
      PersonalityNames(),
      ElementsAre("conforming", "lib-vhost", "legacy", "out-of-order",
                  "in-order-batch", "delayed-flush", "many-buffers",
                  "small-pieces", "inflight", "hostile-num-buffers", "vpp-like",
                  "strict", "slow", "crash-prone", "hostile"));
  for (const std::string_view name : PersonalityNames()) {
    const auto found = FindPersonality(name);
    ASSERT_TRUE(found.has_value());
    EXPECT_EQ(found->name, name);
    EXPECT_EQ(found->hostile, name.starts_with("hostile"));
  }
}

TEST(PersonalityTest, AnotherNameFindsNothing) {
  for (const std::string_view name : {"", "Conforming", "legacy ", "x"}) {
    EXPECT_FALSE(FindPersonality(name).has_value());
  }
}

TEST(PersonalityTest, LibVhostOffersWhatItsReleaseOffers) {
  // VIRTIO_NET_SUPPORTED_FEATURES of 22.11.
  EXPECT_EQ(Personality::LibVhost().features, 0xd7c66ffcbu);
  EXPECT_TRUE(Personality::LibVhost().has_short_base);
}

TEST(PersonalityTest, AConformingOneOffersAllRingFeatures) {
  const uint64_t features = Personality::Conforming().features;
  for (const unsigned bit : {28u, 29u, 32u, 34u, 35u}) {
    EXPECT_TRUE(HasBit(features, bit)) << bit;
  }
  EXPECT_FALSE(HasBit(features, 38));  // NOTIFICATION_DATA.
}

TEST(PersonalityTest, TheNamedOnesBehaveAsTheirNamesSay) {
  const auto shuffled = FindPersonality("out-of-order");
  EXPECT_EQ(shuffled->rings.order, CompletionOrder::kShuffled);
  EXPECT_FALSE(HasBit(shuffled->features, 35));
  EXPECT_TRUE(FindPersonality("in-order-batch")->rings.in_order_batches);
  EXPECT_GT(FindPersonality("delayed-flush")->rings.flush_frames, 1u);
  EXPECT_EQ(FindPersonality("many-buffers")->rings.spread, FrameSpread::kMost);
  EXPECT_NE(FindPersonality("small-pieces")->rings.piece_bytes, 0u);
  EXPECT_TRUE(HasBit(FindPersonality("inflight")->protocol_features, 12));
  EXPECT_EQ(FindPersonality("hostile-num-buffers")->num_buffers_lie,
            NumBuffersLie::kAny);
}

}  // namespace
