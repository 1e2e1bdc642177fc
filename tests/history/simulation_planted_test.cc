// SPDX-License-Identifier: BSD-3-Clause
//
// Mistakes that only a checker of the simulator notices: as many lives as it
// takes to meet each of them, in which nothing is found.

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>

#include "backend_sim/simulation/seed_run.h"

namespace backend_sim {
namespace {

void ExpectNothingFound(const std::optional<std::string>& backend,
                        uint64_t seeds) {
  const SeedRunOptions options = {
      .steps = 400,
      .backend = backend,
      .simulation = {.trace = {.keep_last = 0, .keep_all = false},
                     .mappings = std::make_shared<MappingPool>()}};
  for (uint64_t seed = 1; seed <= seeds; ++seed) {
    ASSERT_EQ(RunSeed(seed, options).report.FirstText(), "") << seed;
  }
}

TEST(Planted, P01_EveryCommandIsSaidAgainAfterAReset) {
  ExpectNothingFound("vdpa", 60);
}
TEST(Planted, P02_NoCommandOfAnEarlierDriverIsSaidAgain) {
  ExpectNothingFound("vdpa", 60);
}
TEST(Planted, P03_AMemoryEventHasABudgetOfItsOwn) {
  ExpectNothingFound({}, 120);
}
TEST(Planted, P04_PollTellsThatAResetIsNeeded) { ExpectNothingFound({}, 20); }
TEST(Planted, P05_TheLastSlotForMemoryIsUsed) { ExpectNothingFound({}, 120); }
TEST(Planted, P06_MemoryThatIsRefusedLeavesTheDeviceRunning) {
  ExpectNothingFound({}, 20);
}
TEST(Planted, P07_AnAnswerWithoutItsFlagIsNone) { ExpectNothingFound({}, 120); }
TEST(Planted, P08_TheBaseOfAnotherRingIsNoAnswer) {
  ExpectNothingFound("conforming", 700);
}
TEST(Planted, P09_ARefusedRequestIsAnsweredToo) { ExpectNothingFound({}, 40); }
TEST(Planted, P10_ARequestHasABoundedSize) {
  ExpectNothingFound("conforming", 40);
}
TEST(Planted, P11_MemoryThatHasGoneIsUnmapped) {
  ExpectNothingFound("vdpa", 200);
}
TEST(Planted, P12_FramesAreSpreadOverActivePairsAlone) {
  ExpectNothingFound("vhost-net", 200);
}
TEST(Planted, P13_TheMtuIsTheOneThatWasReadLast) { ExpectNothingFound({}, 40); }
TEST(Planted, P14_AStoppedBackEndHearsOfMemoryThatGoes) {
  ExpectNothingFound("conforming", 120);
}
TEST(Planted, P15_EveryPairHasTheMemory) {
  ExpectNothingFound("vhost-net", 60);
}

}  // namespace
}  // namespace backend_sim
