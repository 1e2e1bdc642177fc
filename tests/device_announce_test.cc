// SPDX-License-Identifier: BSD-3-Clause
//
// A driver is asked to announce itself to a new peer (virtio: "Gratuitous
// Packet Sending").

#include <gtest/gtest.h>

#include "tests/fakes/outcome.h"
#include "tests/fakes/recording_rig.h"
#include "tests/fakes/sim_rig.h"

namespace virtio_user {
namespace {

using testing_support::RecordingRig;
using testing_support::SimRig;
using testing_support::TestDriver;

// "Device configuration layout".
constexpr uint16_t kLinkUp = 1;
constexpr uint16_t kAnnounce = 2;

template <typename Rig>
uint8_t Acknowledge(Rig& rig) {
  return rig.driver->Command(CtrlClass::kAnnounce, kCtrlAnnounceAck, {});
}

// Running on a new peer, so that the driver is asked.
void RunOnANewPeer(SimRig& rig) {
  ASSERT_TRUE(rig.Run(1));
  rig.world.channel().PeerCloses();
  (void)rig.device->Poll();
  rig.world.channel().PeerConnects();
  ASSERT_TRUE(rig.device->Reattach());
  ASSERT_TRUE(rig.device->Start());
}

TEST(DeviceAnnounce, TheFirstPeerNeedsNoAnnouncement) {
  SimRig rig;
  ASSERT_TRUE(rig.Run(1));
  ASSERT_TRUE(rig.device->accepted().Has(Feature::kNetGuestAnnounce));

  EXPECT_EQ(rig.device->config_status(), kLinkUp);
  EXPECT_FALSE(rig.device->Poll().announce_asked);
}

TEST(DeviceAnnounce, ANewPeerMakesTheDeviceAskOnce) {
  SimRig rig;
  RunOnANewPeer(rig);

  EXPECT_EQ(rig.device->config_status(), kLinkUp | kAnnounce);
  EXPECT_TRUE(rig.device->Poll().announce_asked);
  EXPECT_FALSE(rig.device->Poll().announce_asked);
  EXPECT_EQ(rig.device->config_status(), kLinkUp | kAnnounce);
  EXPECT_EQ(rig.Complaints(), "");
}

TEST(DeviceAnnounce, TheAckClearsTheBit) {
  SimRig rig;
  RunOnANewPeer(rig);
  ASSERT_TRUE(rig.device->Poll().announce_asked);

  EXPECT_EQ(Acknowledge(rig), kCtrlAckOk);

  EXPECT_EQ(rig.device->config_status(), kLinkUp);
  EXPECT_FALSE(rig.device->Poll().announce_asked);
}

// The driver looked at the status by itself: there is nothing left to tell.
TEST(DeviceAnnounce, AnAckBeforeThePollTakesTheEventBack) {
  SimRig rig;
  RunOnANewPeer(rig);

  EXPECT_EQ(Acknowledge(rig), kCtrlAckOk);

  EXPECT_FALSE(rig.device->Poll().announce_asked);
}

TEST(DeviceAnnounce, AnAckOfNothingIsNoError) {
  SimRig rig;
  ASSERT_TRUE(rig.Run(1));

  EXPECT_EQ(Acknowledge(rig), kCtrlAckOk);
  EXPECT_EQ(rig.device->config_status(), kLinkUp);
}

// Before the rings run neither packets nor the ack could go out.
TEST(DeviceAnnounce, TheDriverIsNotAskedBeforeTheStart) {
  SimRig rig;
  ASSERT_TRUE(rig.Run(1));
  ASSERT_TRUE(rig.device->Reattach());

  EXPECT_EQ(rig.device->config_status(), kLinkUp);
  EXPECT_FALSE(rig.device->Poll().announce_asked);
  ASSERT_TRUE(rig.device->Start());
  EXPECT_EQ(rig.device->config_status(), kLinkUp | kAnnounce);
}

TEST(DeviceAnnounce, AStartThatFailsLeavesItToTheNextOne) {
  RecordingRig rig;
  ASSERT_TRUE(rig.Run(1));
  ASSERT_TRUE(rig.device->Reattach());
  rig.backend->FailWhenSent(0, Error::Make(ErrorCode::kRefused, "not yet"));
  ASSERT_FALSE(rig.device->Start());
  EXPECT_EQ(rig.device->config_status(), kLinkUp);
  rig.backend->FailNothing();

  ASSERT_TRUE(rig.device->Start());

  EXPECT_EQ(rig.device->config_status(), kLinkUp | kAnnounce);
}

// A stop is a pause, which a driver's device does not notice.
TEST(DeviceAnnounce, AStopAndAStartKeepWhatIsNotAcknowledgedAndAskNoMore) {
  SimRig rig;
  RunOnANewPeer(rig);
  ASSERT_TRUE(rig.device->Stop());
  ASSERT_TRUE(rig.device->Start());
  EXPECT_EQ(rig.device->config_status(), kLinkUp | kAnnounce);
  ASSERT_EQ(Acknowledge(rig), kCtrlAckOk);

  ASSERT_TRUE(rig.device->Stop());
  ASSERT_TRUE(rig.device->Start());

  EXPECT_EQ(rig.device->config_status(), kLinkUp);
}

TEST(DeviceAnnounce, WithoutAPeerTheBitStaysAndCanBeAcknowledged) {
  SimRig rig;
  RunOnANewPeer(rig);
  rig.world.channel().PeerCloses();
  (void)rig.device->Poll();

  EXPECT_EQ(rig.device->config_status(), kAnnounce);
  EXPECT_EQ(Acknowledge(rig), kCtrlAckOk);
  EXPECT_EQ(rig.device->config_status(), 0);
}

// A driver that begins announces itself unasked.
TEST(DeviceAnnounce, NegotiatingAnewForgetsIt) {
  SimRig rig;
  RunOnANewPeer(rig);
  ASSERT_TRUE(rig.device->Stop());

  ASSERT_TRUE(rig.device->Negotiate(rig.device->accepted()));

  EXPECT_EQ(rig.device->config_status(), kLinkUp);
  EXPECT_FALSE(rig.device->Poll().announce_asked);
  ASSERT_TRUE(rig.device->Start());
  EXPECT_EQ(rig.device->config_status(), kLinkUp);
}

TEST(DeviceAnnounce, NegotiatingBetweenReattachAndStartForgetsItToo) {
  SimRig rig;
  ASSERT_TRUE(rig.Run(1));
  ASSERT_TRUE(rig.device->Reattach());
  ASSERT_TRUE(rig.device->Negotiate(rig.device->accepted()));

  ASSERT_TRUE(rig.device->Start());

  EXPECT_EQ(rig.device->config_status(), kLinkUp);
}

TEST(DeviceAnnounce, AReattachBeforeAnyDriverAsksNobody) {
  SimRig rig;
  ASSERT_TRUE(rig.Create(SimRig::Options(1)));
  ASSERT_TRUE(rig.device->Reattach());
  ASSERT_TRUE(rig.driver->SetUp(1));

  ASSERT_TRUE(rig.device->Start());

  EXPECT_EQ(rig.device->config_status(), kLinkUp);
}

// Without STATUS there is no place where a driver could read of it.
TEST(DeviceAnnounce, ADriverThatDidNotAcceptBothFeaturesIsNotAsked) {
  for (const Feature declined :
       {Feature::kNetGuestAnnounce, Feature::kNetStatus}) {
    SimRig rig;
    ASSERT_TRUE(rig.Create(SimRig::Options(1)));
    ASSERT_TRUE(rig.driver->SetUp(1, {declined}));
    ASSERT_TRUE(rig.device->Start());
    ASSERT_TRUE(rig.device->Reattach());
    ASSERT_TRUE(rig.device->Start());

    EXPECT_EQ(rig.device->config_status(), kLinkUp);
    EXPECT_FALSE(rig.device->Poll().announce_asked);
  }
}

TEST(DeviceAnnounce, AnAckThatWasNotNegotiatedIsAnError) {
  SimRig rig;
  ASSERT_TRUE(rig.Create(SimRig::Options(1)));
  ASSERT_TRUE(rig.driver->SetUp(1, {Feature::kNetGuestAnnounce}));
  ASSERT_TRUE(rig.device->Start());

  EXPECT_EQ(Acknowledge(rig), kCtrlAckErr);
}

// lib/vhost offers the bit; it is ours all the same.
TEST(DeviceAnnounce, TheBackEndIsNeverTold) {
  SimRig rig(backend_sim::Personality::LibVhost());
  ASSERT_TRUE(rig.Run(1));

  ASSERT_TRUE(rig.device->device_features().Has(Feature::kNetGuestAnnounce));
  EXPECT_TRUE(rig.device->accepted().Has(Feature::kNetGuestAnnounce));
  EXPECT_FALSE(rig.device->forwarded().Has(Feature::kNetGuestAnnounce));
  EXPECT_EQ(rig.Complaints(), "");
}

TEST(DeviceAnnounce, WithoutAControlQueueItIsNotOffered) {
  SimRig rig(backend_sim::Personality::LibVhost());
  ASSERT_TRUE(rig.Create({.queue_size = 8}));

  EXPECT_FALSE(rig.device->offered().Has(Feature::kNetGuestAnnounce));
}

}  // namespace
}  // namespace virtio_user
