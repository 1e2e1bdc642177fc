// SPDX-License-Identifier: BSD-3-Clause
//
// Memory that is added and removed while a device exists.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/fakes/outcome.h"
#include "tests/fakes/recording_rig.h"
#include "tests/fakes/sim_rig.h"

namespace virtio_user {
namespace {

using backend_sim::Personality;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing_support::CodeOf;
using testing_support::ReasonOf;
using testing_support::RecordingRig;
using testing_support::SimRig;

using Kind = MemoryEvent::Kind;

// The middle page of the last region of a provider.
std::span<const std::byte> PageOfLastRegion(MemoryProvider& memory) {
  std::span<const std::byte> page;
  memory.WithTable([&](const MemoryTable& table) {
    page = table.regions().back().host.subspan(8192, 4096);
  });
  return page;
}

// The region in which a device's ring lies.
std::span<const std::byte> RegionOfRing(MemoryProvider& memory,
                                        const RingLayout& ring) {
  std::span<const std::byte> host;
  memory.WithTable([&](const MemoryTable& table) {
    for (const MemoryRegion& region : table.regions()) {
      if (ring.Touches(region.host)) host = region.host;
    }
  });
  return host;
}

// Takes whole tables alone, as most back-ends do.
Personality WithoutSlots() {
  Personality personality = Personality::Conforming();
  personality.protocol_features &=
      ~backend_sim::Bit(backend_sim::kProtocolMemSlots);
  return personality;
}

size_t PublishedRegions(SimRig& rig) {
  return rig.world.model().memory().Descriptions().size();
}

TEST(DeviceMemory, F16_WhatIsAddedAndRemovedReachesTheBackend) {
  SimRig rig(WithoutSlots());
  ASSERT_TRUE(rig.Run(3));
  ASSERT_EQ(rig.driver->SetPairs(2), kCtrlAckOk);
  ASSERT_EQ(PublishedRegions(rig), 2u);

  const auto region = rig.world.memory().AddRegion(4096);
  ASSERT_TRUE(region);
  EXPECT_EQ(PublishedRegions(rig), 3u);
  ASSERT_TRUE(rig.world.memory().RemoveRegion(*region));

  EXPECT_EQ(PublishedRegions(rig), 2u);
  EXPECT_EQ(rig.device->state(), DeviceState::kRunning);
  for (size_t i = 0; i < 4; ++i) EXPECT_TRUE(rig.ring(i).enabled()) << i;
  EXPECT_FALSE(rig.ring(4).enabled());
  EXPECT_EQ(rig.Complaints(), "");
}

TEST(DeviceMemory, TheBackendDropsARangeWhileItsMemoryIsStillThere) {
  SimRig rig(WithoutSlots());
  ASSERT_TRUE(rig.Run(1));

  rig.world.memory().AnnounceUnknown(Kind::kRemoving,
                                     PageOfLastRegion(rig.world.memory()));

  // The region was cut in two.
  EXPECT_EQ(PublishedRegions(rig), 3u);
  EXPECT_EQ(rig.Complaints(), "");
}

TEST(DeviceMemory, MoreRegionsThanTheWireTakesAreReportedAndOldOnesServe) {
  SimRig rig(WithoutSlots());
  ASSERT_TRUE(rig.Run(1));
  for (int i = 0; i < 6; ++i) ASSERT_TRUE(rig.world.memory().AddRegion(4096));
  ASSERT_EQ(PublishedRegions(rig), 8u);
  (void)rig.device->Poll();

  const auto ninth = rig.world.memory().AddRegion(4096);
  ASSERT_TRUE(ninth);

  EXPECT_EQ(rig.device->state(), DeviceState::kRunning);
  EXPECT_TRUE(rig.device->Poll().memory_trouble);
  EXPECT_TRUE(rig.ring(0).enabled());
  // Once it is gone there is nothing to say.
  ASSERT_TRUE(rig.world.memory().RemoveRegion(*ninth));
  EXPECT_FALSE(rig.device->Poll().memory_trouble);
  EXPECT_EQ(rig.device->state(), DeviceState::kRunning);
  EXPECT_EQ(rig.Complaints(), "");
}

TEST(DeviceMemory, AStartWithMoreRegionsThanTheWireTakesSaysSo) {
  SimRig rig(WithoutSlots());
  ASSERT_TRUE(rig.Prepare(1));
  for (int i = 0; i < 7; ++i) ASSERT_TRUE(rig.world.memory().AddRegion(4096));

  const Result<void> started = rig.device->Start();

  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(rig.device->state(), DeviceState::kNegotiated);
  ASSERT_TRUE(
      rig.world.memory().RemoveRegion(rig.world.memory().region_ids().back()));
  EXPECT_TRUE(rig.device->Start());
}

// Otherwise the back-end would go on reading and writing what is somebody
// else's by then.
TEST(DeviceMemory, ARemovalThatCannotBeSharedStopsTheRings) {
  RecordingRig rig;
  ASSERT_TRUE(rig.Run(1));
  rig.backend->max_regions = 2;

  rig.memory.AnnounceUnknown(Kind::kRemoving, PageOfLastRegion(rig.memory));

  EXPECT_THAT(rig.backend->Take(),
              ElementsAre("ENABLE 0 off", "ENABLE 1 off", "--", "GET_BASE 0",
                          "GET_BASE 1", "STATUS 0x0"));
  EXPECT_EQ(rig.device->state(), DeviceState::kNeedsReset);
  const DeviceEvents events = rig.device->Poll();
  EXPECT_TRUE(events.memory_trouble);
  EXPECT_TRUE(events.needs_reset);
  EXPECT_EQ(ReasonOf(events), "3 regions are too many");
}

TEST(DeviceMemory, ARemovalThatTheBackendRefusesStopsTheRings) {
  RecordingRig rig;
  ASSERT_TRUE(rig.Run(1));
  rig.backend->FailWhenSent(2, Error::Make(ErrorCode::kRefused, "table"));

  ASSERT_TRUE(rig.memory.RemoveRegion(rig.memory.region_ids().back()));

  EXPECT_THAT(rig.backend->sent(), Contains("GET_BASE 1"));
  EXPECT_EQ(rig.device->state(), DeviceState::kNeedsReset);
  EXPECT_EQ(ReasonOf(rig.device->Poll()), "table");
}

TEST(DeviceMemory, EveryOperationOfAnEventThatLosesThePeerNeedsAReset) {
  // 2 ENABLE, TABLE, 2 ENABLE.
  for (const bool removing : {false, true}) {
    for (size_t k = 0; k < 5; ++k) {
      SCOPED_TRACE(testing::Message() << removing << ", operation " << k);
      RecordingRig rig;
      ASSERT_TRUE(rig.Run(1));
      rig.backend->FailWhenSent(k, Error::Make(ErrorCode::kDeadline, "late"));

      if (removing) {
        ASSERT_TRUE(rig.memory.RemoveRegion(rig.memory.region_ids().back()));
      } else {
        ASSERT_TRUE(rig.memory.AddRegion(4096));
      }

      EXPECT_EQ(rig.device->state(), DeviceState::kNeedsReset);
      EXPECT_EQ(rig.device->link(), LinkState::kDown);
      EXPECT_FALSE(rig.device->vring(0).ring.gate.open());
      EXPECT_TRUE(rig.device->Poll().memory_trouble);
      ASSERT_TRUE(rig.device->Reattach());
      EXPECT_TRUE(rig.device->Start());
    }
  }
}

TEST(DeviceMemory, RingsInMemoryThatGoesAreStoppedFirstAndForgotten) {
  SimRig rig(WithoutSlots());
  ASSERT_TRUE(rig.Run(1));
  const RingLayout ring = rig.device->vring(0).ring.layout;

  rig.world.memory().AnnounceUnknown(Kind::kRemoving,
                                     RegionOfRing(rig.world.memory(), ring));

  EXPECT_FALSE(rig.ring(0).started());
  EXPECT_FALSE(rig.device->vring(0).configured());
  EXPECT_EQ(rig.device->state(), DeviceState::kNeedsReset);
  EXPECT_TRUE(rig.device->Poll().needs_reset);
  // The control ring lay there too.
  EXPECT_EQ(CodeOf(rig.device->NotifyControlQueue()), ErrorCode::kWrongState);
  // New rings, and it goes on.
  ASSERT_TRUE(rig.device->Reattach());
  ASSERT_TRUE(rig.driver->ConfigurePairs(1));
  EXPECT_TRUE(rig.device->Start());
  EXPECT_EQ(rig.Complaints(), "");
}

// Commands cannot be served any more, packets can.
TEST(DeviceMemory, AControlRingInMemoryThatGoesIsForgottenAndReported) {
  RecordingRig rig;
  ASSERT_TRUE(rig.Run(1));
  const RingLayout& ring = rig.driver->control_ring();

  rig.memory.AnnounceUnknown(Kind::kRemoving, {ring.desc, 16});

  EXPECT_EQ(rig.device->state(), DeviceState::kRunning);
  const DeviceEvents events = rig.device->Poll();
  EXPECT_TRUE(events.memory_trouble);
  EXPECT_FALSE(events.needs_reset);
  EXPECT_THAT(ReasonOf(events), HasSubstr("control ring"));
  EXPECT_EQ(CodeOf(rig.device->NotifyControlQueue()), ErrorCode::kWrongState);
  // As the reason says.
  ASSERT_TRUE(rig.device->Stop());
  ASSERT_TRUE(rig.driver->ConfigureControl());
  ASSERT_TRUE(rig.device->Start());
  EXPECT_EQ(rig.driver->SetPairs(1), kCtrlAckOk);
}

TEST(DeviceMemory, TheReasonOfAResetIsNotReplacedByTheControlRingsLoss) {
  RecordingRig rig;
  ASSERT_TRUE(rig.Run(1));
  ASSERT_FALSE(rig.driver->BreakControlRing());
  const RingLayout& ring = rig.driver->control_ring();

  rig.memory.AnnounceUnknown(Kind::kRemoving, {ring.desc, 16});

  const DeviceEvents events = rig.device->Poll();
  EXPECT_TRUE(events.needs_reset);
  EXPECT_TRUE(events.memory_trouble);
  EXPECT_THAT(ReasonOf(events), HasSubstr("the control queue is broken"));
}

// What the poller reads stays as it is until the poller has left.
TEST(DeviceMemory, ARingIsNotForgottenUnderItsPoller) {
  for (const bool peer_lost : {false, true}) {
    RecordingRig rig;
    ASSERT_TRUE(rig.Run(1));
    const RingLayout ring = rig.device->vring(0).ring.layout;
    if (peer_lost) rig.backend->Close();
    {
      const RingTurn turn(rig.device->vring(0).ring.gate);
      ASSERT_TRUE(turn.entered());
      (void)rig.device->Poll();

      rig.memory.AnnounceUnknown(Kind::kRemoving,
                                 RegionOfRing(rig.memory, ring));

      EXPECT_EQ(rig.device->state(), DeviceState::kNeedsReset);
      EXPECT_EQ(rig.device->vring(0).ring.layout.desc, ring.desc);
      EXPECT_EQ(CodeOf(rig.device->Reattach()), ErrorCode::kDeadline);
    }
    ASSERT_TRUE(rig.device->Reattach());
    EXPECT_FALSE(rig.device->vring(0).configured());
  }
}

TEST(DeviceMemory, AReattachTouchesNoRingWhoseMemoryIsGone) {
  RecordingRig rig;
  ASSERT_TRUE(rig.Run(1));
  rig.backend->Close();
  (void)rig.device->Poll();
  rig.driver->FreeMemory();
  // Both regions: the provider unmaps what the rings lay in.
  for (const auto id : rig.memory.region_ids()) {
    ASSERT_TRUE(rig.memory.RemoveRegion(id));
  }

  EXPECT_TRUE(rig.device->Reattach());

  EXPECT_FALSE(rig.device->vring(0).configured());
  EXPECT_FALSE(rig.device->vring(1).configured());
}

TEST(DeviceMemory, PairsAreReplayedAfterAMemoryTroubleToo) {
  RecordingRig rig;
  ASSERT_TRUE(rig.Run(3));
  ASSERT_EQ(rig.driver->SetPairs(2), kCtrlAckOk);
  rig.backend->max_regions = 2;
  rig.memory.AnnounceUnknown(Kind::kRemoving, PageOfLastRegion(rig.memory));
  ASSERT_EQ(rig.device->state(), DeviceState::kNeedsReset);

  ASSERT_TRUE(rig.device->Reattach());
  ASSERT_TRUE(rig.device->Start());

  EXPECT_EQ(rig.device->active_pairs(), 2);
}

TEST(DeviceMemory, RingsThatRunOnAfterADriversFaultStopBeforeMemoryGoes) {
  SimRig rig(WithoutSlots());
  ASSERT_TRUE(rig.Run(1));
  const auto id = rig.world.memory().AddRegion(4096);
  ASSERT_TRUE(id);
  ASSERT_FALSE(rig.driver->BreakControlRing());
  ASSERT_EQ(rig.device->state(), DeviceState::kNeedsReset);
  ASSERT_TRUE(rig.world.model().AnyStarted());

  ASSERT_TRUE(rig.world.memory().RemoveRegion(*id));

  EXPECT_FALSE(rig.world.model().AnyStarted());
  EXPECT_EQ(rig.Complaints(), "");
}

TEST(DeviceMemory, ALegacyPeerGetsTheTableWithoutAPause) {
  SimRig rig(Personality::Legacy());
  ASSERT_TRUE(rig.Run(1));

  ASSERT_TRUE(rig.world.memory().AddRegion(4096));

  EXPECT_EQ(PublishedRegions(rig), 3u);
  EXPECT_EQ(rig.device->state(), DeviceState::kRunning);
  EXPECT_EQ(rig.Complaints(), "");
}

TEST(DeviceMemory, AnEventWhileAPeerIsAwayIsLeftToTheNextStart) {
  SimRig rig(WithoutSlots());
  ASSERT_TRUE(rig.Run(1));
  rig.world.channel().PeerCloses();
  (void)rig.device->Poll();

  ASSERT_TRUE(rig.world.memory().AddRegion(4096));
  rig.world.channel().PeerConnects();
  ASSERT_TRUE(rig.device->Reattach());
  ASSERT_TRUE(rig.device->Start());

  EXPECT_EQ(PublishedRegions(rig), 3u);
  EXPECT_FALSE(rig.device->Poll().memory_trouble);
}

TEST(DeviceMemory, ASurplusRegionGoesAsItCame) {
  RecordingRig rig;
  ASSERT_TRUE(rig.Run(1));
  rig.backend->max_regions = 3;
  ASSERT_TRUE(rig.memory.AddRegion(4096));
  ASSERT_TRUE(rig.memory.AddRegion(4096));
  const auto surplus = rig.memory.AddRegion(4096);
  ASSERT_TRUE(surplus);
  ASSERT_TRUE(rig.device->Poll().memory_trouble);
  (void)rig.backend->Take();

  ASSERT_TRUE(rig.memory.RemoveRegion(*surplus));

  EXPECT_EQ(rig.device->state(), DeviceState::kRunning);
  EXPECT_TRUE(rig.backend->Take().empty());
}

// The device is pinned to one budget even where it has to stop as well.
TEST(DeviceMemory, OneEventIsOneCall) {
  RecordingRig rig;
  ASSERT_TRUE(rig.Run(1));
  rig.backend->max_regions = 2;
  const size_t before = rig.backend->calls_begun();

  rig.memory.AnnounceUnknown(Kind::kRemoving, PageOfLastRegion(rig.memory));

  EXPECT_EQ(rig.backend->calls_begun(), before + 1);
}

// S54: only the back-end pauses; a poller keeps its rings.
TEST(DeviceMemory, S54_PollersKeepTheirRingsDuringAnEvent) {
  RecordingRig rig;
  ASSERT_TRUE(rig.Run(1));
  const RingTurn turn(rig.device->vring(0).ring.gate);
  ASSERT_TRUE(turn.entered());

  ASSERT_TRUE(rig.memory.AddRegion(4096));

  EXPECT_TRUE(rig.device->vring(0).ring.gate.open());
  EXPECT_EQ(rig.device->state(), DeviceState::kRunning);
  EXPECT_EQ(rig.quiescer.wait_count(), 0u);
}

}  // namespace
}  // namespace virtio_user
