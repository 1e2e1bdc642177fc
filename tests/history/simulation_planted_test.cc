// SPDX-License-Identifier: BSD-3-Clause
//
// Mistakes that only a checker of the simulator notices: as many lives as it
// takes to meet each of them, in which nothing is found.

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "backend_sim/simulation/seed_run.h"

namespace backend_sim {
namespace {

// The first seed up to `seeds` with which something is found, and what; each
// life is lived once.
std::string FirstFound(size_t seeds) {
  static std::vector<std::string> found;
  const SeedRunOptions options = {
      .steps = 400,
      .simulation = {.trace = {.keep_last = 0, .keep_all = false},
                     .mappings = std::make_shared<MappingPool>()}};
  while (found.size() < seeds) {
    if (!found.empty() && !found.back().empty()) break;
    found.push_back(RunSeed(found.size() + 1, options).report.FirstText());
  }
  for (size_t i = 0; i < std::min(seeds, found.size()); ++i) {
    if (!found[i].empty()) {
      return "seed " + std::to_string(i + 1) + ": " + found[i];
    }
  }
  return "";
}

void ExpectNothingFound(size_t seeds) { EXPECT_EQ(FirstFound(seeds), ""); }

TEST(Planted, P01_EveryCommandIsSaidAgainAfterAReset) {
  ExpectNothingFound(300);
}
TEST(Planted, P02_NoCommandOfAnEarlierDriverIsSaidAgain) {
  ExpectNothingFound(80);
}
TEST(Planted, P03_AMemoryEventHasABudgetOfItsOwn) { ExpectNothingFound(300); }
TEST(Planted, P04_PollTellsThatAResetIsNeeded) { ExpectNothingFound(20); }
TEST(Planted, P05_TheLastSlotForMemoryIsUsed) { ExpectNothingFound(120); }
TEST(Planted, P06_MemoryThatIsRefusedLeavesTheDeviceRunning) {
  ExpectNothingFound(20);
}
TEST(Planted, P07_AnAnswerWithoutItsFlagIsNone) { ExpectNothingFound(120); }
TEST(Planted, P08_TheBaseOfAnotherRingIsNoAnswer) { ExpectNothingFound(900); }
TEST(Planted, P09_ARefusedRequestIsAnsweredToo) { ExpectNothingFound(40); }
TEST(Planted, P10_ARequestHasABoundedSize) { ExpectNothingFound(200); }
TEST(Planted, P11_MemoryThatHasGoneIsUnmapped) { ExpectNothingFound(200); }
TEST(Planted, P12_FramesAreSpreadOverActivePairsAlone) {
  ExpectNothingFound(400);
}
TEST(Planted, P13_TheMtuIsTheOneThatWasReadLast) { ExpectNothingFound(40); }
TEST(Planted, P14_AStoppedBackEndHearsOfMemoryThatGoes) {
  ExpectNothingFound(150);
}
TEST(Planted, P15_EveryPairHasTheMemory) { ExpectNothingFound(60); }
TEST(Planted, P16_AUsedIndexComesRound) { ExpectNothingFound(400); }
TEST(Planted, P17_WhatIsSignalledIsWaitedOn) { ExpectNothingFound(20); }
TEST(Planted, P18_PollTellsThatAPeerWaits) { ExpectNothingFound(100); }
TEST(Planted, P19_AMergedFrameIsWhole) { ExpectNothingFound(100); }
TEST(Planted, P20_OffloadsAreSwitchedAgainAtAStart) { ExpectNothingFound(300); }

}  // namespace
}  // namespace backend_sim
