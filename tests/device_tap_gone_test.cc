// SPDX-License-Identifier: BSD-3-Clause
//
// A device on the simulated vhost-net whose tap is taken away (ip link del).

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/fakes/vhost_net_rig.h"

namespace virtio_user {
namespace {

using testing::HasSubstr;
using testing_support::VhostNetRig;

TEST(DeviceTapGone, ATapThatIsTakenAwayIsNoticedAndMadeAnew) {
  VhostNetRig rig;
  ASSERT_TRUE(rig.Run(2));
  EXPECT_FALSE(rig.device->Poll().needs_reset);

  rig.world.taps().RemoveInterface("tap0");

  const DeviceEvents events = rig.device->Poll();
  EXPECT_TRUE(events.needs_reset);
  EXPECT_TRUE(events.link_changed);
  EXPECT_EQ(events.reason.value().code(), ErrorCode::kDisconnected);
  EXPECT_EQ(rig.device->state(), DeviceState::kNeedsReset);
  ASSERT_TRUE(rig.device->Reattach());
  ASSERT_TRUE(rig.device->Start());
  EXPECT_EQ(rig.RunningRings(), 2u);
  EXPECT_EQ(rig.Complaints(), "");
}

TEST(DeviceTapGone, ATapThatIsGoneIsARemedyInEachCallThatNeedsIt) {
  VhostNetRig rig;
  ASSERT_TRUE(rig.Run(2));
  rig.world.taps().RemoveInterface("tap0");

  // Needs the second queue.
  EXPECT_EQ(rig.driver->SetPairs(2), kCtrlAckErr);

  EXPECT_EQ(rig.device->state(), DeviceState::kNeedsReset);
  const DeviceEvents events = rig.device->Poll();
  ASSERT_TRUE(events.reason);
  EXPECT_EQ(events.reason->code(), ErrorCode::kDisconnected);
  EXPECT_THAT(std::string(events.reason->text()), HasSubstr("reattach"));
}

TEST(DeviceTapGone, AStartOnATapThatIsGoneSaysSo) {
  VhostNetRig rig;
  ASSERT_TRUE(rig.Run(1));
  ASSERT_TRUE(rig.device->Stop());
  rig.world.taps().RemoveInterface("tap0");

  const auto started = rig.device->Start();

  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code(), ErrorCode::kDisconnected);
  EXPECT_THAT(std::string(started.error().text()), HasSubstr("reattach"));
  EXPECT_EQ(rig.device->state(), DeviceState::kNeedsReset);
}

}  // namespace
}  // namespace virtio_user
