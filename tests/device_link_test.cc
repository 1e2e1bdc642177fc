// SPDX-License-Identifier: BSD-3-Clause
//
// The peer comes and goes: link, Poll, Reattach.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "tests/fakes/outcome.h"
#include "tests/fakes/recording_rig.h"
#include "tests/fakes/sim_rig.h"

namespace virtio_user {
namespace {

using backend_sim::Bit;
using backend_sim::Personality;
using testing::HasSubstr;
using testing::IsEmpty;
using testing_support::CodeOf;
using testing_support::RecordingRig;
using testing_support::SimRig;

backend_sim::SimWorldOptions ServerMode() {
  backend_sim::SimWorldOptions options;
  options.channel.server_mode = true;
  return options;
}

void PeerVanishes(SimRig& rig) {
  rig.world.channel().PeerCloses();
  (void)rig.device->Poll();
}

TEST(DeviceLink, NothingIsReportedWhileNothingHappens) {
  SimRig rig;
  ASSERT_TRUE(rig.Run(1));

  const DeviceEvents events = rig.device->Poll();

  EXPECT_FALSE(events.link_changed);
  EXPECT_FALSE(events.needs_reset);
  EXPECT_FALSE(events.memory_trouble);
  EXPECT_FALSE(events.peer_waiting);
  EXPECT_FALSE(events.reason);
}

TEST(DeviceLink, AClosedConnectionIsReportedOnceWithItsReason) {
  SimRig rig;
  ASSERT_TRUE(rig.Run(1));
  rig.world.channel().PeerCloses();

  const DeviceEvents first = rig.device->Poll();
  const DeviceEvents second = rig.device->Poll();

  EXPECT_TRUE(first.link_changed);
  EXPECT_TRUE(first.needs_reset);
  ASSERT_TRUE(first.reason);
  EXPECT_EQ(first.reason->code(), ErrorCode::kDisconnected);
  EXPECT_FALSE(second.link_changed);
  EXPECT_FALSE(second.needs_reset);
  EXPECT_EQ(rig.device->state(), DeviceState::kNeedsReset);
  EXPECT_EQ(rig.device->link(), LinkState::kDown);
}

TEST(DeviceLink, AConnectionThatClosesBeforeAnyStartIsNoticedToo) {
  for (const bool negotiated : {false, true}) {
    SimRig rig;
    ASSERT_TRUE(negotiated ? rig.Prepare(1) : rig.Create(SimRig::Options(1)));

    PeerVanishes(rig);

    EXPECT_EQ(rig.device->state(), DeviceState::kNeedsReset);
    EXPECT_EQ(CodeOf(rig.device->Reattach()), ErrorCode::kDisconnected);
    rig.world.channel().PeerConnects();
    ASSERT_TRUE(rig.device->Reattach());
    EXPECT_EQ(rig.device->state(),
              negotiated ? DeviceState::kNegotiated : DeviceState::kCreated);
  }
}

// Whenever between two looks at it a connection dies.
TEST(DeviceLink, AConnectionThatDiesDuringAPollIsSeenByThatOneOrTheNext) {
  for (const int looks : {0, 1, 2, 3}) {
    SCOPED_TRACE(looks);
    RecordingRig rig;
    ASSERT_TRUE(rig.Run(1));
    rig.backend->peer_waits = true;
    rig.backend->polls_to_live = looks;

    DeviceEvents events = rig.device->Poll();
    for (int i = 0; i < looks && !events.needs_reset; ++i) {
      EXPECT_EQ(rig.device->link(), LinkState::kUp);
      events = rig.device->Poll();
    }

    EXPECT_TRUE(events.needs_reset);
    EXPECT_TRUE(events.peer_waiting);
    EXPECT_EQ(rig.device->state(), DeviceState::kNeedsReset);
    EXPECT_EQ(rig.device->link(), LinkState::kPeerWaiting);
  }
}

// A refusal that is followed by the end of the connection, for example.
TEST(DeviceLink, ADeadConnectionDoesNotHideThePeerThatWaits) {
  RecordingRig rig;
  ASSERT_TRUE(rig.Run(1));
  rig.backend->peer_waits = true;
  rig.backend->polls_to_live = 0;
  rig.backend->FailWhenSent(0, Error::Make(ErrorCode::kRefused, "no"));
  EXPECT_FALSE(rig.device->Stop());

  (void)rig.device->Poll();

  EXPECT_EQ(rig.device->link(), LinkState::kPeerWaiting);
  EXPECT_TRUE(rig.device->Reattach());
}

TEST(DeviceLink, S17_TheDescriptorOfALostConnectionIsClosed) {
  SimRig rig;
  ASSERT_TRUE(rig.Run(1));
  const size_t with_connection = rig.device_fds();

  PeerVanishes(rig);

  // And our end of the channel on which the back-end asks.
  EXPECT_EQ(rig.device_fds(), with_connection - 2);
  EXPECT_EQ(rig.device->PollFd(), -1);
}

TEST(DeviceLink, TheSamePeerAgainRunsWithTheSameFeaturesAndRingsFromZero) {
  SimRig rig;
  ASSERT_TRUE(rig.Run(2));
  const FeatureSet accepted = rig.device->accepted();
  VringState& ring = rig.device->vring(0);
  ring.ring.published.index = 6;
  ring.base.avail = 4;
  std::ranges::fill(std::span(ring.ring.layout.desc, 16), std::byte{0xff});
  PeerVanishes(rig);
  rig.world.channel().PeerConnects();

  ASSERT_TRUE(rig.device->Reattach());

  EXPECT_EQ(rig.device->link(), LinkState::kUp);
  EXPECT_EQ(rig.device->accepted(), accepted);
  EXPECT_EQ(ring.ring.published.index, 0);
  EXPECT_EQ(ring.base, VringBase());
  EXPECT_EQ(ring.ring.layout.desc[0], std::byte{0});
  EXPECT_TRUE(rig.device->Start());
  EXPECT_EQ(rig.Complaints(), "");
}

TEST(DeviceLink, F17_ThePairsThatTheDriverHadAreReplayed) {
  SimRig rig;
  ASSERT_TRUE(rig.Run(4));
  ASSERT_EQ(rig.driver->SetPairs(3), kCtrlAckOk);
  PeerVanishes(rig);
  EXPECT_EQ(rig.device->active_pairs(), 0);
  rig.world.channel().PeerConnects();

  ASSERT_TRUE(rig.device->Reattach());
  ASSERT_TRUE(rig.device->Start());

  EXPECT_EQ(rig.device->active_pairs(), 3);
  EXPECT_TRUE(rig.ring(5).enabled());
  EXPECT_FALSE(rig.ring(6).enabled());
}

TEST(DeviceLink, AStopOfWhatRunsNoMoreForgetsNoPairs) {
  SimRig rig;
  ASSERT_TRUE(rig.Run(4));
  ASSERT_EQ(rig.driver->SetPairs(3), kCtrlAckOk);
  PeerVanishes(rig);
  ASSERT_TRUE(rig.device->Stop());
  rig.world.channel().PeerConnects();

  ASSERT_TRUE(rig.device->Reattach());
  ASSERT_TRUE(rig.device->Start());

  EXPECT_EQ(rig.device->active_pairs(), 3);
}

TEST(DeviceLink, PairsAskedForWithoutAPeerAreRememberedAndReplayed) {
  SimRig rig;
  ASSERT_TRUE(rig.Run(4));
  PeerVanishes(rig);

  EXPECT_EQ(rig.driver->SetPairs(2), kCtrlAckOk);
  EXPECT_EQ(rig.driver->SetPairs(5), kCtrlAckErr);
  EXPECT_EQ(rig.driver->SetPairs(0), kCtrlAckErr);
  rig.world.channel().PeerConnects();
  ASSERT_TRUE(rig.device->Reattach());
  ASSERT_TRUE(rig.device->Start());

  EXPECT_EQ(rig.device->active_pairs(), 2);
}

TEST(DeviceLink, H13_APeerThatLacksAnAcceptedFeatureIsRefusedByName) {
  SimRig rig;
  ASSERT_TRUE(rig.Run(2));
  PeerVanishes(rig);
  Personality poorer = Personality::Conforming();
  poorer.features &= ~Bit(backend_sim::kBitMrgRxbuf);
  rig.world.server().SetPersonality(poorer);
  rig.world.channel().PeerConnects();

  const Result<void> attached = rig.device->Reattach();

  ASSERT_FALSE(attached);
  EXPECT_EQ(attached.error().code(), ErrorCode::kUnsupported);
  EXPECT_THAT(attached.error().text(), HasSubstr("VIRTIO_NET_F_MRG_RXBUF"));
  EXPECT_EQ(rig.device->state(), DeviceState::kNeedsReset);
}

TEST(DeviceLink, H12_AFailedReattachLeavesNoConnectionAndNoLink) {
  SimRig rig;
  ASSERT_TRUE(rig.Run(2));
  Personality poorer = Personality::Conforming();
  poorer.features &= ~Bit(backend_sim::kBitMrgRxbuf);
  rig.world.server().SetPersonality(poorer);
  // From the running state: nobody told the device before.
  ASSERT_FALSE(rig.device->Reattach());

  EXPECT_EQ(rig.device->link(), LinkState::kDown);
  EXPECT_EQ(rig.device->active_pairs(), 0);
  EXPECT_FALSE(rig.world.channel().attached());
  EXPECT_EQ(rig.device_fds(), 8u);
  EXPECT_TRUE(rig.device->Poll().link_changed);
}

TEST(DeviceLink, APeerWithFewerPairsIsRefused) {
  SimRig rig;
  ASSERT_TRUE(rig.Run(4));
  PeerVanishes(rig);
  Personality smaller = Personality::Conforming();
  smaller.max_pairs = 2;
  smaller.queue_num = 2;
  rig.world.server().SetPersonality(smaller);
  rig.world.channel().PeerConnects();

  const Result<void> attached = rig.device->Reattach();

  ASSERT_FALSE(attached);
  EXPECT_THAT(attached.error().text(), HasSubstr("at most 2"));
  EXPECT_EQ(rig.device->state(), DeviceState::kNeedsReset);
}

TEST(DeviceLink, WhatTheLastPeerAgreedToDoesNotHoldForTheNext) {
  SimRig rig;
  ASSERT_TRUE(rig.Run(1));
  PeerVanishes(rig);
  Personality plain = Personality::Conforming();
  plain.protocol_features &= ~(Bit(backend_sim::kProtocolStatus) |
                               Bit(backend_sim::kProtocolReplyAck));
  rig.world.server().SetPersonality(plain);
  rig.world.channel().PeerConnects();

  ASSERT_TRUE(rig.device->Reattach());
  ASSERT_TRUE(rig.device->Start());

  EXPECT_FALSE(rig.device->backend_caps().status);
  EXPECT_EQ(rig.Complaints(), "");
}

TEST(DeviceLink, ARunningDeviceCanBeReattachedWithoutAStop) {
  SimRig rig;
  ASSERT_TRUE(rig.Run(1));

  ASSERT_TRUE(rig.device->Reattach());

  EXPECT_EQ(rig.device->state(), DeviceState::kNegotiated);
  EXPECT_FALSE(rig.device->vring(0).ring.gate.open());
  EXPECT_TRUE(rig.device->Start());
  EXPECT_EQ(rig.Complaints(), "");
}

// An embedder that reattaches on needs_reset must not be told to do it again.
TEST(DeviceLink, AReattachThatSucceededTakesBackWhatWasNotReportedYet) {
  SimRig rig;
  ASSERT_TRUE(rig.Run(1));
  rig.world.channel().PeerCloses();
  ASSERT_FALSE(rig.device->Stop());
  rig.world.channel().PeerConnects();
  ASSERT_TRUE(rig.device->Reattach());

  const DeviceEvents events = rig.device->Poll();

  EXPECT_FALSE(events.needs_reset);
  EXPECT_FALSE(events.reason);
}

TEST(DeviceLink, TheLinkIsReportedWhenItComesBack) {
  SimRig rig;
  ASSERT_TRUE(rig.Run(1));
  PeerVanishes(rig);
  rig.world.channel().PeerConnects();
  ASSERT_TRUE(rig.device->Reattach());

  EXPECT_TRUE(rig.device->Poll().link_changed);
}

TEST(DeviceLink, S35_ServerModeLearnsFromThePeerAndInventsNothing) {
  backend_sim::SimWorldOptions options = ServerMode();
  options.personality = Personality::Legacy();
  SimRig rig(options);

  ASSERT_TRUE(rig.Create(SimRig::Options(1)));

  EXPECT_FALSE(rig.device->offered().Has(Feature::kVersion1));
  EXPECT_FALSE(rig.device->offered().Has(Feature::kNetMrgRxbuf));
}

TEST(DeviceLink, S35_ServerModeWithoutAPeerEndsAtTheDeadlineWithNothingLeft) {
  backend_sim::SimWorldOptions options = ServerMode();
  options.channel.peer_present = false;
  SimRig rig(options);

  const Result<void> made = rig.Create(SimRig::Options(1));

  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code(), ErrorCode::kDeadline);
  EXPECT_EQ(rig.world.clock().now(), kDefaultCallBudget);
  EXPECT_EQ(rig.device_fds(), 0u);
}

TEST(DeviceLink, ServerModeReportsAPeerThatWaitsAndTakesIt) {
  SimRig rig(ServerMode());
  ASSERT_TRUE(rig.Run(1));
  PeerVanishes(rig);
  EXPECT_EQ(rig.device->PollFd(), rig.device->interrupt_map().link_fd);
  EXPECT_GE(rig.device->PollFd(), 0);
  EXPECT_FALSE(rig.device->Poll().peer_waiting);

  rig.world.channel().PeerConnects();
  const DeviceEvents events = rig.device->Poll();

  EXPECT_TRUE(events.peer_waiting);
  EXPECT_FALSE(events.link_changed);
  EXPECT_EQ(rig.device->link(), LinkState::kPeerWaiting);
  ASSERT_TRUE(rig.device->Reattach());
  EXPECT_EQ(rig.device->link(), LinkState::kUp);
  EXPECT_TRUE(rig.device->Start());
}

TEST(DeviceLink, APeerThatIsReplacedBetweenTwoPollsIsSeenAsBoth) {
  SimRig rig(ServerMode());
  ASSERT_TRUE(rig.Run(1));
  rig.world.channel().PeerCloses();
  rig.world.channel().PeerConnects();

  const DeviceEvents events = rig.device->Poll();

  EXPECT_TRUE(events.link_changed);
  EXPECT_TRUE(events.needs_reset);
  EXPECT_TRUE(events.peer_waiting);
}

TEST(DeviceLink, PollSendsNothing) {
  RecordingRig rig;
  ASSERT_TRUE(rig.Run(1));
  const std::vector<std::string> before = rig.backend->sent();
  for (int i = 0; i < 100; ++i) (void)rig.device->Poll();

  EXPECT_EQ(rig.backend->sent(), before);
}

// The failure of an undo can be the loss of the peer.
TEST(DeviceLink, APeerThatIsLostInAnUndoIsNoticedWithTheFailure) {
  RecordingRig rig;
  ASSERT_TRUE(rig.Prepare(1));
  rig.backend->FailWhenSent(15, Error::Make(ErrorCode::kRefused, "enable"));
  rig.backend->FailWhenSent(16, Error::Make(ErrorCode::kDeadline, "silent"));

  const Result<void> started = rig.device->Start();

  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().text(), "enable");
  EXPECT_EQ(rig.device->state(), DeviceState::kNeedsReset);
  EXPECT_EQ(rig.device->link(), LinkState::kDown);
  (void)rig.backend->Take();
  EXPECT_TRUE(rig.device->Stop());
  EXPECT_THAT(rig.backend->sent(), IsEmpty());
}

}  // namespace
}  // namespace virtio_user
