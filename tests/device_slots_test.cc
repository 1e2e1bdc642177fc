// SPDX-License-Identifier: BSD-3-Clause
//
// Memory that is added and removed under a back-end with memory slots.

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
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing_support::ReasonOf;
using testing_support::RecordingRig;
using testing_support::SimRig;

using Kind = MemoryEvent::Kind;

std::span<const std::byte> PageOfRegion(MemoryProvider& memory, size_t index) {
  std::span<const std::byte> page;
  memory.WithTable([&](const MemoryTable& table) {
    page = table.regions()[index].host.subspan(8192, 4096);
  });
  return page;
}

size_t PublishedRegions(SimRig& rig) {
  return rig.world.model().memory().Descriptions().size();
}

// The requests in the transcript from line `from` on.
std::string Requests(SimRig& rig, size_t from) {
  return rig.world.transcript().substr(from);
}

struct SlotsRig : RecordingRig {
  SlotsRig() { backend->capabilities.memory_slots = true; }
};

TEST(DeviceSlots, MemoryComesAndGoesWithoutAPause) {
  SimRig rig;
  ASSERT_TRUE(rig.Run(3));
  ASSERT_EQ(rig.driver->SetPairs(2), kCtrlAckOk);
  const size_t before = rig.world.transcript().size();

  const auto region = rig.world.memory().AddRegion(4096);
  ASSERT_TRUE(region);
  EXPECT_EQ(PublishedRegions(rig), 3u);
  ASSERT_TRUE(rig.world.memory().RemoveRegion(*region));

  EXPECT_EQ(PublishedRegions(rig), 2u);
  const std::string sent = Requests(rig, before);
  EXPECT_THAT(sent, HasSubstr("ADD_MEM_REG"));
  EXPECT_THAT(sent, HasSubstr("REM_MEM_REG"));
  for (const char* other : {"ENABLE", "SET_MEM_TABLE", "VRING", "STATUS"}) {
    EXPECT_THAT(sent, Not(HasSubstr(other)));
  }
  for (size_t i = 0; i < 4; ++i) EXPECT_TRUE(rig.ring(i).started()) << i;
  EXPECT_EQ(rig.device->state(), DeviceState::kRunning);
  EXPECT_EQ(rig.Complaints(), "");
}

TEST(DeviceSlots, AStartAddsEachRegionAndSendsNoTable) {
  SimRig rig;
  ASSERT_TRUE(rig.Run(1));
  const std::string sent = rig.world.transcript();
  EXPECT_THAT(sent, HasSubstr("ADD_MEM_REG"));
  EXPECT_THAT(sent, Not(HasSubstr("SET_MEM_TABLE")));
  EXPECT_EQ(PublishedRegions(rig), 2u);
}

// What comes later may have its address and its descriptor's number.
TEST(DeviceSlots, MemoryThatGoesWhileNoRingRunsIsTakenAwayAtOnce) {
  SimRig rig;
  ASSERT_TRUE(rig.Run(1));
  const auto region = rig.world.memory().AddRegion(4096);
  ASSERT_TRUE(region);
  ASSERT_TRUE(rig.device->Stop());
  ASSERT_EQ(PublishedRegions(rig), 3u);

  ASSERT_TRUE(rig.world.memory().RemoveRegion(*region));

  EXPECT_EQ(PublishedRegions(rig), 2u);
  ASSERT_TRUE(rig.world.memory().AddRegion(4096));
  EXPECT_EQ(PublishedRegions(rig), 2u);
  ASSERT_TRUE(rig.device->Start());
  EXPECT_EQ(PublishedRegions(rig), 3u);
  EXPECT_EQ(rig.device->state(), DeviceState::kRunning);
  EXPECT_EQ(rig.Complaints(), "");
}

TEST(DeviceSlots, BeforeTheFirstStartNothingIsTold) {
  SimRig rig;
  ASSERT_TRUE(rig.Prepare(1));
  const auto region = rig.world.memory().AddRegion(4096);
  ASSERT_TRUE(region);
  ASSERT_TRUE(rig.world.memory().RemoveRegion(*region));
  EXPECT_EQ(PublishedRegions(rig), 0u);
  ASSERT_TRUE(rig.device->Start());
  ASSERT_TRUE(rig.device->Reattach());
  ASSERT_TRUE(
      rig.world.memory().RemoveRegion(*rig.world.memory().AddRegion(4096)));
  EXPECT_EQ(PublishedRegions(rig), 0u);
  EXPECT_EQ(rig.Complaints(), "");
}

TEST(DeviceSlots, ARestartWithTheSameMemorySendsNoneOfIt) {
  SimRig rig;
  ASSERT_TRUE(rig.Run(1));
  ASSERT_TRUE(rig.device->Stop());
  const size_t before = rig.world.transcript().size();
  ASSERT_TRUE(rig.device->Start());
  EXPECT_THAT(Requests(rig, before), Not(HasSubstr("MEM_")));
}

TEST(DeviceSlots, ManyMoreRegionsThanATableHoldsWork) {
  SimRig rig;
  ASSERT_TRUE(rig.Prepare(1));
  for (int i = 0; i < 30; ++i) ASSERT_TRUE(rig.world.memory().AddRegion(4096));
  ASSERT_TRUE(rig.device->Start());
  for (int i = 0; i < 30; ++i) ASSERT_TRUE(rig.world.memory().AddRegion(4096));
  EXPECT_EQ(PublishedRegions(rig), 62u);
  ASSERT_TRUE(rig.device->Stop());
  ASSERT_TRUE(rig.device->Start());
  EXPECT_EQ(PublishedRegions(rig), 62u);
  EXPECT_FALSE(rig.device->Poll().memory_trouble);
  EXPECT_EQ(rig.Complaints(), "");
}

TEST(DeviceSlots, MoreRegionsThanSlotsAreReportedAndOldOnesServe) {
  Personality few = Personality::Conforming();
  few.max_slots = 12;
  SimRig rig(few);
  ASSERT_TRUE(rig.Run(1));
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(rig.world.memory().AddRegion(4096));
  ASSERT_EQ(PublishedRegions(rig), 12u);
  ASSERT_FALSE(rig.device->Poll().memory_trouble);

  const auto thirteenth = rig.world.memory().AddRegion(4096);
  ASSERT_TRUE(thirteenth);

  EXPECT_EQ(rig.device->state(), DeviceState::kRunning);
  EXPECT_TRUE(rig.ring(0).enabled());
  const DeviceEvents events = rig.device->Poll();
  EXPECT_TRUE(events.memory_trouble);
  EXPECT_THAT(ReasonOf(events), HasSubstr("12"));
  ASSERT_TRUE(rig.world.memory().RemoveRegion(*thirteenth));
  EXPECT_FALSE(rig.device->Poll().memory_trouble);
  EXPECT_EQ(rig.Complaints(), "");
}

// What REM_MEM_REG cannot say is said by a table, after a pause.
TEST(DeviceSlots, APartOfARegionThatGoesIsCutOutByATable) {
  SimRig rig;
  ASSERT_TRUE(rig.Run(1));
  const size_t before = rig.world.transcript().size();

  rig.world.memory().AnnounceUnknown(Kind::kRemoving,
                                     PageOfRegion(rig.world.memory(), 1));

  EXPECT_EQ(PublishedRegions(rig), 3u);
  EXPECT_THAT(Requests(rig, before), HasSubstr("SET_MEM_TABLE"));
  EXPECT_TRUE(rig.ring(0).enabled());
  EXPECT_EQ(rig.device->state(), DeviceState::kRunning);
  EXPECT_EQ(rig.Complaints(), "");
}

TEST(DeviceSlots, APartThatGoesOfTooManyRegionsStopsTheRings) {
  SimRig rig;
  ASSERT_TRUE(rig.Run(1));
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(rig.world.memory().AddRegion(4096));

  rig.world.memory().AnnounceUnknown(Kind::kRemoving,
                                     PageOfRegion(rig.world.memory(), 1));

  EXPECT_FALSE(rig.world.model().AnyStarted());
  EXPECT_EQ(rig.device->state(), DeviceState::kNeedsReset);
  EXPECT_THAT(ReasonOf(rig.device->Poll()), HasSubstr("REM_MEM_REG"));
  EXPECT_EQ(rig.Complaints(), "");
}

// Only the new memory is not there: rings run on.
TEST(DeviceSlots, ARefusedAdditionIsReportedAndTriedAgain) {
  SimRig rig;
  ASSERT_TRUE(rig.Run(1));
  const uint64_t next = rig.world.server().message_count();
  rig.world.faults().Add({.kind = backend_sim::FaultKind::kRefuse, .at = next});

  ASSERT_TRUE(rig.world.memory().AddRegion(4096));

  EXPECT_EQ(PublishedRegions(rig), 2u);
  EXPECT_EQ(rig.device->state(), DeviceState::kRunning);
  EXPECT_TRUE(rig.ring(0).enabled());
  const DeviceEvents events = rig.device->Poll();
  EXPECT_TRUE(events.memory_trouble);
  EXPECT_FALSE(events.needs_reset);
  EXPECT_THAT(ReasonOf(events), HasSubstr("ADD_MEM_REG"));
  ASSERT_TRUE(rig.world.memory().AddRegion(4096));
  EXPECT_EQ(PublishedRegions(rig), 4u);
}

// Its descriptor may be another file's by the time that more goes.
TEST(DeviceSlots, WhatHasGoneIsNeverAddedAgain) {
  SimRig rig;
  ASSERT_TRUE(rig.Run(1));
  const auto first = rig.world.memory().AddRegion(4096);
  ASSERT_TRUE(first);
  const auto refuse = [&](uint64_t ahead) {
    rig.world.faults().Add({.kind = backend_sim::FaultKind::kRefuse,
                            .at = rig.world.server().message_count() + ahead});
  };
  refuse(0);
  const auto second = rig.world.memory().AddRegion(4096);
  ASSERT_TRUE(second);
  // REM_MEM_REG is carried out, and the ADD_MEM_REG behind it refused again.
  refuse(1);
  ASSERT_TRUE(rig.world.memory().RemoveRegion(*first));
  EXPECT_EQ(PublishedRegions(rig), 2u);
  ASSERT_TRUE(rig.device->Stop());
  const uint64_t before = rig.world.server().message_count();

  ASSERT_TRUE(rig.world.memory().RemoveRegion(*second));

  EXPECT_EQ(rig.world.server().message_count(), before);
  EXPECT_EQ(PublishedRegions(rig), 2u);
  EXPECT_EQ(rig.device->state(), DeviceState::kNegotiated);
}

// One commit may add what is taken and what is refused.
TEST(DeviceSlots, WhatCameBesideARefusedAdditionStaysWhenMoreGoes) {
  SimRig rig;
  ASSERT_TRUE(rig.Run(1));
  const auto first = rig.world.memory().AddRegion(4096);
  ASSERT_TRUE(first);
  for (int i = 0; i < 2; ++i) {
    rig.world.faults().Add({.kind = backend_sim::FaultKind::kRefuse,
                            .at = rig.world.server().message_count()});
    ASSERT_TRUE(rig.world.memory().AddRegion(4096));
  }
  ASSERT_EQ(PublishedRegions(rig), 4u) << "the last one was taken";
  const uint64_t before = rig.world.server().message_count();

  ASSERT_TRUE(rig.world.memory().RemoveRegion(*first));

  EXPECT_EQ(rig.world.server().message_count() - before, 2u)
      << "one that goes, and what was refused, which is there now";
  EXPECT_EQ(PublishedRegions(rig), 4u);
  EXPECT_EQ(rig.device->state(), DeviceState::kRunning);
}

// What it takes before the refusal, it has.
TEST(DeviceSlots, AfterAStartThatFailedOnlyWhatGoesIsTakenAway) {
  SlotsRig sound;
  ASSERT_TRUE(sound.Prepare(1));
  ASSERT_TRUE(sound.device->Start());
  std::vector<std::string> sent = sound.backend->Take();
  std::erase(sent, "--");
  const auto last = std::ranges::find(sent, "STATUS 0xf");
  ASSERT_NE(last, sent.end());
  SlotsRig rig;
  ASSERT_TRUE(rig.Prepare(1));
  rig.backend->FailWhenSent(static_cast<size_t>(last - sent.begin()),
                            Error::Make(ErrorCode::kRefused, "no"));
  ASSERT_FALSE(rig.device->Start());
  ASSERT_EQ(rig.device->state(), DeviceState::kNegotiated);
  const auto region = rig.memory.AddRegion(4096);
  ASSERT_TRUE(region);
  (void)rig.backend->Take();

  ASSERT_TRUE(rig.memory.RemoveRegion(*region));

  EXPECT_THAT(rig.backend->Take(), ElementsAre("CHANGE 2", "--"));
}

// A refusal, and then the connection, by what came behind it.
TEST(DeviceSlots, ARefusedRemovalThatLosesThePeerNeedsAReset) {
  SlotsRig rig;
  ASSERT_TRUE(rig.Run(1));
  const auto region = rig.memory.AddRegion(4096);
  ASSERT_TRUE(region);
  ASSERT_TRUE(rig.device->Stop());
  rig.backend->FailWhenSent(0, Error::Make(ErrorCode::kRefused, "no"));
  rig.backend->polls_to_live = 0;

  ASSERT_TRUE(rig.memory.RemoveRegion(*region));

  EXPECT_EQ(rig.device->state(), DeviceState::kNeedsReset);
  EXPECT_EQ(rig.device->link(), LinkState::kDown);
}

// The back-end would go on using what is somebody else's by then.
TEST(DeviceSlots, ARefusedRemovalStopsTheRings) {
  SimRig rig;
  ASSERT_TRUE(rig.Run(1));
  const auto region = rig.world.memory().AddRegion(4096);
  ASSERT_TRUE(region);
  const uint64_t next = rig.world.server().message_count();
  rig.world.faults().Add({.kind = backend_sim::FaultKind::kRefuse, .at = next});

  ASSERT_TRUE(rig.world.memory().RemoveRegion(*region));

  EXPECT_FALSE(rig.world.model().AnyStarted());
  EXPECT_EQ(rig.device->state(), DeviceState::kNeedsReset);
  const DeviceEvents events = rig.device->Poll();
  EXPECT_TRUE(events.memory_trouble);
  EXPECT_THAT(ReasonOf(events), HasSubstr("REM_MEM_REG"));
  ASSERT_TRUE(rig.device->Reattach());
  ASSERT_TRUE(rig.device->Start());
  EXPECT_EQ(PublishedRegions(rig), 2u);
}

TEST(DeviceSlots, ThePeersLossNeedsAReset) {
  for (const bool removing : {false, true}) {
    SlotsRig rig;
    ASSERT_TRUE(rig.Run(1));
    rig.backend->FailWhenSent(0, Error::Make(ErrorCode::kDeadline, "late"));
    if (removing) {
      ASSERT_TRUE(rig.memory.RemoveRegion(rig.memory.region_ids().back()));
    } else {
      ASSERT_TRUE(rig.memory.AddRegion(4096));
    }
    EXPECT_EQ(rig.device->state(), DeviceState::kNeedsReset);
    EXPECT_TRUE(rig.device->Poll().memory_trouble);
    ASSERT_TRUE(rig.device->Reattach());
    EXPECT_TRUE(rig.device->Start());
  }
}

TEST(DeviceSlots, WhereTheDifferenceCannotBeToldThePairsPause) {
  SlotsRig rig;
  ASSERT_TRUE(rig.Run(1));
  rig.backend->FailWhenQueued(0, Error::Make(ErrorCode::kUnsupported, "cut"));

  ASSERT_TRUE(rig.memory.AddRegion(4096));

  EXPECT_THAT(rig.backend->Take(),
              ElementsAre("ENABLE 0 off", "ENABLE 1 off", "TABLE 3", "--",
                          "ENABLE 0 on", "ENABLE 1 on", "--"));
}

TEST(DeviceSlots, EveryEventIsAskedOfTheBackendThatKnowsWhatItHas) {
  SlotsRig rig;
  ASSERT_TRUE(rig.Run(1));
  const auto region = rig.memory.AddRegion(4096);
  ASSERT_TRUE(region);
  ASSERT_TRUE(rig.memory.RemoveRegion(*region));
  EXPECT_THAT(rig.backend->Take(),
              ElementsAre("CHANGE 3", "--", "CHANGE 2", "--"));
}

}  // namespace
}  // namespace virtio_user
