// SPDX-License-Identifier: BSD-3-Clause
//
// What a vDPA device says of itself.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>
#include <vector>

#include "tests/fakes/outcome.h"
#include "tests/fakes/vdpa_rig.h"

namespace virtio_user {
namespace {

using backend_sim::VdpaPersonality;
using testing::HasSubstr;
using testing_support::AttachedVdpa;
using testing_support::CodeOf;
using testing_support::TextOf;
using testing_support::VdpaRig;

TEST(VhostVdpaLimitsTest, LiesAboutSizesAreProtocolErrors) {
  VdpaPersonality no_rings = VdpaPersonality::Bare();
  no_rings.max_num = 0;
  VdpaPersonality no_config = VdpaPersonality::Bare();
  no_config.said_config_bytes = 0;
  VdpaPersonality large_config = VdpaPersonality::Bare();
  large_config.said_config_bytes = 1 << 20;
  VdpaPersonality no_range = VdpaPersonality::Bare();
  no_range.first_iova = 2;
  no_range.last_iova = 1;
  for (const VdpaPersonality& lie :
       {no_rings, no_config, large_config, no_range}) {
    VdpaRig rig(lie);
    EXPECT_EQ(CodeOf(rig.Create({})), ErrorCode::kProtocol);
    EXPECT_FALSE(rig.vdpa.is_open());
    EXPECT_EQ(rig.device_fds(), 0u);
    // After the first lie nothing more is asked.
    EXPECT_EQ(std::ranges::any_of(rig.calls.Take(),
                                  [](const std::string& call) {
                                    return call.starts_with(
                                        "VHOST_VDPA_GET_VRING_NUM");
                                  }),
              lie.first_iova <= lie.last_iova);
  }
}

TEST(VhostVdpaLimitsTest, AnOldKernelWithoutTheNewRequestsWillDo) {
  VdpaPersonality personality = VdpaPersonality::Bare();
  personality.knows_new_requests = false;
  VdpaRig rig(personality);
  ASSERT_TRUE(rig.Run());
  ASSERT_TRUE(rig.device->Stop());
  EXPECT_EQ(rig.Complaints(), "");
}

TEST(VhostVdpaLimitsTest, PairsThatCannotBeReadAreTheKernelsError) {
  AttachedVdpa rig(VdpaPersonality::Full());
  ASSERT_TRUE(rig.owned->GetFeatures());
  const std::vector<std::string> calls = rig.calls.Take();
  const auto read = std::ranges::find_if(calls, [](const std::string& call) {
    return call.starts_with("VHOST_VDPA_GET_CONFIG ");
  });
  ASSERT_NE(read, calls.end());
  rig.server.FailCall(1 + (read - calls.begin()), EIO);
  const auto offered = rig.owned->GetFeatures();
  ASSERT_FALSE(offered);
  EXPECT_EQ(offered.error().sys_errno(), EIO);
  EXPECT_THAT(TextOf(offered),
              HasSubstr("VHOST_VDPA_GET_CONFIG of 2 bytes at 8"));
}

TEST(VhostVdpaLimitsTest, WhoOffersNoPairsAnyLongerHasOne) {
  AttachedVdpa rig(VdpaPersonality::Full());
  EXPECT_EQ(rig.owned->caps().max_queue_pairs, 4);
  rig.vdpa.personality().features &= ~(uint64_t{1} << 22 | uint64_t{1} << 60);
  ASSERT_TRUE(rig.owned->GetFeatures());
  EXPECT_EQ(rig.owned->caps().max_queue_pairs, 1);
}

TEST(VhostVdpaLimitsTest, TheConfigurationIsReadAndWrittenWithinItsSize) {
  AttachedVdpa rig;
  std::array<std::byte, 6> mac{};
  ASSERT_TRUE(rig.owned->GetConfig(0, mac));
  EXPECT_EQ(mac[0], std::byte{0x02});
  EXPECT_EQ(mac[5], std::byte{0x01});
  mac[5] = std::byte{9};
  ASSERT_TRUE(rig.owned->SetConfig(0, mac));
  EXPECT_EQ(rig.vdpa.personality().config[5], std::byte{9});
  EXPECT_EQ(CodeOf(rig.owned->GetConfig(24, mac)), ErrorCode::kRefused);
  EXPECT_EQ(CodeOf(rig.owned->GetConfig(UINT32_MAX, mac)), ErrorCode::kRefused);
  EXPECT_EQ(CodeOf(rig.owned->SetConfig(19, mac)), ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace virtio_user
