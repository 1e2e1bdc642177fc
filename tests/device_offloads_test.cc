// SPDX-License-Identifier: BSD-3-Clause
//
// VIRTIO_NET_CTRL_GUEST_OFFLOADS_SET on a back-end that can switch offloads,
// and on one that cannot.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/fakes/outcome.h"
#include "tests/fakes/recording_rig.h"
#include "tests/fakes/sim_rig.h"

namespace virtio_user {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Not;
using testing_support::CodeOf;
using testing_support::RecordingRig;
using testing_support::SimRig;

constexpr uint8_t kCsum = 0x02;  // Bit 1, GUEST_CSUM.
constexpr uint8_t kTso4 = 0x80;  // Bit 7, GUEST_TSO4.

class DeviceOffloads : public ::testing::Test {
 protected:
  DeviceOffloads() {
    rig_.backend->capabilities.guest_offloads = true;
    rig_.backend->features =
        rig_.backend->features |
        FeatureSet{Feature::kNetGuestCsum, Feature::kNetGuestTso4};
  }
  // The lowest byte of the mask; all other bits are 0.
  uint8_t Set(uint8_t offloads) {
    return rig_.driver->Command(CtrlClass::kGuestOffloads,
                                kCtrlGuestOffloadsSet,
                                {offloads, 0, 0, 0, 0, 0, 0, 0});
  }

  RecordingRig rig_;
};

TEST_F(DeviceOffloads, ACommandReachesTheBackEnd) {
  ASSERT_TRUE(rig_.Run(1));

  EXPECT_EQ(Set(kCsum), kCtrlAckOk);

  EXPECT_THAT(rig_.backend->sent(), ElementsAre("GUEST_OFFLOADS 0x2"));
  EXPECT_EQ(rig_.device->control_state().guest_offloads,
            FeatureSet{Feature::kNetGuestCsum});
}

TEST_F(DeviceOffloads, TheFeatureIsOursAndIsNotForwarded) {
  ASSERT_TRUE(rig_.Run(1));

  EXPECT_TRUE(rig_.device->accepted().Has(Feature::kNetCtrlGuestOffloads));
  EXPECT_FALSE(rig_.device->forwarded().Has(Feature::kNetCtrlGuestOffloads));
}

TEST_F(DeviceOffloads, WhatWasNotNegotiatedIsRefusedAndNothingIsSent) {
  ASSERT_TRUE(rig_.Prepare(1));
  ASSERT_TRUE(rig_.driver->SetUp(1, {Feature::kNetGuestTso4}));
  ASSERT_TRUE(rig_.device->Start());
  (void)rig_.backend->Take();

  EXPECT_EQ(Set(kCsum | kTso4), kCtrlAckErr);

  EXPECT_THAT(rig_.backend->sent(), IsEmpty());
  EXPECT_EQ(rig_.device->control_state(), ControlState());
  EXPECT_EQ(Set(kCsum), kCtrlAckOk);
}

TEST_F(DeviceOffloads, ARefusalLeavesTheDeviceRunningAndSaysWhy) {
  ASSERT_TRUE(rig_.Run(1));
  rig_.backend->FailWhenSent(0, Error::Make(ErrorCode::kRefused, "no"));

  EXPECT_EQ(Set(kCsum), kCtrlAckErr);

  EXPECT_EQ(rig_.device->state(), DeviceState::kRunning);
  EXPECT_EQ(rig_.device->control_state(), ControlState());
  const DeviceEvents events = rig_.device->Poll();
  ASSERT_TRUE(events.offloads_refused);
  EXPECT_EQ(events.offloads_refused->text(), "no");
  EXPECT_FALSE(events.needs_reset);
  EXPECT_FALSE(rig_.device->Poll().offloads_refused);
}

TEST_F(DeviceOffloads, APeerThatIsLostMeanwhileNeedsAReset) {
  ASSERT_TRUE(rig_.Run(1));
  rig_.backend->FailWhenSent(0, Error::Make(ErrorCode::kDeadline, "silent"));

  EXPECT_EQ(Set(kCsum), kCtrlAckErr);

  EXPECT_EQ(rig_.device->state(), DeviceState::kNeedsReset);
  EXPECT_TRUE(rig_.device->Poll().needs_reset);
  EXPECT_EQ(rig_.device->control_state(), ControlState());
}

// SET_FEATURES turns all of them on again.
TEST_F(DeviceOffloads, EachStartTellsTheBackEndAgain) {
  ASSERT_TRUE(rig_.Run(1));
  ASSERT_EQ(Set(kCsum), kCtrlAckOk);
  ASSERT_TRUE(rig_.device->Stop());
  (void)rig_.backend->Take();

  ASSERT_TRUE(rig_.device->Start());
  // After the features are settled, and before any ring can run.
  EXPECT_THAT(
      rig_.backend->Take(),
      ElementsAre("CALL 0", "CALL 1", "FEATURES 0x900408082", "STATUS 0xb",
                  "--", "GET_STATUS", "GUEST_OFFLOADS 0x2", "TABLE 2",
                  "NUM 0 = 8", "BASE 0 = 0", "ADDR 0", "KICK 0", "NUM 1 = 8",
                  "BASE 1 = 0", "ADDR 1", "KICK 1", "ENABLE 0 on",
                  "ENABLE 1 on", "--", "STATUS 0xf"));
  ASSERT_TRUE(rig_.device->Reattach());
  ASSERT_TRUE(rig_.device->Start());
  EXPECT_THAT(rig_.backend->Take(), Contains("GUEST_OFFLOADS 0x2").Times(1));
}

TEST_F(DeviceOffloads, WhatIsAskedForWithoutAPeerIsToldToTheNext) {
  ASSERT_TRUE(rig_.Run(1));
  rig_.backend->Close();
  (void)rig_.device->Poll();

  EXPECT_EQ(Set(kTso4), kCtrlAckOk);

  EXPECT_THAT(rig_.backend->sent(), IsEmpty());
  ASSERT_TRUE(rig_.device->Reattach());
  ASSERT_TRUE(rig_.device->Start());
  EXPECT_THAT(rig_.backend->Take(), Contains("GUEST_OFFLOADS 0x80"));
}

// virtio: after a negotiation all of them are on.
TEST_F(DeviceOffloads, NegotiatingAnewForgetsThem) {
  ASSERT_TRUE(rig_.Run(1));
  ASSERT_EQ(Set(0), kCtrlAckOk);
  ASSERT_TRUE(rig_.device->Stop());
  ASSERT_TRUE(rig_.device->Negotiate(rig_.device->accepted()));
  (void)rig_.backend->Take();

  ASSERT_TRUE(rig_.device->Start());

  EXPECT_THAT(rig_.backend->sent(), Not(Contains(testing::HasSubstr("OFFL"))));
}

TEST_F(DeviceOffloads, AStartThatIsRefusedThemIsUndone) {
  ASSERT_TRUE(rig_.Run(1));
  ASSERT_EQ(Set(kCsum), kCtrlAckOk);
  ASSERT_TRUE(rig_.device->Stop());
  // After 2 calls, SET_FEATURES, SET_STATUS and GET_STATUS.
  rig_.backend->FailWhenSent(5, Error::Make(ErrorCode::kRefused, "not now"));

  const Result<void> started = rig_.device->Start();

  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().text(), "not now");
  EXPECT_EQ(rig_.device->state(), DeviceState::kNegotiated);
  rig_.backend->FailNothing();
  (void)rig_.backend->Take();
  EXPECT_TRUE(rig_.device->Start());
  EXPECT_THAT(rig_.backend->Take(), Contains("GUEST_OFFLOADS 0x2"));
}

TEST_F(DeviceOffloads, ANewBackEndThatCannotSwitchThemIsRefusedByName) {
  ASSERT_TRUE(rig_.Run(1));
  rig_.backend->capabilities.guest_offloads = false;

  const Result<void> attached = rig_.device->Reattach();

  EXPECT_EQ(CodeOf(attached), ErrorCode::kUnsupported);
  EXPECT_THAT(std::string(attached.error().text()),
              testing::HasSubstr("VIRTIO_NET_F_CTRL_GUEST_OFFLOADS"));
}

// vhost-user has no message for it, whatever bit its back-end offers.
TEST(DeviceOffloadsOnVhostUser, TheFeatureIsNotOfferedAndTheCommandIsAnError) {
  backend_sim::Personality generous = backend_sim::Personality::Conforming();
  generous.features |= backend_sim::Bit(2);
  SimRig rig(generous);
  ASSERT_TRUE(rig.Run(1));
  ASSERT_TRUE(
      rig.device->device_features().Has(Feature::kNetCtrlGuestOffloads));

  EXPECT_FALSE(rig.device->offered().Has(Feature::kNetCtrlGuestOffloads));
  EXPECT_EQ(
      rig.driver->Command(CtrlClass::kGuestOffloads, kCtrlGuestOffloadsSet,
                          {0, 0, 0, 0, 0, 0, 0, 0}),
      kCtrlAckErr);
  EXPECT_EQ(rig.Complaints(), "");
}

}  // namespace
}  // namespace virtio_user
