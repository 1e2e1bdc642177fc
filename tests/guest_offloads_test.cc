// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/device/guest_offloads.h"

#include <array>
#include <cstdint>
#include <utility>

#include "gtest/gtest.h"

namespace virtio_user {
namespace {

// Bit of the mask, bit of the feature (virtio 1.4, "Setting Offloads State").
constexpr std::array<std::pair<unsigned, unsigned>, 9> kOffloads = {{
    {1, 1},    // GUEST_CSUM
    {7, 7},    // GUEST_TSO4
    {8, 8},    // GUEST_TSO6
    {9, 9},    // GUEST_ECN
    {10, 10},  // GUEST_UFO
    {46, 65},  // GUEST_UDP_TUNNEL_GSO
    {47, 66},  // GUEST_UDP_TUNNEL_GSO_CSUM
    {54, 54},  // GUEST_USO4
    {55, 55},  // GUEST_USO6
}};
constexpr uint32_t kSubsets = uint32_t{1} << kOffloads.size();

uint64_t MaskOf(uint32_t subset) {
  uint64_t mask = 0;
  for (size_t i = 0; i < kOffloads.size(); ++i) {
    if ((subset >> i & 1) != 0) mask |= uint64_t{1} << kOffloads[i].first;
  }
  return mask;
}

FeatureSet FeaturesOf(uint32_t subset) {
  FeatureSet features;
  for (size_t i = 0; i < kOffloads.size(); ++i) {
    if ((subset >> i & 1) == 0) continue;
    features = features | FeatureSet::FromBit(kOffloads[i].second);
  }
  return features;
}

TEST(GuestOffloadsTest, EveryMaskIsLegalIfAndOnlyIfItsFeaturesWereAccepted) {
  uint32_t legal = 0;
  for (uint32_t accepted = 0; accepted < kSubsets; ++accepted) {
    for (uint32_t asked = 0; asked < kSubsets; ++asked) {
      const auto enabled =
          DecodeGuestOffloads(MaskOf(asked), FeaturesOf(accepted));
      ASSERT_EQ(enabled.has_value(), (asked & ~accepted) == 0);
      if (!enabled) continue;
      ASSERT_EQ(*enabled, FeaturesOf(asked));
      ++legal;
    }
  }
  EXPECT_EQ(legal, 19683u);  // 3 to the power of 9.
}

// Features that stand for no offload of the driver's, accepted or not.
TEST(GuestOffloadsTest, ABitThatIsNoOffloadIsNeverLegal) {
  unsigned illegal = 0;
  for (unsigned bit = 0; bit < 64; ++bit) {
    const uint64_t mask = uint64_t{1} << bit;
    if ((mask & MaskOf(kSubsets - 1)) != 0) continue;
    ++illegal;
    EXPECT_EQ(DecodeGuestOffloads(mask, ~FeatureSet()), std::nullopt) << bit;
    EXPECT_EQ(DecodeGuestOffloads(mask | 2, ~FeatureSet()), std::nullopt)
        << bit;
  }
  EXPECT_EQ(illegal, 55u);
}

// 46 and 47 are the masks' names for features that lie beyond 64 bits.
TEST(GuestOffloadsTest, AFeatureWhoseBitOnlyLooksLikeAnOffloadIsNone) {
  EXPECT_EQ(DecodeGuestOffloads(uint64_t{1} << 46, FeatureSet::FromBit(46) |
                                                       FeatureSet::FromBit(47)),
            std::nullopt);
}

}  // namespace
}  // namespace virtio_user
