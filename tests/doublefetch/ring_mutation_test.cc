// SPDX-License-Identifier: BSD-3-Clause
//
// A peer that writes between two loads of one call. Each load of each scenario
// is changed in every way, one at a time, and then many at random. Whatever it
// does, the queue is sound or broken with a reason, the call ends soon, every
// buffer comes back once and nothing around is touched. In the end each load
// instruction that was ever reached has met a peer that left its word alone
// and one that did not.

#include <cinttypes>
#include <cstdio>
#include <string>
#include <vector>

#include "backend_sim/load_mutator.h"
#include "backend_sim/seeded_entropy.h"
#include "gtest/gtest.h"
#include "tests/doublefetch/load_sites.h"
#include "tests/doublefetch/scenario.h"

namespace virtio_user {
namespace {

using backend_sim::kPeerMoments;
using backend_sim::kPeerValues;
using backend_sim::LoadMutator;
using backend_sim::SeededEntropy;
using backend_sim::SiteCounts;

constexpr uint64_t kSeed = 1;

class RingMutation : public ::testing::Test {
 protected:
  static constexpr int kRandomRounds = 400;
  static constexpr int kMostRepeats = 30;

  RingMutation() { std::printf("seed %" PRIu64 "\n", kSeed); }

  void SetUp() override {
    if (!LoadMutator::available()) {
      GTEST_SKIP() << "loads are seen only with --config=doublefetch";
    }
  }

  // How many loads of watched memory there were.
  uint64_t Run(const NamedScenario& scenario) {
    const std::unique_ptr<Scenario> made = scenario.make();
    mutator_.Watch(made->arena().taken());
    {
      const LoadMutator::Scope scope(mutator_);
      made->Call();
    }
    if (mutator_.writes().empty()) made->ExpectDone();
    made->ExpectSound();
    return mutator_.loads().size();
  }

  void ChangeOneLoad(const NamedScenario& scenario) {
    mutator_.Record();
    const uint64_t load_count = Run(scenario);
    const uint64_t work = mutator_.load_count();
    ASSERT_GT(load_count, 0u) << "no load was seen";
    for (uint64_t k = 0; k < load_count; ++k) {
      for (const auto value : kPeerValues) {
        for (const auto moment : kPeerMoments) {
          SCOPED_TRACE("load " + std::to_string(k) + ", value " +
                       std::to_string(static_cast<int>(value)) + ", moment " +
                       std::to_string(static_cast<int>(moment)));
          mutator_.MutateAt(k, {value, moment}, entropy_);
          Run(scenario);
          ASSERT_LT(mutator_.load_count(), BoundFor(work));
          ASSERT_FALSE(HasFailure());
        }
      }
    }
  }

  // New instructions, now and then, and mostly.
  void ChangeManyLoads(const NamedScenario& scenario) {
    mutator_.Record();
    Run(scenario);
    const uint64_t work = mutator_.load_count();
    for (int round = 0; round < kRandomRounds; ++round) {
      SCOPED_TRACE("round " + std::to_string(round));
      if (round % 3 == 0) {
        mutator_.MutateNewSites(entropy_);
      } else {
        mutator_.MutateRandomly({.hits = 1, .of = round % 3 == 1 ? 12u : 3u},
                                entropy_);
      }
      Run(scenario);
      ASSERT_LT(mutator_.load_count(), BoundFor(work));
      ASSERT_FALSE(HasFailure());
    }
  }

  void ChangeLoadsOf(const std::vector<NamedScenario>& scenarios) {
    for (const NamedScenario& scenario : scenarios) {
      SCOPED_TRACE(scenario.name);
      ASSERT_NO_FATAL_FAILURE(ChangeOneLoad(scenario));
      ASSERT_NO_FATAL_FAILURE(ChangeManyLoads(scenario));
    }
    // What is seldom reached needs luck.
    for (int i = 0; i < kMostRepeats && !Lacking().empty(); ++i) {
      for (const NamedScenario& scenario : scenarios) {
        SCOPED_TRACE(scenario.name);
        ASSERT_NO_FATAL_FAILURE(ChangeManyLoads(scenario));
      }
    }
    std::printf("%s", SiteTable(mutator_.sites()).c_str());
    EXPECT_TRUE(Lacking().empty()) << SiteTable(Lacking());
  }

  // Those that have not met each kind of peer.
  std::map<uintptr_t, SiteCounts> Lacking() const {
    std::map<uintptr_t, SiteCounts> lacking = mutator_.sites();
    std::erase_if(lacking, [](const auto& site) {
      const SiteCounts& counts = site.second;
      return counts.unchanged != 0 && counts.changed_before != 0 &&
             counts.changed_after != 0;
    });
    return lacking;
  }

 private:
  // What a call may do at most that does `work` loads by itself: a peer can
  // make it look at a whole ring, and at the longest request.
  static uint64_t BoundFor(uint64_t work) { return 10 * work + 20'000; }

  LoadMutator mutator_;
  SeededEntropy entropy_{kSeed};
};

TEST_F(RingMutation, ReceivingIsSound) { ChangeLoadsOf(RxScenarios()); }

TEST_F(RingMutation, SendingIsSound) { ChangeLoadsOf(TxScenarios()); }

TEST_F(RingMutation, TheDriversQueuesAreSound) {
  ChangeLoadsOf(DriverQueueScenarios());
}

TEST_F(RingMutation, TheDevicesSideAndTheControlQueueAreSound) {
  std::vector<NamedScenario> scenarios = DeviceQueueScenarios();
  for (NamedScenario& control : ControlScenarios()) {
    scenarios.push_back(std::move(control));
  }
  ChangeLoadsOf(scenarios);
}

}  // namespace
}  // namespace virtio_user
