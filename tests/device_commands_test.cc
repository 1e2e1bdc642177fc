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
#include "tests/fakes/recording_rig.h"
#include "tests/fakes/vdpa_rig.h"

namespace virtio_user {
namespace {

using backend_sim::VdpaControlMode;
using backend_sim::VdpaPersonality;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing_support::RecordingRig;
using testing_support::VdpaRig;

// Where max_virtqueue_pairs lies.
constexpr size_t kNetConfigPairsOffset = 8;

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

// What it says of itself is heard before what it says is read: the other way
// round a change in between would be heard of, and not seen.
TEST(DeviceCommandsTest, ACableThatIsPulledMeanwhileIsSeen) {
  RecordingRig rig;
  rig.backend->capabilities.config = true;
  rig.backend->capabilities.config_events = true;
  rig.backend->features.Add(Feature::kNetStatus);
  rig.backend->config.resize(kNetConfigFrontBytes);
  rig.backend->config[kNetConfigStatusOffset] = std::byte{kNetStatusLinkUp};
  rig.backend->config[kNetConfigPairsOffset] = std::byte{128};
  const auto run = rig.Run(1);
  ASSERT_TRUE(run) << run.error().text();
  (void)rig.device->Poll();
  ASSERT_EQ(rig.device->link(), LinkState::kUp);
  rig.backend->on_news = [&] {
    rig.backend->config[kNetConfigStatusOffset] = std::byte{0};
  };
  EXPECT_TRUE(rig.device->Poll().link_changed);
  EXPECT_EQ(rig.device->link(), LinkState::kNoCarrier);
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

// A device that lost its table of filters, say, is no reason to have no
// packets.
TEST(DeviceCommandsTest, ACommandThatIsRefusedWhenItIsSaidAgainIsForgotten) {
  VdpaRig rig(VdpaPersonality::Full());
  ASSERT_TRUE(rig.Run(kFour));
  ASSERT_EQ(Promiscuous(rig, 1), kCtrlAckOk);
  ASSERT_TRUE(rig.device->Stop());
  (void)rig.device->Poll();
  (void)rig.vdpa.TakeCommands();
  rig.vdpa.personality().control = VdpaControlMode::kRefuses;
  const auto started = rig.device->Start();
  EXPECT_TRUE(started) << started.error().text();
  EXPECT_EQ(rig.device->state(), DeviceState::kRunning);
  EXPECT_THAT(rig.vdpa.TakeCommands(), ElementsAre("0 0 1 = 1"));
  const DeviceEvents events = rig.device->Poll();
  ASSERT_TRUE(events.command_refused);
  EXPECT_THAT(events.command_refused->text(),
              HasSubstr("refuses control command 0 of class 0"));
  rig.vdpa.personality().control = VdpaControlMode::kServes;
  ASSERT_TRUE(rig.device->Stop());
  ASSERT_TRUE(rig.device->Start());
  EXPECT_THAT(rig.vdpa.TakeCommands(), IsEmpty());
}

TEST(DeviceCommandsTest, PairsThatAreRefusedWhenTheyAreSaidAgainAreOff) {
  VdpaRig rig(VdpaPersonality::Full());
  ASSERT_TRUE(rig.Run(kFour));
  ASSERT_EQ(rig.driver->SetPairs(3), kCtrlAckOk);
  ASSERT_TRUE(rig.device->Reattach());
  rig.vdpa.personality().control = VdpaControlMode::kRefuses;
  ASSERT_TRUE(rig.device->Start());
  EXPECT_EQ(rig.device->active_pairs(), 1);
  EXPECT_TRUE(rig.device->Poll().pairs_refused);
}

// Whatever a device makes of it, a start comes back.
TEST(DeviceCommandsTest, AllCommandsThatAreSaidAgainHaveOneDeadline) {
  RecordingRig rig;
  rig.backend->capabilities.own_control_queue = true;
  rig.backend->features.Add(Feature::kNetCtrlVq);
  rig.backend->features.Add(Feature::kNetCtrlVlan);
  ASSERT_TRUE(rig.Run(1));
  for (const uint8_t vlan : {5, 6, 7}) {
    ASSERT_EQ(rig.driver->Command(CtrlClass::kVlan, kCtrlVlanAdd, {vlan, 0}),
              kCtrlAckOk);
  }
  ASSERT_TRUE(rig.device->Stop());
  const size_t begun = rig.backend->calls_begun();
  ASSERT_TRUE(rig.device->Start());
  EXPECT_EQ(rig.backend->calls_begun() - begun, 2u);
  EXPECT_EQ(rig.backend->last_budget(), 5 * kDefaultCallBudget);
}

// Else packets would come that the driver has asked not to get.
TEST(DeviceCommandsTest,
     OffloadsThatAreRefusedWhenTheyAreSaidAgainEndTheStart) {
  VdpaRig rig(VdpaPersonality::Full());
  ASSERT_TRUE(rig.Run(kOne));
  ASSERT_EQ(
      rig.driver->Command(CtrlClass::kGuestOffloads, kCtrlGuestOffloadsSet,
                          {0, 0, 0, 0, 0, 0, 0, 0}),
      kCtrlAckOk);
  ASSERT_TRUE(rig.device->Stop());
  rig.vdpa.personality().control = VdpaControlMode::kRefuses;
  EXPECT_FALSE(rig.device->Start());
  EXPECT_EQ(rig.device->state(), DeviceState::kNegotiated);
  EXPECT_TRUE(rig.device->Poll().offloads_refused);
  rig.vdpa.personality().control = VdpaControlMode::kServes;
  EXPECT_TRUE(rig.device->Start());
}

// Nobody is there while the driver asks for more than it has rings for.
TEST(DeviceCommandsTest, NoMorePairsAreSaidAgainThanHaveRings) {
  VdpaRig rig(VdpaPersonality::Full());
  ASSERT_TRUE(rig.Create(kFour));
  ASSERT_TRUE(rig.driver->SetUp(2));
  ASSERT_TRUE(rig.device->Start());
  rig.vdpa.Fail();
  ASSERT_TRUE(rig.device->Poll().needs_reset);
  ASSERT_EQ(rig.driver->SetPairs(4), kCtrlAckOk);
  (void)rig.vdpa.TakeCommands();
  ASSERT_TRUE(rig.device->Reattach());
  ASSERT_TRUE(rig.device->Start());
  EXPECT_THAT(rig.vdpa.TakeCommands(), ElementsAre("4 0 2 0 = 0"));
  EXPECT_EQ(rig.device->active_pairs(), 2);
}

// virtio: "Device Status Field", DEVICE_NEEDS_RESET.
TEST(DeviceCommandsTest, ADeviceThatHasFailedIsNoticed) {
  VdpaRig rig;
  ASSERT_TRUE(rig.Run({}));
  rig.vdpa.Fail();
  const DeviceEvents events = rig.device->Poll();
  EXPECT_TRUE(events.needs_reset);
  ASSERT_TRUE(events.reason);
  EXPECT_THAT(events.reason->text(), HasSubstr("DEVICE_NEEDS_RESET"));
  EXPECT_EQ(rig.device->state(), DeviceState::kNeedsReset);
  EXPECT_FALSE(rig.device->Poll().needs_reset);
  ASSERT_TRUE(rig.device->Reattach());
  EXPECT_TRUE(rig.device->Start());
}

TEST(DeviceCommandsTest, AConfigurationThatCannotBeReadChangesNoCable) {
  VdpaRig rig(VdpaPersonality::Full());
  ASSERT_TRUE(rig.Run(kOne));
  rig.vdpa.SetLink(false);
  ASSERT_TRUE(rig.device->Poll().link_changed);
  rig.server.FailCall(1, EIO);
  EXPECT_FALSE(rig.device->Poll().link_changed);
  EXPECT_EQ(rig.device->link(), LinkState::kNoCarrier);
}

// A reset device asks again, and its driver has not heard of that.
TEST(DeviceCommandsTest, AnAnnouncementThatAResetCutOffIsAskedForAgain) {
  VdpaRig rig(VdpaPersonality::Full());
  ASSERT_TRUE(rig.Run(kOne));
  rig.vdpa.AskToAnnounce();
  ASSERT_TRUE(rig.device->Poll().announce_asked);
  ASSERT_TRUE(rig.device->Stop());
  ASSERT_TRUE(rig.device->Start());
  EXPECT_TRUE(rig.device->Poll().announce_asked);
  ASSERT_TRUE(rig.device->Stop());
  ASSERT_TRUE(rig.device->Negotiate(rig.device->accepted()));
  ASSERT_TRUE(rig.device->Start());
  EXPECT_TRUE(rig.device->Poll().announce_asked);
}

}  // namespace
}  // namespace virtio_user
