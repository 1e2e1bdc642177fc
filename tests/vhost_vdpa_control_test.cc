// SPDX-License-Identifier: BSD-3-Clause
//
// The driver's commands on a vDPA device that has a control queue of its own.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/fakes/outcome.h"
#include "tests/fakes/vdpa_rig.h"

namespace virtio_user {
namespace {

using backend_sim::VdpaControlMode;
using backend_sim::VdpaPersonality;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing_support::CodeOf;
using testing_support::TestDriver;
using testing_support::VdpaRig;

constexpr DeviceOptions kFour = {.queue_pairs = 4, .control_queue = true};
constexpr DeviceOptions kOne = {.queue_pairs = 1, .control_queue = true};

struct ControlRig : VdpaRig {
  explicit ControlRig(VdpaPersonality personality = VdpaPersonality::Full())
      : VdpaRig(std::move(personality)) {}
  uint8_t Promiscuous(uint8_t on) {
    return driver->Command(CtrlClass::kRx, kCtrlRxPromisc, {on});
  }
  // Why, after a command that failed.
  std::string Refusal() {
    const DeviceEvents events = device->Poll();
    const auto& why =
        events.pairs_refused ? events.pairs_refused : events.command_refused;
    return why ? std::string(why->text()) : std::string();
  }
};

TEST(VhostVdpaControlTest, WhatTheDeviceServesIsOfferedAndForwarded) {
  ControlRig rig;
  ASSERT_TRUE(rig.Prepare(kFour));
  for (const Feature feature :
       {Feature::kNetCtrlVq, Feature::kNetCtrlRx, Feature::kNetCtrlVlan,
        Feature::kNetCtrlMacAddr, Feature::kNetMq, Feature::kNetGuestAnnounce,
        Feature::kNetRss, Feature::kNetHashReport, Feature::kNetStatus,
        Feature::kNetCtrlGuestOffloads, Feature::kNetMac}) {
    EXPECT_TRUE(rig.device->offered().Has(feature)) << FeatureName(feature);
    EXPECT_TRUE(rig.device->forwarded().Has(feature)) << FeatureName(feature);
  }
  EXPECT_FALSE(rig.device->offered().Has(Feature::kAccessPlatform));
}

TEST(VhostVdpaControlTest, WithoutAControlQueueNothingOfItIsForwarded) {
  ControlRig rig;
  ASSERT_TRUE(rig.Run({}));
  EXPECT_FALSE(rig.device->offered().HasAny(
      {Feature::kNetCtrlVq, Feature::kNetMq, Feature::kNetRss,
       Feature::kNetHashReport, Feature::kNetCtrlRx}));
  EXPECT_EQ(rig.vdpa.maps().size(), 2u);
  EXPECT_EQ(rig.Complaints(), "");
}

TEST(VhostVdpaControlTest, TheDevicesAckIsWhatTheDriverSees) {
  ControlRig rig;
  ASSERT_TRUE(rig.Run(kOne));
  EXPECT_EQ(rig.Promiscuous(1), kCtrlAckOk);
  EXPECT_TRUE(rig.device->control_state().promiscuous);
  EXPECT_EQ(rig.driver->Command(CtrlClass::kVlan, kCtrlVlanAdd, {7, 0}),
            kCtrlAckOk);
  EXPECT_EQ(
      rig.driver->Command(CtrlClass::kMac, kCtrlMacAddrSet, {2, 0, 0, 0, 0, 9}),
      kCtrlAckOk);
  EXPECT_THAT(rig.vdpa.TakeCommands(),
              ElementsAre("0 0 1 = 0", "2 0 7 0 = 0", "1 1 2 0 0 0 0 9 = 0"));
  rig.vdpa.personality().control = VdpaControlMode::kRefuses;
  EXPECT_EQ(rig.Promiscuous(0), kCtrlAckErr);
  EXPECT_TRUE(rig.device->control_state().promiscuous);
  EXPECT_THAT(rig.Refusal(), HasSubstr("refuses control command 0 of class 0"));
  EXPECT_EQ(rig.device->state(), DeviceState::kRunning);
}

TEST(VhostVdpaControlTest, WhatIsWrongNeverReachesTheDevice) {
  ControlRig rig;
  ASSERT_TRUE(rig.Run(kFour));
  EXPECT_EQ(rig.Promiscuous(2), kCtrlAckErr);
  EXPECT_EQ(rig.driver->SetPairs(0), kCtrlAckErr);
  EXPECT_EQ(rig.driver->SetPairs(5), kCtrlAckErr);
  EXPECT_EQ(
      rig.driver->Command(CtrlClass::kMac, kCtrlMacAddrSet, {1, 0, 0, 0, 0, 9}),
      kCtrlAckErr);
  // A table of three entries, a type of hash that the device lacks, no TX
  // queue, a key of another length than it says.
  EXPECT_EQ(
      rig.driver->Command(CtrlClass::kMq, kCtrlMqRssConfig,
                          {1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0}),
      kCtrlAckErr);
  EXPECT_EQ(rig.driver->Command(CtrlClass::kMq, kCtrlMqRssConfig,
                                {0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0}),
            kCtrlAckErr);
  EXPECT_EQ(rig.driver->Command(CtrlClass::kMq, kCtrlMqRssConfig,
                                {1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}),
            kCtrlAckErr);
  EXPECT_EQ(rig.driver->Command(CtrlClass::kMq, kCtrlMqRssConfig,
                                {1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 2, 9}),
            kCtrlAckErr);
  EXPECT_THAT(rig.vdpa.TakeCommands(), IsEmpty());
}

// struct virtio_net_config: rss_max_indirection_table_length is at 18.
TEST(VhostVdpaControlTest, ATableOfMoreEntriesThanTheDeviceSaysIsAnError) {
  VdpaPersonality personality = VdpaPersonality::Full();
  personality.config[18] = std::byte{2};
  personality.config[19] = std::byte{0};
  ControlRig rig(personality);
  ASSERT_TRUE(rig.Run(kFour));
  EXPECT_EQ(rig.driver->Command(
                CtrlClass::kMq, kCtrlMqRssConfig,
                {1, 0, 0, 0, 3, 0, 0, 0, 0, 0, 2, 0, 0, 0, 2, 0, 2, 0, 1, 9}),
            kCtrlAckErr);
  EXPECT_THAT(rig.vdpa.TakeCommands(), IsEmpty());
  EXPECT_EQ(
      rig.driver->Command(CtrlClass::kMq, kCtrlMqRssConfig,
                          {1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 2, 0, 2, 0, 1, 9}),
      kCtrlAckOk);
}

TEST(VhostVdpaControlTest, SteeringGoesToTheDeviceAsItIs) {
  ControlRig rig;
  ASSERT_TRUE(rig.Run(kFour));
  EXPECT_EQ(
      rig.driver->Command(CtrlClass::kMq, kCtrlMqRssConfig,
                          {1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 2, 0, 2, 0, 1, 9}),
      kCtrlAckOk);
  EXPECT_EQ(rig.driver->Command(CtrlClass::kMq, kCtrlMqHashConfig,
                                {1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 9}),
            kCtrlAckOk);
  EXPECT_THAT(rig.vdpa.TakeCommands(),
              ElementsAre("4 1 1 0 0 0 1 0 0 0 0 0 2 0 2 0 1 9 = 0",
                          "4 2 1 0 0 0 0 0 0 0 0 0 0 0 1 9 = 0"));
}

TEST(VhostVdpaControlTest, PairsAreACommandAndNoRingIsEnabledAfterDriverOk) {
  VdpaPersonality personality = VdpaPersonality::Full();
  personality.sees_late_enable = false;
  ControlRig rig(personality);
  ASSERT_TRUE(rig.Run(kFour));
  EXPECT_EQ(rig.device->active_pairs(), 1);
  EXPECT_EQ(rig.driver->SetPairs(3), kCtrlAckOk);
  EXPECT_EQ(rig.device->active_pairs(), 3);
  EXPECT_EQ(rig.vdpa.active_pairs(), 3);
  EXPECT_EQ(rig.driver->SetPairs(2), kCtrlAckOk);
  EXPECT_EQ(rig.vdpa.active_pairs(), 2);
  EXPECT_THAT(rig.vdpa.TakeCommands(),
              ElementsAre("4 0 3 0 = 0", "4 0 2 0 = 0"));
  EXPECT_EQ(rig.Complaints(), "");
}

TEST(VhostVdpaControlTest, RefusedPairsStayAsTheyWere) {
  ControlRig rig;
  ASSERT_TRUE(rig.Run(kFour));
  ASSERT_EQ(rig.driver->SetPairs(2), kCtrlAckOk);
  rig.vdpa.personality().control = VdpaControlMode::kRefuses;
  EXPECT_EQ(rig.driver->SetPairs(4), kCtrlAckErr);
  EXPECT_EQ(rig.device->active_pairs(), 2);
  EXPECT_THAT(rig.Refusal(), HasSubstr("refuses"));
}

// --- Devices that do not answer as they should -------------------------------

struct Bad {
  VdpaControlMode mode;
  ErrorCode code;
  const char* text;
};

class BadControl : public testing::TestWithParam<Bad> {};

TEST_P(BadControl, IsNamedWithinTheDeadlineAndNeedsAReset) {
  ControlRig rig;
  ASSERT_TRUE(rig.Run(kFour));
  rig.vdpa.personality().control = GetParam().mode;
  const Duration before = rig.clock.now();
  EXPECT_EQ(rig.driver->SetPairs(2), kCtrlAckErr);
  EXPECT_LE(rig.clock.now() - before, kDefaultCallBudget);
  EXPECT_EQ(rig.device->state(), DeviceState::kNeedsReset);
  const DeviceEvents events = rig.device->Poll();
  ASSERT_TRUE(events.reason);
  EXPECT_EQ(events.reason->code(), GetParam().code);
  EXPECT_THAT(std::string(events.reason->text()), HasSubstr(GetParam().text));
  EXPECT_FALSE(rig.vdpa.is_open());

  rig.vdpa.personality().control = VdpaControlMode::kServes;
  ASSERT_TRUE(rig.device->Reattach());
  ASSERT_TRUE(rig.device->Start());
  EXPECT_EQ(rig.driver->SetPairs(2), kCtrlAckOk);
}

INSTANTIATE_TEST_SUITE_P(
    All, BadControl,
    testing::Values(
        Bad{VdpaControlMode::kSilent, ErrorCode::kDeadline,
            "does not answer control command 0 of class 4"},
        Bad{VdpaControlMode::kWrongId, ErrorCode::kProtocol, "control queue"},
        Bad{VdpaControlMode::kWrongBytes, ErrorCode::kProtocol, "64"},
        Bad{VdpaControlMode::kWritesNothing, ErrorCode::kProtocol,
            "wrote 0 bytes"}));

TEST(VhostVdpaControlTest, ADeviceThatDiesBetweenTwoStartsFailsTheSecond) {
  ControlRig rig;
  ASSERT_TRUE(rig.Run(kOne));
  ASSERT_EQ(rig.Promiscuous(1), kCtrlAckOk);
  ASSERT_TRUE(rig.device->Stop());
  rig.vdpa.personality().control = VdpaControlMode::kSilent;
  EXPECT_EQ(CodeOf(rig.device->Start()), ErrorCode::kDeadline);
  EXPECT_EQ(rig.device->state(), DeviceState::kNeedsReset);
  EXPECT_FALSE(rig.vdpa.is_open());
}

TEST(VhostVdpaControlTest, NoPairsInTheConfigurationIsAnError) {
  VdpaPersonality personality = VdpaPersonality::Full();
  personality.config[8] = std::byte{0};
  ControlRig rig(personality);
  EXPECT_EQ(CodeOf(rig.Create(kFour)), ErrorCode::kProtocol);
}

// --- Where the queue lies ----------------------------------------------------

TEST(VhostVdpaControlTest, ItHasAnAddressSpaceOfItsOwnWhereTheDeviceHas) {
  ControlRig rig;
  ASSERT_TRUE(rig.Run(kOne));
  ASSERT_EQ(rig.vdpa.maps().size(), 3u);
  EXPECT_EQ(rig.vdpa.maps()[2].asid, 1u);
  EXPECT_EQ(rig.vdpa.maps()[2].size, 16384u);
  ASSERT_TRUE(rig.device->Stop());
  EXPECT_THAT(rig.vdpa.maps(), IsEmpty());
}

// Memory that comes to where the queue lies, in the one address space.
TEST(VhostVdpaControlTest, MemoryInItsPlaceIsRefused) {
  VdpaPersonality personality = VdpaPersonality::Full();
  personality.control_group = 0;
  ControlRig rig(personality);
  ASSERT_TRUE(rig.Run(kOne));
  ASSERT_EQ(rig.vdpa.maps().size(), 3u);
  MemoryTable table;
  rig.memory.WithTable([&](const MemoryTable& now) {
    MemoryRegion region = now.regions()[0].Part(0, 4096);
    region.iova = rig.vdpa.maps()[2].iova;
    ASSERT_TRUE(table.Add(region));
  });
  rig.backend->BeginCall(kDefaultCallBudget);
  const auto told = rig.backend->SetMemTable(table);
  EXPECT_EQ(CodeOf(told), ErrorCode::kInvalidArgument);
  EXPECT_THAT(std::string(told.error().text()),
              HasSubstr("the device's control queue lies there"));
  EXPECT_EQ(rig.vdpa.maps().size(), 3u);
}

TEST(VhostVdpaControlTest, ItFindsAHoleAboveOrBetweenTheMemory) {
  VdpaPersonality personality = VdpaPersonality::Full();
  personality.control_group = 0;
  ControlRig above(personality);
  ASSERT_TRUE(above.Run(kOne));
  EXPECT_EQ(above.vdpa.maps()[2].asid, 0u);
  EXPECT_EQ(above.vdpa.maps()[2].iova, (uint64_t{1} << 48) - 16384);
  EXPECT_EQ(above.Promiscuous(1), kCtrlAckOk);

  // The range ends with the second region.
  personality.last_iova = 0x810'0003'ffff;
  ControlRig between(personality);
  ASSERT_TRUE(between.Run(kOne));
  EXPECT_EQ(between.vdpa.maps()[2].iova, 0x80f'ffff'c000u);
  EXPECT_EQ(between.Promiscuous(1), kCtrlAckOk);
  EXPECT_EQ(between.Complaints(), "");
}

}  // namespace
}  // namespace virtio_user
