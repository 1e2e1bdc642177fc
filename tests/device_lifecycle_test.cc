// SPDX-License-Identifier: BSD-3-Clause
//
// Start, stop, and what is true afterwards.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/fakes/outcome.h"
#include "tests/fakes/recording_rig.h"
#include "tests/fakes/sim_rig.h"

namespace virtio_user {
namespace {

using backend_sim::Personality;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing_support::CodeOf;
using testing_support::RecordingRig;
using testing_support::SimRig;
using testing_support::TextOf;

bool GateOpen(Device& device, uint16_t ring) {
  return device.vring(ring).ring.gate.open();
}

TEST(DeviceLifecycle, AStartedDeviceRunsPairZeroAtTheBackend) {
  SimRig rig;

  ASSERT_TRUE(rig.Run(3));

  EXPECT_EQ(rig.device->state(), DeviceState::kRunning);
  EXPECT_EQ(rig.device->active_pairs(), 1);
  for (size_t i = 0; i < 6; ++i) {
    EXPECT_TRUE(rig.ring(i).started()) << i;
    EXPECT_EQ(rig.ring(i).enabled(), i < 2) << i;
  }
  EXPECT_FALSE(rig.ring(6).mentioned());
  EXPECT_EQ(rig.Complaints(), "");
}

TEST(DeviceLifecycle, TheBackendGetsTheForwardedFeaturesAndBit30) {
  SimRig rig;

  ASSERT_TRUE(rig.Run(2));

  const uint64_t bit30 = backend_sim::Bit(backend_sim::kBitProtocolFeatures);
  EXPECT_EQ(rig.world.model().session().features,
            rig.device->forwarded().low() | bit30);
  EXPECT_TRUE(rig.device->forwarded().Has(Feature::kNetMq));
  EXPECT_FALSE(rig.device->forwarded().Has(Feature::kNetCtrlVq));
}

TEST(DeviceLifecycle, GatesAreOpenWhileTheDeviceRunsAndAtNoOtherTime) {
  RecordingRig rig;
  ASSERT_TRUE(rig.Prepare(2));
  EXPECT_FALSE(GateOpen(*rig.device, 0));

  ASSERT_TRUE(rig.device->Start());
  for (uint16_t i = 0; i < 4; ++i) EXPECT_TRUE(GateOpen(*rig.device, i)) << i;

  ASSERT_TRUE(rig.device->Stop());
  for (uint16_t i = 0; i < 4; ++i) EXPECT_FALSE(GateOpen(*rig.device, i)) << i;

  ASSERT_TRUE(rig.device->Start());
  rig.backend->Close();
  (void)rig.device->Poll();
  for (uint16_t i = 0; i < 4; ++i) EXPECT_FALSE(GateOpen(*rig.device, i)) << i;
}

TEST(DeviceLifecycle, TheGateOfARingWithoutMemoryStaysClosed) {
  RecordingRig rig;
  ASSERT_TRUE(
      rig.Create({.queue_pairs = 2, .queue_size = 8, .control_queue = true}));
  ASSERT_TRUE(rig.driver->SetUp(1));

  ASSERT_TRUE(rig.device->Start());

  EXPECT_TRUE(GateOpen(*rig.device, 1));
  EXPECT_FALSE(GateOpen(*rig.device, 2));
}

TEST(DeviceLifecycle, StartNeedsANegotiatedDevice) {
  RecordingRig rig;
  ASSERT_TRUE(rig.Create());

  EXPECT_THAT(TextOf(rig.device->Start()), HasSubstr("negotiate first"));
  EXPECT_EQ(CodeOf(rig.device->Start()), ErrorCode::kWrongState);
}

TEST(DeviceLifecycle, S13_StopVisitsEveryRingAfterTheFirstGetVringBaseFails) {
  for (size_t failing = 0; failing < 6; ++failing) {
    SCOPED_TRACE(failing);
    RecordingRig rig;
    ASSERT_TRUE(rig.Run(3));
    for (uint16_t i = 0; i < 6; ++i) {
      rig.device->vring(i).ring.published.index = 8;
      rig.backend->base_answers[i] = 4;
    }
    rig.backend->FailWhenSent(2 + failing,
                              Error::Make(ErrorCode::kRefused, "no base"));

    const Result<void> stopped = rig.device->Stop();

    ASSERT_FALSE(stopped);
    EXPECT_EQ(stopped.error().text(), "no base");
    EXPECT_THAT(rig.backend->sent(),
                ElementsAre("ENABLE 0 off", "ENABLE 1 off", "--", "GET_BASE 0",
                            "GET_BASE 1", "GET_BASE 2", "GET_BASE 3",
                            "GET_BASE 4", "GET_BASE 5", "STATUS 0x0"));
    for (uint16_t i = 0; i < 6; ++i) {
      EXPECT_EQ(rig.device->vring(i).base.avail, i == failing ? 0 : 4) << i;
    }
    EXPECT_EQ(rig.device->state(), DeviceState::kNeedsReset);
    EXPECT_EQ(rig.device->active_pairs(), 0);
  }
}

TEST(DeviceLifecycle, S13_TheFirstOfSeveralStopErrorsIsReturned) {
  RecordingRig rig;
  ASSERT_TRUE(rig.Run(1));
  rig.backend->FailWhenSent(1, Error::Make(ErrorCode::kRefused, "first"));
  rig.backend->FailWhenSent(2, Error::Make(ErrorCode::kRefused, "second"));

  EXPECT_EQ(TextOf(rig.device->Stop()), "first");
}

TEST(DeviceLifecycle, AFailureThatLeavesEveryRingStoppedNeedsNoReset) {
  // Both ENABLEs.
  for (const size_t failing : {size_t{0}, size_t{1}}) {
    SCOPED_TRACE(failing);
    RecordingRig rig;
    ASSERT_TRUE(rig.Run(1));
    rig.backend->FailWhenSent(failing, Error::Make(ErrorCode::kRefused, "no"));

    EXPECT_FALSE(rig.device->Stop());

    EXPECT_EQ(rig.device->state(), DeviceState::kNegotiated);
    EXPECT_TRUE(rig.device->Start());
  }
}

// The back-end still has DRIVER_OK, from which no start can begin.
TEST(DeviceLifecycle, AStatusThatCouldNotBeResetNeedsAReset) {
  RecordingRig rig;
  ASSERT_TRUE(rig.Run(1));
  rig.backend->FailWhenSent(4, Error::Make(ErrorCode::kRefused, "no reset"));

  const Result<void> stopped = rig.device->Stop();

  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().text(), "no reset");
  EXPECT_EQ(rig.device->state(), DeviceState::kNeedsReset);
}

TEST(DeviceLifecycle, S16_H5_AMemoryEventAfterARestartTouchesPairZeroAlone) {
  RecordingRig rig;
  ASSERT_TRUE(rig.Run(3));
  ASSERT_EQ(rig.driver->SetPairs(3), kCtrlAckOk);
  ASSERT_TRUE(rig.device->Stop());
  ASSERT_TRUE(rig.device->Start());
  EXPECT_EQ(rig.device->active_pairs(), 1);
  (void)rig.backend->Take();

  ASSERT_TRUE(rig.memory.AddRegion(4096));

  EXPECT_THAT(rig.backend->sent(),
              ElementsAre("ENABLE 0 off", "ENABLE 1 off", "TABLE 3", "--",
                          "ENABLE 0 on", "ENABLE 1 on", "--"));
}

TEST(DeviceLifecycle, S17_LosingThePeerImpliesStopped) {
  SimRig rig;
  ASSERT_TRUE(rig.Run(2));
  rig.world.channel().PeerCloses();
  (void)rig.device->Poll();

  EXPECT_TRUE(rig.device->Stop());

  EXPECT_EQ(rig.device->state(), DeviceState::kNeedsReset);
  EXPECT_EQ(rig.device->active_pairs(), 0);
}

TEST(DeviceLifecycle, S17_AStopThatFindsThePeerGoneEndsInNeedsReset) {
  SimRig rig;
  ASSERT_TRUE(rig.Run(2));
  rig.world.channel().PeerCloses();

  const Result<void> stopped = rig.device->Stop();

  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code(), ErrorCode::kDisconnected);
  EXPECT_EQ(rig.device->state(), DeviceState::kNeedsReset);
  EXPECT_EQ(rig.device->link(), LinkState::kDown);
  EXPECT_TRUE(rig.device->Stop());
}

TEST(DeviceLifecycle, APollerThatDoesNotLeaveEndsInDeadlineAndNeedsReset) {
  SimRig rig;
  ASSERT_TRUE(rig.Run(2));
  const RingTurn stuck(rig.device->vring(3).ring.gate);

  const Result<void> stopped = rig.device->Stop();

  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code(), ErrorCode::kDeadline);
  EXPECT_EQ(rig.device->state(), DeviceState::kNeedsReset);
  // The back-end was stopped all the same, and the connection is as good.
  for (size_t i = 0; i < 4; ++i) EXPECT_FALSE(rig.ring(i).started()) << i;
  EXPECT_EQ(rig.device->link(), LinkState::kUp);
}

// As the real one does: while it waits, time passes.
class WaitingQuiescer final : public Quiescer {
 public:
  explicit WaitingQuiescer(backend_sim::SimClock& clock) : clock_(clock) {}
  Result<void> WaitIdle(std::span<const RingGate* const> gates,
                        Duration budget) override {
    if (std::ranges::none_of(gates, &RingGate::busy)) return {};
    clock_.AdvanceTo(clock_.now() + budget);
    waited_ += budget;
    return Fail(ErrorCode::kDeadline, "a poller is still inside a ring");
  }
  Duration waited() const { return waited_; }

 private:
  Duration waited_{};
  backend_sim::SimClock& clock_;
};

TEST(DeviceLifecycle, WaitingForAPollerLeavesTimeToStopTheBackend) {
  for (const bool memory_goes : {false, true}) {
    SimRig rig;
    WaitingQuiescer quiescer(rig.world.clock());
    auto made =
        Device::Create(SimRig::Options(1), {.backend = rig.MakeBackend(),
                                            .memory = rig.world.memory(),
                                            .fds = rig.world.fds(),
                                            .quiescer = quiescer});
    ASSERT_TRUE(made);
    rig.device = *std::move(made);
    rig.driver.emplace(*rig.device, rig.world.memory());
    ASSERT_TRUE(rig.driver->SetUp(1));
    ASSERT_TRUE(rig.device->Start());
    const RingTurn stuck(rig.device->vring(0).ring.gate);
    const auto begin = rig.world.clock().now();

    if (memory_goes) {
      rig.world.memory().AnnounceUnknown(
          MemoryEvent::Kind::kRemoving,
          std::span(rig.device->vring(1).ring.layout.desc, 16));
    } else {
      EXPECT_EQ(CodeOf(rig.device->Stop()), ErrorCode::kDeadline);
    }

    EXPECT_EQ(quiescer.waited(), kDefaultCallBudget / 2);
    EXPECT_LE(rig.world.clock().now() - begin, kDefaultCallBudget);
    EXPECT_EQ(rig.device->state(), DeviceState::kNeedsReset);
    EXPECT_EQ(rig.device->link(), LinkState::kUp);
    for (size_t i = 0; i < 2; ++i) EXPECT_FALSE(rig.ring(i).started()) << i;
  }
}

TEST(DeviceLifecycle, AReattachUnderAStuckPollerFailsAndLeavesNoConnection) {
  SimRig rig;
  ASSERT_TRUE(rig.Run(1));
  {
    const RingTurn stuck(rig.device->vring(0).ring.gate);
    EXPECT_EQ(CodeOf(rig.device->Reattach()), ErrorCode::kDeadline);
  }
  EXPECT_EQ(rig.device->state(), DeviceState::kNeedsReset);
  EXPECT_EQ(rig.device->link(), LinkState::kDown);
  EXPECT_EQ(rig.device->active_pairs(), 0);

  EXPECT_TRUE(rig.device->Reattach());
}

TEST(DeviceLifecycle, APeerWithBit30AndNoVersion1NeverSeesFeaturesOk) {
  Personality old = Personality::Conforming();
  old.features &= ~backend_sim::Bit(backend_sim::kBitVersion1);
  SimRig rig(old);

  ASSERT_TRUE(rig.Run(2));

  EXPECT_EQ(rig.world.model().session().status, 0x07);
  EXPECT_EQ(rig.Complaints(), "");
}

TEST(DeviceLifecycle, ABackendThatClearsFeaturesOkIsToldNothingMore) {
  Personality picky = Personality::Conforming();
  picky.accepts_features_ok = false;
  SimRig rig(picky);

  const Result<void> started = rig.Run(1);

  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code(), ErrorCode::kRefused);
  EXPECT_EQ(rig.device->state(), DeviceState::kNegotiated);
  EXPECT_TRUE(rig.world.model().memory().empty());
}

TEST(DeviceLifecycle, S10_StartGoesOnOnlyWhenTheTableIsTaken) {
  for (const bool has_ack : {true, false}) {
    Personality personality = Personality::Conforming();
    personality.max_regions = 1;  // The provider has two.
    personality.protocol_features &=
        ~backend_sim::Bit(backend_sim::kProtocolMemSlots);
    if (!has_ack) {
      personality.protocol_features &=
          ~backend_sim::Bit(backend_sim::kProtocolReplyAck);
    }
    SimRig rig(personality);

    const Result<void> started = rig.Run(1);

    ASSERT_FALSE(started);
    EXPECT_EQ(started.error().code(),
              has_ack ? ErrorCode::kRefused : ErrorCode::kDisconnected);
    EXPECT_NE(rig.device->state(), DeviceState::kRunning);
  }
}

}  // namespace
}  // namespace virtio_user
