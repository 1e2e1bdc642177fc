// SPDX-License-Identifier: BSD-3-Clause
//
// Mistakes that only a checker of the simulator notices: as many lives as it
// takes to meet each of them, in which nothing is found.

#include <gtest/gtest.h>

#include <memory>

#include "backend_sim/simulation/seed_run.h"

namespace backend_sim {
namespace {

void ExpectNothingFound(uint64_t seeds) {
  const SeedRunOptions options = {
      .steps = 400,
      .simulation = {.trace = {.keep_last = 0, .keep_all = false},
                     .mappings = std::make_shared<MappingPool>()}};
  for (uint64_t seed = 1; seed <= seeds; ++seed) {
    ASSERT_EQ(RunSeed(seed, options).report.FirstText(), "") << seed;
  }
}

TEST(Planted, P01_EveryCommandIsSaidAgainAfterAReset) {
  ExpectNothingFound(60);
}
TEST(Planted, P02_NoCommandOfAnEarlierDriverIsSaidAgain) {
  ExpectNothingFound(80);
}
TEST(Planted, P03_AMemoryEventHasABudgetOfItsOwn) { ExpectNothingFound(120); }
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

}  // namespace
}  // namespace backend_sim
