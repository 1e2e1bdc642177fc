// SPDX-License-Identifier: BSD-3-Clause
//
// The status of a vDPA device, and its reset.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

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

TEST(VhostVdpaStatusTest, ADeviceThatRefusesTheFeaturesIsReset) {
  VdpaPersonality personality = VdpaPersonality::Bare();
  personality.accepts_features_ok = false;
  VdpaRig rig(personality);
  ASSERT_TRUE(rig.Prepare());
  const auto started = rig.device->Start();
  EXPECT_EQ(CodeOf(started), ErrorCode::kRefused);
  EXPECT_THAT(TextOf(started), HasSubstr("not the features"));
  EXPECT_EQ(rig.vdpa.status(), 0);
  EXPECT_EQ(rig.device->state(), DeviceState::kNegotiated);
}

// Whoever is told of such a failure has not touched the status yet.
TEST(VhostVdpaStatusTest, FeaturesThatCannotBeSetLeaveAStatusOf0) {
  AttachedVdpa whole;
  const uint64_t before = whole.server.call_count();
  ASSERT_TRUE(whole.owned->SetFeatures({Feature::kVersion1}));
  const uint64_t calls = whole.server.call_count() - before;
  ASSERT_GE(calls, 4u);
  for (uint64_t nth = 1; nth <= calls; ++nth) {
    AttachedVdpa rig;
    rig.server.FailCall(nth, EIO);
    EXPECT_FALSE(rig.owned->SetFeatures({Feature::kVersion1})) << nth;
    EXPECT_EQ(rig.vdpa.status(), 0) << nth;
  }
}

TEST(VhostVdpaStatusTest, AResetThatNeverEndsIsADeadline) {
  VdpaRig rig;
  ASSERT_TRUE(rig.Run());
  rig.vdpa.personality().reset_ends = false;
  const Duration before = rig.clock.now();
  const auto stopped = rig.device->Stop();
  EXPECT_EQ(CodeOf(stopped), ErrorCode::kDeadline);
  EXPECT_THAT(TextOf(stopped), HasSubstr("stays 0x0f"));
  EXPECT_GE(rig.clock.now() - before, kDefaultCallBudget);
  EXPECT_LT(rig.clock.now() - before, 2 * kDefaultCallBudget);
  EXPECT_EQ(rig.device->state(), DeviceState::kNeedsReset);
  EXPECT_FALSE(rig.vdpa.is_open());
}

// Some drivers of the kernel forget with a reset whom to tell of changes.
TEST(VhostVdpaStatusTest, AfterEachStartChangesOfTheConfigurationAreTold) {
  for (const bool forgets : {true, false}) {
    VdpaPersonality personality = VdpaPersonality::Bare();
    personality.reset_forgets_config_call = forgets;
    VdpaRig rig(personality);
    ASSERT_TRUE(rig.Run());
    for (int round = 0; round < 2; ++round) {
      ASSERT_TRUE(rig.device->Stop());
      ASSERT_TRUE(rig.device->Start());
      (void)rig.device->Poll();
      rig.vdpa.SetLink(false);
      EXPECT_EQ(rig.fds.FileOf(rig.device->PollFd())->counter(), 1u);
    }
  }
}

}  // namespace
}  // namespace virtio_user
