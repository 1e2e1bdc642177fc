// SPDX-License-Identifier: BSD-3-Clause

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "cli/run_plan.h"

namespace virtio_user::cli {
namespace {

using ::testing::ElementsAre;

std::vector<std::string> Names(const std::vector<Step>& steps) {
  std::vector<std::string> names;
  for (const Step& step : steps) names.push_back(step.name);
  return names;
}

uint64_t PacketSum(const std::vector<Step>& steps) {
  uint64_t sum = 0;
  for (const Step& step : steps) sum += step.packets;
  return sum;
}

TEST(RunPlanTest, WithFourPairs_GoesThroughEverything) {
  const auto steps = PlanRun({.pairs = 4,
                              .packets = 1000,
                              .traffic = TrafficKind::kEcho,
                              .multiqueue = true,
                              .control_rx = true});
  EXPECT_THAT(
      Names(steps),
      ElementsAre("start", "promiscuous mode", "echo, 1 pair", "1 -> 1 pair",
                  "1 -> 4 pairs", "echo, 4 pairs", "add a memory region",
                  "echo, 4 pairs", "remove the memory region", "echo, 4 pairs",
                  "4 -> 1 pair", "echo, 1 pair", "stop", "start again (1)",
                  "1 -> 4 pairs", "echo, 4 pairs", "stop", "start again (2)",
                  "1 -> 4 pairs", "echo, 4 pairs", "stop", "start again (3)",
                  "1 -> 4 pairs", "echo, 4 pairs", "stop"));
}

TEST(RunPlanTest, MostPackets_GoOverAllPairs) {
  const auto steps = PlanRun({.pairs = 4,
                              .packets = 1'000'000,
                              .traffic = TrafficKind::kEcho,
                              .multiqueue = true,
                              .control_rx = true});
  uint64_t over_all = 0;
  for (const Step& step : steps) {
    if (step.kind == StepKind::kTraffic && step.pairs == 4) {
      over_all += step.packets;
    }
  }
  EXPECT_EQ(over_all, 920'000u);
}

TEST(RunPlanTest, Restarts_ShareAQuarterOfThePackets) {
  for (const uint16_t restarts : {0, 1, 3, 7, 100}) {
    const auto steps = PlanRun({.pairs = 1,
                                .packets = 76'000,
                                .traffic = TrafficKind::kEcho,
                                .restarts = restarts});
    EXPECT_EQ(std::ranges::count(steps, StepKind::kStart, &Step::kind),
              restarts + 1);
    EXPECT_EQ(std::ranges::count(steps, StepKind::kStop, &Step::kind),
              restarts + 1);
    EXPECT_EQ(PacketSum(steps), 76'000u);
  }
}

TEST(RunPlanTest, PacketsOfAllSteps_AddUpForAnyCount) {
  for (uint64_t packets = 0; packets < 1000; ++packets) {
    EXPECT_EQ(PacketSum(PlanRun({.pairs = 3,
                                 .packets = packets,
                                 .traffic = TrafficKind::kEcho,
                                 .multiqueue = true,
                                 .control_rx = false})),
              packets);
  }
  constexpr uint64_t kMany = 9'999'999'999;
  EXPECT_EQ(PacketSum(PlanRun({.pairs = 3,
                               .packets = kMany,
                               .traffic = TrafficKind::kEcho,
                               .multiqueue = true,
                               .control_rx = false})),
            kMany);
}

TEST(RunPlanTest, WithoutMultiqueue_NoPairsAreSet) {
  const auto steps = PlanRun({.pairs = 1,
                              .packets = 100,
                              .traffic = TrafficKind::kEcho,
                              .multiqueue = false,
                              .control_rx = false});
  for (const Step& step : steps) {
    EXPECT_NE(step.kind, StepKind::kSetPairs);
    EXPECT_NE(step.kind, StepKind::kPromiscuous);
  }
}

TEST(RunPlanTest, WithoutTraffic_TheDeviceIsStillTakenThroughItsLife) {
  const auto steps = PlanRun({.pairs = 2,
                              .packets = 0,
                              .traffic = TrafficKind::kNone,
                              .multiqueue = true,
                              .control_rx = false});
  EXPECT_THAT(
      Names(steps),
      ElementsAre("start", "1 -> 1 pair", "1 -> 2 pairs", "add a memory region",
                  "remove the memory region", "2 -> 1 pair", "stop",
                  "start again (1)", "1 -> 2 pairs", "stop", "start again (2)",
                  "1 -> 2 pairs", "stop", "start again (3)", "1 -> 2 pairs",
                  "stop"));
}

}  // namespace
}  // namespace virtio_user::cli
