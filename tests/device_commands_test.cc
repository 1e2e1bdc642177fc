// SPDX-License-Identifier: BSD-3-Clause
//
// Commands for a control queue of the device's own, and its configuration.

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
using testing::ElementsAre;
using testing_support::VdpaRig;

constexpr DeviceOptions kFour = {.queue_pairs = 4, .control_queue = true};
constexpr DeviceOptions kOne = {.queue_pairs = 1, .control_queue = true};

uint8_t Promiscuous(VdpaRig& rig, uint8_t on) {
  return rig.driver->Command(CtrlClass::kRx, kCtrlRxPromisc, {on});
}

TEST(DeviceCommandsTest, AResetDeviceIsToldEverythingAgain) {
  VdpaRig rig(VdpaPersonality::Full());
  ASSERT_TRUE(rig.Run(kFour));
  ASSERT_EQ(Promiscuous(rig, 1), kCtrlAckOk);
  ASSERT_EQ(rig.driver->Command(CtrlClass::kVlan, kCtrlVlanAdd, {7, 0}), 0);
  ASSERT_EQ(rig.driver->Command(CtrlClass::kVlan, kCtrlVlanAdd, {8, 0}), 0);
  ASSERT_EQ(rig.driver->Command(CtrlClass::kVlan, kCtrlVlanDel, {7, 0}), 0);
  ASSERT_EQ(rig.driver->SetPairs(3), kCtrlAckOk);
  ASSERT_EQ(Promiscuous(rig, 0), kCtrlAckOk);
  (void)rig.vdpa.TakeCommands();
  ASSERT_TRUE(rig.device->Reattach());
  ASSERT_TRUE(rig.device->Start());
  EXPECT_THAT(rig.vdpa.TakeCommands(),
              ElementsAre("2 0 8 0 = 0", "4 0 3 0 = 0", "0 0 0 = 0"));
  EXPECT_EQ(rig.device->active_pairs(), 3);
  // The driver ends the use of further pairs itself.
  ASSERT_TRUE(rig.device->Stop());
  ASSERT_TRUE(rig.device->Start());
  EXPECT_THAT(rig.vdpa.TakeCommands(), ElementsAre("2 0 8 0 = 0", "0 0 0 = 0"));
  EXPECT_EQ(rig.device->active_pairs(), 1);
}

TEST(DeviceCommandsTest, TheUsersAddressIsTold) {
  VdpaRig rig(VdpaPersonality::Full());
  DeviceOptions options = kOne;
  options.mac = MacAddress{{2, 0, 0, 0, 0, 5}};
  ASSERT_TRUE(rig.Run(options));
  EXPECT_THAT(rig.vdpa.TakeCommands(), ElementsAre("1 1 2 0 0 0 0 5 = 0"));
}

TEST(DeviceCommandsTest, TheDevicesCableIsTheLink) {
  VdpaRig rig(VdpaPersonality::Full());
  ASSERT_TRUE(rig.Run(kOne));
  EXPECT_EQ(rig.device->config_status(), kNetStatusLinkUp);
  rig.vdpa.SetLink(false);
  EXPECT_EQ(rig.fds.FileOf(rig.device->PollFd())->counter(), 1u);
  EXPECT_TRUE(rig.device->Poll().link_changed);
  EXPECT_EQ(rig.device->link(), LinkState::kNoCarrier);
  EXPECT_EQ(rig.device->config_status(), 0);
  EXPECT_EQ(rig.device->state(), DeviceState::kRunning);
  rig.vdpa.SetLink(true);
  EXPECT_TRUE(rig.device->Poll().link_changed);
  EXPECT_EQ(rig.device->config_status(), kNetStatusLinkUp);
}

TEST(DeviceCommandsTest, AnAnnouncementIsTheDriversUntilItsAckReachesIt) {
  VdpaRig rig(VdpaPersonality::Full());
  ASSERT_TRUE(rig.Run(kOne));
  rig.vdpa.AskToAnnounce();
  EXPECT_TRUE(rig.device->Poll().announce_asked);
  EXPECT_FALSE(rig.device->Poll().announce_asked);
  EXPECT_EQ(rig.device->config_status(), kNetStatusLinkUp | kNetStatusAnnounce);
  EXPECT_EQ(rig.driver->Command(CtrlClass::kAnnounce, kCtrlAnnounceAck, {}),
            kCtrlAckOk);
  EXPECT_EQ(rig.device->config_status(), kNetStatusLinkUp);
  EXPECT_THAT(rig.vdpa.TakeCommands(), ElementsAre("3 0 = 0"));
  EXPECT_FALSE(rig.device->Poll().announce_asked);
}

}  // namespace
}  // namespace virtio_user
