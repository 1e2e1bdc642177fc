// SPDX-License-Identifier: BSD-3-Clause
//
// The control queue of a device and what Poll tells.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/fakes/outcome.h"
#include "tests/fakes/recording_rig.h"
#include "tests/fakes/sim_rig.h"

namespace virtio_user {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing_support::CodeOf;
using testing_support::ReasonOf;
using testing_support::RecordingRig;
using testing_support::SimRig;
using testing_support::TestDriver;

TEST(DeviceControl, CommandsAreServedWhileTheDeviceRuns) {
  RecordingRig rig;
  rig.backend->features.Add(Feature::kNetCtrlRx);
  ASSERT_TRUE(rig.Run(1));

  EXPECT_EQ(rig.driver->Command(CtrlClass::kRx, kCtrlRxPromisc, {1}),
            kCtrlAckOk);

  EXPECT_TRUE(rig.device->control_state().promiscuous);
  EXPECT_THAT(rig.backend->sent(), IsEmpty());
}

TEST(DeviceControl, CommandsOfTheDriverAloneWorkWithoutAPeer) {
  RecordingRig rig;
  rig.backend->features.Add(Feature::kNetCtrlRx);
  ASSERT_TRUE(rig.Run(1));
  rig.backend->Close();
  (void)rig.device->Poll();

  EXPECT_EQ(rig.driver->Command(CtrlClass::kRx, kCtrlRxAllMulti, {1}),
            kCtrlAckOk);

  EXPECT_TRUE(rig.device->control_state().all_multicast);
  EXPECT_THAT(rig.backend->sent(), IsEmpty());
}

TEST(DeviceControl, AStoppedDeviceServesNoCommands) {
  RecordingRig rig;
  ASSERT_TRUE(rig.Prepare(1));

  EXPECT_EQ(rig.driver->SetPairs(1), TestDriver::kNoAck);

  EXPECT_EQ(CodeOf(rig.driver->notified()), ErrorCode::kWrongState);
}

TEST(DeviceControl, WithoutAControlRingThereIsNothingToServe) {
  RecordingRig rig;
  ASSERT_TRUE(rig.Create({.queue_size = 8}));
  ASSERT_TRUE(rig.driver->SetUp(1));
  ASSERT_TRUE(rig.device->Start());

  EXPECT_EQ(CodeOf(rig.device->NotifyControlQueue()), ErrorCode::kWrongState);
}

TEST(DeviceControl, CommandsGoOnAfterAStopAndAStart) {
  SimRig rig;
  ASSERT_TRUE(rig.Run(2));
  ASSERT_EQ(rig.driver->SetPairs(2), kCtrlAckOk);
  ASSERT_TRUE(rig.device->Stop());
  ASSERT_TRUE(rig.device->Start());

  EXPECT_EQ(rig.driver->SetPairs(2), kCtrlAckOk);

  EXPECT_EQ(rig.device->active_pairs(), 2);
}

// virtio: "Setting MAC Address Filtering"; a reset gives the first one back.
TEST(DeviceControl, AnAddressThatTheDriverSetIsTheOneThatItReads) {
  RecordingRig rig;
  rig.backend->features.Add(Feature::kNetCtrlMacAddr);
  ASSERT_TRUE(rig.Run(1));
  const auto first = rig.device->mac();
  const MacAddress own = {{2, 9, 9, 9, 9, 9}};

  ASSERT_EQ(
      rig.driver->Command(CtrlClass::kMac, kCtrlMacAddrSet, {2, 9, 9, 9, 9, 9}),
      kCtrlAckOk);

  EXPECT_EQ(rig.device->mac(), own);
  ASSERT_TRUE(rig.device->Reattach());
  EXPECT_EQ(rig.device->mac(), own);
  ASSERT_TRUE(rig.device->Negotiate(rig.device->accepted()));
  EXPECT_EQ(rig.device->mac(), first);
}

TEST(DeviceControl, WithoutMacInTheConfigurationNoneIsRead) {
  RecordingRig rig;
  rig.backend->features.Add(Feature::kNetCtrlMacAddr);
  ASSERT_TRUE(rig.Create({.queue_size = 8, .control_queue = true}));
  ASSERT_TRUE(rig.driver->SetUp(1));
  ASSERT_TRUE(rig.device->Start());

  ASSERT_EQ(
      rig.driver->Command(CtrlClass::kMac, kCtrlMacAddrSet, {2, 9, 9, 9, 9, 9}),
      kCtrlAckOk);

  EXPECT_EQ(rig.device->mac(), std::nullopt);
}

TEST(DeviceEvents, APeerThatLacksTheFirstFeatureIsRefusedByItsName) {
  RecordingRig rig;
  rig.backend->features.Add(Feature::kNetCsum);
  ASSERT_TRUE(rig.Run(1));
  rig.backend->features =
      rig.backend->features & ~FeatureSet{Feature::kNetCsum};
  rig.backend->Close();
  ASSERT_TRUE(rig.device->Poll().link_changed);

  const Result<void> attached = rig.device->Reattach();

  ASSERT_FALSE(attached);
  EXPECT_EQ(attached.error().code(), ErrorCode::kUnsupported);
  EXPECT_THAT(attached.error().text(), HasSubstr("VIRTIO_NET_F_CSUM (bit 0)"));
}

// Stop pauses; only a driver that begins anew has reset its device.
TEST(DeviceControl, FiltersOutliveAStopAndAReattach) {
  RecordingRig rig;
  rig.backend->features.Add(Feature::kNetCtrlRx);
  ASSERT_TRUE(rig.Run(1));
  ASSERT_EQ(rig.driver->Command(CtrlClass::kRx, kCtrlRxPromisc, {1}),
            kCtrlAckOk);
  const ControlState set = rig.device->control_state();

  ASSERT_TRUE(rig.device->Stop());
  EXPECT_EQ(rig.device->control_state(), set);
  ASSERT_TRUE(rig.device->Start());
  EXPECT_EQ(rig.device->control_state(), set);
  ASSERT_TRUE(rig.device->Reattach());
  EXPECT_EQ(rig.device->control_state(), set);
}

// virtio: features are negotiated after a reset, which empties the filters.
TEST(DeviceControl, NegotiatingAnewEmptiesTheFilters) {
  for (const bool same : {true, false}) {
    RecordingRig rig;
    rig.backend->features.Add(Feature::kNetCtrlRx);
    ASSERT_TRUE(rig.Run(1));
    ASSERT_EQ(rig.driver->Command(CtrlClass::kRx, kCtrlRxPromisc, {1}),
              kCtrlAckOk);
    ASSERT_TRUE(rig.device->Stop());
    const FeatureSet without =
        same ? FeatureSet{} : FeatureSet{Feature::kNetMq};

    ASSERT_TRUE(rig.device->Negotiate(rig.device->accepted() & ~without));

    EXPECT_EQ(rig.device->control_state(), ControlState());
  }
}

// virtio: multiqueue is off after a reset.
TEST(DeviceControl, NegotiatingAnewForgetsThePairsOfBefore) {
  RecordingRig rig;
  ASSERT_TRUE(rig.Run(2));
  ASSERT_EQ(rig.driver->SetPairs(2), kCtrlAckOk);
  ASSERT_TRUE(rig.device->Reattach());

  ASSERT_TRUE(rig.device->Negotiate(rig.device->accepted()));

  ASSERT_TRUE(rig.device->Start());
  EXPECT_EQ(rig.device->active_pairs(), 1);
}

TEST(DeviceControl, ABrokenRingNeedsAResetAndSaysWhy) {
  SimRig rig;
  ASSERT_TRUE(rig.Run(2));

  const Result<void> broken = rig.driver->BreakControlRing();

  ASSERT_FALSE(broken);
  EXPECT_EQ(broken.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_THAT(broken.error().text(), HasSubstr("available index 9"));
  EXPECT_EQ(rig.device->state(), DeviceState::kNeedsReset);
  EXPECT_EQ(rig.device->link(), LinkState::kUp);
  const DeviceEvents events = rig.device->Poll();
  EXPECT_TRUE(events.needs_reset);
  EXPECT_FALSE(events.link_changed);
  EXPECT_EQ(ReasonOf(events), broken.error().text());
}

TEST(DeviceControl, ABrokenRingCanBeMendedByANewOneAfterAReattach) {
  SimRig rig;
  ASSERT_TRUE(rig.Run(2));
  ASSERT_FALSE(rig.driver->BreakControlRing());
  EXPECT_EQ(rig.driver->SetPairs(2), TestDriver::kNoAck);

  ASSERT_TRUE(rig.device->Reattach());
  ASSERT_TRUE(rig.driver->ConfigureControl());
  ASSERT_TRUE(rig.device->Start());

  EXPECT_EQ(rig.driver->SetPairs(2), kCtrlAckOk);
  EXPECT_EQ(rig.Complaints(), "");
}

// The rings still run there: the device only stopped using them.
TEST(DeviceControl, AStopAfterABrokenRingStopsTheBackend) {
  SimRig rig;
  ASSERT_TRUE(rig.Run(2));
  ASSERT_FALSE(rig.driver->BreakControlRing());
  ASSERT_TRUE(rig.ring(0).started());

  EXPECT_TRUE(rig.device->Stop());

  EXPECT_FALSE(rig.ring(0).started());
  EXPECT_EQ(rig.device->state(), DeviceState::kNeedsReset);
}

TEST(DeviceControl, S53_S62_ACommandIsOneCallWithOneBudget) {
  RecordingRig rig;
  ASSERT_TRUE(rig.Run(3));
  const size_t before = rig.backend->calls_begun();

  ASSERT_EQ(rig.driver->SetPairs(3), kCtrlAckOk);

  EXPECT_EQ(rig.backend->calls_begun(), before + 1);
}

TEST(DevicePoll, LinkChangesAreToldEvenWhereAResetWasNeededAlready) {
  SimRig rig;
  ASSERT_TRUE(rig.Run(1));
  ASSERT_FALSE(rig.driver->BreakControlRing());
  (void)rig.device->Poll();
  rig.world.channel().PeerCloses();

  const DeviceEvents events = rig.device->Poll();

  EXPECT_TRUE(events.link_changed);
  EXPECT_FALSE(events.needs_reset);
  EXPECT_EQ(rig.device->active_pairs(), 0);
  // Nothing is left that could be stopped.
  EXPECT_TRUE(rig.device->Stop());
}

TEST(DevicePoll, AFailedStopIsToldThroughPollToo) {
  RecordingRig rig;
  ASSERT_TRUE(rig.Run(1));
  rig.backend->FailWhenSent(2, Error::Make(ErrorCode::kDeadline, "silent"));
  ASSERT_FALSE(rig.device->Stop());

  const DeviceEvents events = rig.device->Poll();

  EXPECT_TRUE(events.needs_reset);
  EXPECT_TRUE(events.link_changed);
  EXPECT_EQ(ReasonOf(events), "silent");
}

}  // namespace
}  // namespace virtio_user
