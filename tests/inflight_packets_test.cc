// SPDX-License-Identifier: BSD-3-Clause
//
// A back-end goes away with buffers in flight and comes back: each is given
// back once, whatever happens in between.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <vector>

#include "backend_sim/personality.h"
#include "tests/fakes/numbered_lane.h"
#include "tests/fakes/sim_rig.h"
#include "tests/ring_support.h"

namespace virtio_user {
namespace {

using backend_sim::FaultKind;
using backend_sim::InflightLie;
using backend_sim::Personality;
using backend_sim::TrafficMode;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;
using testing_support::NumberedLane;
using testing_support::SimRig;

// Takes packets and gives their chains back late, and in another order.
Personality Holding(uint32_t chains) {
  Personality personality = *backend_sim::FindPersonality("inflight");
  personality.traffic = TrafficMode::kSink;
  personality.rings.held_chains = chains;
  return personality;
}

// The ring of a rig's device.
class Lane : public NumberedLane {
 public:
  Lane(SimRig& rig, uint16_t vring, BufferUse use)
      : NumberedLane(*rig.device, rig.world.memory(), vring, use) {}
};

// The server's process dies, and another one is there at once.
void Die(SimRig& rig, const Personality& next) {
  rig.world.channel().PeerCloses();
  (void)rig.device->Poll();
  rig.world.server().SetPersonality(next);
  rig.world.channel().PeerConnects();
}

TEST(InflightPackets, EachChainInFlightIsGivenBackOnceByTheNextBackend) {
  SimRig rig(Holding(4));
  ASSERT_TRUE(rig.Prepare(1));
  Lane tx(rig, 1, BufferUse::kDeviceReads);
  ASSERT_TRUE(rig.device->Start());
  tx.Offer(6);
  rig.world.RunUntilIdle();
  EXPECT_THAT(tx.Take(), UnorderedElementsAre(4, 5)) << "the oldest are held";
  tx.Offer(2);  // Which it never sees.

  Die(rig, Holding(0));
  const auto after = rig.device->ReattachKeepingRings();
  ASSERT_TRUE(after.has_value());
  ASSERT_EQ(*after, RingsAfter::kKept);
  ASSERT_TRUE(rig.device->Start());
  rig.world.RunUntilIdle();

  EXPECT_THAT(tx.Take(), UnorderedElementsAre(0, 1, 2, 3, 6, 7));
  EXPECT_EQ(tx.in_flight(), 0u);
  EXPECT_EQ(rig.world.server().packets().counters(0).received, 8u);
  EXPECT_EQ(rig.Complaints(), "");
}

TEST(InflightPackets, WhatWasInFlightIsTakenInItsOrderAndBeforeTheRest) {
  SimRig rig(Holding(4));
  ASSERT_TRUE(rig.Prepare(1));
  Lane tx(rig, 1, BufferUse::kDeviceReads);
  ASSERT_TRUE(rig.device->Start());
  tx.Offer(6);
  rig.world.RunUntilIdle();
  (void)tx.Take();
  tx.Offer(2);

  Personality in_turn = Holding(0);
  in_turn.rings.order = backend_sim::CompletionOrder::kInTurn;
  Die(rig, in_turn);
  ASSERT_TRUE(rig.device->ReattachKeepingRings());
  ASSERT_TRUE(rig.device->Start());
  rig.world.RunUntilIdle();

  EXPECT_THAT(tx.Take(), ElementsAre(0, 1, 2, 3, 6, 7));
}

TEST(InflightPackets, ReceiveBuffersThatWereHeldAreFilledByTheNextBackend) {
  Personality source = Holding(0);
  source.traffic = TrafficMode::kSource;
  source.rings.order = backend_sim::CompletionOrder::kInTurn;
  backend_sim::SimWorldOptions options = SimRig::WithPersonality(source);
  options.packets = {.source_frames = 2, .source_bytes = 300};
  SimRig rig(std::move(options));
  ASSERT_TRUE(rig.Prepare(1));
  Lane rx(rig, 0, BufferUse::kDeviceWrites);
  ASSERT_TRUE(rig.device->Start());
  rx.Offer(2);
  rig.world.RunUntilIdle();
  ASSERT_THAT(rx.Take(), IsEmpty()) << "a frame takes three";

  Die(rig, source);
  ASSERT_EQ(rig.device->ReattachKeepingRings().value_or(RingsAfter::kAfresh),
            RingsAfter::kKept);
  ASSERT_TRUE(rig.device->Start());
  rx.Offer(1);
  rig.world.RunUntilIdle();

  EXPECT_THAT(rx.Take(), ElementsAre(0, 1, 2));
  EXPECT_EQ(rig.Complaints(), "");
}

TEST(InflightPackets, ABackendWithoutNotesGetsRingsAfreshAndNothingTwice) {
  SimRig rig(Holding(4));
  ASSERT_TRUE(rig.Prepare(1));
  Lane tx(rig, 1, BufferUse::kDeviceReads);
  ASSERT_TRUE(rig.device->Start());
  tx.Offer(6);
  rig.world.RunUntilIdle();
  (void)tx.Take();

  Personality plain = Holding(0);
  plain.protocol_features &= ~backend_sim::Bit(backend_sim::kProtocolInflight);
  Die(rig, plain);
  const auto after = rig.device->ReattachKeepingRings();
  ASSERT_TRUE(after.has_value());
  ASSERT_EQ(*after, RingsAfter::kAfresh);
  tx.ReclaimAll();
  ASSERT_TRUE(rig.device->Start());
  tx.Offer(3);
  rig.world.RunUntilIdle();

  EXPECT_THAT(tx.Take(), UnorderedElementsAre(6, 7, 8));
  EXPECT_EQ(rig.Complaints(), "");
}

// A stop ends with nothing in flight, and the notes go on with the rings.
TEST(InflightPackets, ADeathAfterAStopAndAStartLosesNothing) {
  SimRig rig(Holding(4));
  ASSERT_TRUE(rig.Prepare(1));
  Lane tx(rig, 1, BufferUse::kDeviceReads);
  ASSERT_TRUE(rig.device->Start());
  tx.Offer(6);
  rig.world.RunUntilIdle();
  std::vector<uint32_t> back = tx.Take();
  ASSERT_TRUE(rig.device->Stop());
  ASSERT_TRUE(rig.device->Start());
  for (const uint32_t number : tx.Take()) back.push_back(number);
  ASSERT_THAT(back, UnorderedElementsAre(0, 1, 2, 3, 4, 5));
  tx.Offer(6);
  rig.world.RunUntilIdle();
  back = tx.Take();
  ASSERT_THAT(back, UnorderedElementsAre(10, 11));

  Die(rig, Holding(0));
  ASSERT_EQ(rig.device->ReattachKeepingRings().value_or(RingsAfter::kAfresh),
            RingsAfter::kKept);
  ASSERT_TRUE(rig.device->Start());
  rig.world.RunUntilIdle();

  EXPECT_THAT(tx.Take(), UnorderedElementsAre(6, 7, 8, 9));
  EXPECT_EQ(rig.Complaints(), "");
}

// Every way in which a back-end can answer GET_INFLIGHT_FD wrongly.
class InflightLies : public testing::TestWithParam<InflightLie> {};

TEST_P(InflightLies, EndTheConnectionAndTheNextBackendServes) {
  Personality liar = Holding(0);
  liar.inflight_lie = GetParam();
  SimRig rig(liar);
  ASSERT_TRUE(rig.Prepare(1));
  Lane tx(rig, 1, BufferUse::kDeviceReads);
  const auto started = rig.device->Start();
  ASSERT_FALSE(started.has_value());
  EXPECT_EQ(started.error().code(), ErrorCode::kProtocol);
  EXPECT_EQ(rig.device->state(), DeviceState::kNeedsReset);

  rig.world.server().SetPersonality(Holding(0));
  ASSERT_TRUE(rig.device->ReattachKeepingRings());
  ASSERT_TRUE(rig.device->Start());
  tx.Offer(3);
  rig.world.RunUntilIdle();
  EXPECT_EQ(tx.Take().size(), 3u);
  rig.Destroy();
  EXPECT_EQ(rig.device_fds(), 0u);
  EXPECT_EQ(rig.world.server_fds().Balance(), "");
}

INSTANTIATE_TEST_SUITE_P(
    All, InflightLies,
    testing::Values(InflightLie::kShortFile, InflightLie::kOffsetOutside,
                    InflightLie::kNoFd, InflightLie::kTwoFds,
                    InflightLie::kOtherQueues, InflightLie::kOtherQueueSize));

TEST(InflightPackets, ABackendWithoutMemoryForNotesServesAllTheSame) {
  Personality poor = Holding(0);
  poor.inflight_lie = InflightLie::kNoMemory;
  SimRig rig(poor);
  ASSERT_TRUE(rig.Prepare(1));
  Lane tx(rig, 1, BufferUse::kDeviceReads);
  ASSERT_TRUE(rig.device->Start());
  tx.Offer(3);
  rig.world.RunUntilIdle();
  EXPECT_EQ(tx.Take().size(), 3u);
  EXPECT_EQ(rig.Complaints(), "");
}

// The next back-end goes away as well, at each message in turn; the one after
// it stays.
class GoingAgain : public testing::TestWithParam<FaultKind> {};

TEST_P(GoingAgain, AtAnyMessageLosesNothingAndGivesNothingBackTwice) {
  for (uint64_t at = 0; at < 40; ++at) {
    SCOPED_TRACE(at);
    SimRig rig(Holding(4));
    ASSERT_TRUE(rig.Prepare(1));
    Lane tx(rig, 1, BufferUse::kDeviceReads);
    ASSERT_TRUE(rig.device->Start());
    tx.Offer(6);
    rig.world.RunUntilIdle();
    std::vector<uint32_t> back = tx.Take();
    Die(rig, Holding(0));
    rig.world.faults().Add(
        {.kind = GetParam(), .at = rig.world.server().message_count() + at});
    for (int tries = 0; tries < 3; ++tries) {
      (void)rig.device->Poll();
      if (rig.device->state() != DeviceState::kRunning) {
        const auto after = rig.device->ReattachKeepingRings();
        if (!after) continue;
        ASSERT_EQ(*after, RingsAfter::kKept);
        if (!rig.device->Start()) continue;
      }
      rig.world.RunUntilIdle();
    }
    ASSERT_EQ(rig.device->state(), DeviceState::kRunning);
    for (const uint32_t number : tx.Take()) back.push_back(number);

    EXPECT_THAT(back, UnorderedElementsAre(0, 1, 2, 3, 4, 5));
    EXPECT_EQ(rig.world.server().packets().counters(0).received, 6u);
    EXPECT_EQ(rig.Complaints(), "");
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, GoingAgain,
                         testing::Values(FaultKind::kCloseBefore,
                                         FaultKind::kCloseAfter,
                                         FaultKind::kCloseUnanswered));

// Packets, deaths and back-ends of any kind, for as long as it goes.
TEST(InflightPackets, AnyNumberOfDeathsGivesEachChainBackOnce) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    TestRandom random(seed);
    SimRig rig(Holding(random.Below(6)));
    ASSERT_TRUE(rig.Prepare(1));
    Lane tx(rig, 1, BufferUse::kDeviceReads);
    ASSERT_TRUE(rig.device->Start());
    std::map<uint32_t, int> back;
    const auto take = [&] {
      for (const uint32_t number : tx.Take()) ++back[number];
    };
    for (int round = 0; round < 200; ++round) {
      tx.Offer(random.Below(NumberedLane::kBuffers));
      if (random.Below(4) != 0) rig.world.Step();
      if (random.Below(2) != 0) take();
      if (random.Below(16) == 0) {
        ASSERT_TRUE(rig.device->Stop());
        ASSERT_TRUE(rig.device->Start());
      }
      if (random.Below(8) != 0) continue;
      Die(rig, Holding(random.Below(6)));
      const auto after = rig.device->ReattachKeepingRings();
      ASSERT_TRUE(after.has_value());
      ASSERT_EQ(*after, RingsAfter::kKept);
      ASSERT_TRUE(rig.device->Start());
    }
    Die(rig, Holding(0));
    ASSERT_TRUE(rig.device->ReattachKeepingRings());
    ASSERT_TRUE(rig.device->Start());
    rig.world.RunUntilIdle();
    take();

    EXPECT_EQ(tx.broken(), "");
    EXPECT_EQ(tx.in_flight(), 0u);
    EXPECT_EQ(back.size(), tx.offered());
    for (const auto& [number, times] : back) EXPECT_EQ(times, 1) << number;
    // What a stop finds in a disabled ring is given back unused.
    const auto counters = rig.world.server().packets().counters(0);
    EXPECT_EQ(counters.received + counters.discarded, tx.offered());
    EXPECT_EQ(rig.Complaints(), "");
  }
}

}  // namespace
}  // namespace virtio_user
