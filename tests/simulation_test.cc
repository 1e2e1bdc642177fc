// SPDX-License-Identifier: BSD-3-Clause
//
// Whole simulated lives: nothing is found on a front-end that is right, a run
// is its seed's alone, and the checkers look.

#include "backend_sim/simulation/simulation.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "backend_sim/bytes_entropy.h"
#include "backend_sim/odometer_entropy.h"
#include "backend_sim/script_entropy.h"
#include "backend_sim/seeded_entropy.h"
#include "backend_sim/simulation/seed_run.h"

namespace backend_sim {
namespace {

SeedRunOptions Quick(uint32_t steps,
                     const std::optional<std::string>& backend = {}) {
  return {.steps = steps,
          .backend = backend,
          .simulation = {.trace = {.keep_last = 0, .keep_all = false},
                         .mappings = std::make_shared<MappingPool>()}};
}

TEST(Simulation, NothingIsFoundOnAnyBackEnd) {
  for (const std::string& backend : BackendNames()) {
    const SeedRunOptions options = Quick(200, backend);
    for (uint64_t seed = 1; seed <= 25; ++seed) {
      const SeedRun run = RunSeed(seed, options);
      ASSERT_EQ(run.report.FirstText(), "")
          << "vuser replay " << seed << " --steps 200 --personality "
          << backend;
    }
  }
}

TEST(Simulation, ARunIsItsSeedsAlone) {
  const SeedRunOptions options = Quick(150);
  std::set<std::string> hashes;
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    const std::string hash = RunSeed(seed, options).report.hash;
    EXPECT_EQ(RunSeed(seed, options).report.hash, hash) << seed;
    hashes.insert(hash);
  }
  EXPECT_EQ(hashes.size(), 60u);
}

TEST(Simulation, WhereItsMemoryComesFromMakesNoDifference) {
  SeedRunOptions without = Quick(150);
  without.simulation.mappings = nullptr;
  for (uint64_t seed = 1; seed <= 30; ++seed) {
    EXPECT_EQ(RunSeed(seed, without).report.hash,
              RunSeed(seed, Quick(150)).report.hash)
        << seed;
  }
}

TEST(Simulation, AScriptIsTheRunOfItsSeed) {
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    const SeedRun run = RunSeed(seed, Quick(150));
    const auto read = ScriptFromText(ToText(run.script));
    ASSERT_TRUE(read) << read.error();
    EXPECT_EQ(*read, run.script);
    EXPECT_EQ(RunScript(*read).hash, run.report.hash) << seed;
  }
}

TEST(Simulation, EveryOperationComesInEveryState) {
  Coverage coverage;
  for (uint64_t seed = 1; seed <= 400; ++seed) {
    coverage.Add(RunSeed(seed, Quick(150)).coverage);
    // Answers with descriptors are rare.
    coverage.Add(RunSeed(seed, Quick(150, "inflight")).coverage);
  }
  for (const OpInfo& info : AllOps()) {
    for (size_t state = 0; state < kLifeStates; ++state) {
      const auto life = static_cast<LifeState>(state);
      EXPECT_EQ(coverage.Done(info.kind, life) != 0,
                IsPossible(info.kind, life))
          << info.name << " while " << LifeStateName(life);
    }
  }
  for (size_t kind = 0; kind < kSeenFaults; ++kind) {
    EXPECT_NE(coverage.faults[kind], 0u) << SeenFaultName(kind);
  }
}

TEST(Simulation, EveryScenarioThatIsDrawnIsPossible) {
  for (uint64_t seed = 1; seed <= 2000; ++seed) {
    SeededEntropy entropy(seed);
    const auto source = entropy.Fork("scenario");
    const Scenario scenario = DrawScenario(*source);
    EXPECT_EQ(CheckScenario(scenario).value_or(""), "") << ToText(scenario);
  }
}

// The other drivers of Entropy: a fuzzer's bytes, what was recorded, and every
// combination in turn.
TEST(Simulation, BytesDriveAWholeLife) {
  uint64_t longest = 0;
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    SeededEntropy source(seed);
    std::vector<std::byte> bytes(2000);
    for (std::byte& byte : bytes) byte = std::byte(source.Choose(256));
    BytesEntropy entropy(bytes);
    const SeedRun run = RunEntropy(entropy, Quick(100));
    EXPECT_EQ(run.report.FirstText(), "") << seed;
    BytesEntropy again(bytes);
    EXPECT_EQ(RunEntropy(again, Quick(100)).report.hash, run.report.hash);
    longest = std::max(longest, run.report.steps);
  }
  EXPECT_EQ(longest, 100u);
}

TEST(Simulation, WhatWasDrawnDrivesTheSameLife) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    EntropyScript script;
    RecordingEntropy recording(std::make_unique<SeededEntropy>(seed), script);
    const std::string hash = RunEntropy(recording, Quick(100)).report.hash;
    EXPECT_EQ(RunSeed(seed, Quick(100)).report.hash, hash) << seed;
    ScriptEntropy recorded(script);
    EXPECT_EQ(RunEntropy(recorded, Quick(100)).report.hash, hash) << seed;
  }
}

TEST(Simulation, AnOdometerDrivesLives) {
  OdometerEntropy odometer;
  std::set<std::string> hashes;
  for (int i = 0; i < 500 && !odometer.done(); ++i) {
    const SeedRun run = RunEntropy(odometer, Quick(3));
    EXPECT_EQ(run.report.FirstText(), "") << i;
    hashes.insert(run.report.hash);
    (void)odometer.Next();
  }
  EXPECT_GT(hashes.size(), 400u);
}

// A device that runs, with rings for one pair.
struct Running : testing::Test {
  Running() : simulation(Scenario()) {
    for (const OpKind kind : {OpKind::kCreate, OpKind::kNegotiate,
                              OpKind::kConfigure, OpKind::kStart}) {
      EXPECT_TRUE(simulation.Step({.kind = kind}));
    }
    EXPECT_EQ(simulation.life(), LifeState::kRunning);
  }
  // The name of the first checker that found something.
  std::string_view Found() const {
    const auto& findings = simulation.findings();
    return findings.empty() ? std::string_view()
                            : InfoOf(findings.front().checker).name;
  }

  Simulation simulation;
};

TEST_F(Running, GoesOnAndIsTakenDownWithoutAFinding) {
  EXPECT_TRUE(simulation.Step({.kind = OpKind::kReceive}));  // Fills the ring.
  EXPECT_TRUE(simulation.Step({.kind = OpKind::kTransmit, .b = 3}));
  EXPECT_TRUE(simulation.Step({.kind = OpKind::kServe, .a = 3}));
  EXPECT_TRUE(simulation.Step({.kind = OpKind::kReceive, .b = 8}));
  EXPECT_EQ(simulation.driver()->book(0).come_count(), 4u);
  EXPECT_EQ(simulation.Finish().FirstText(), "");
}

TEST_F(Running, ADescriptorThatIsClosedTwiceIsFound) {
  const int kick = simulation.device()->vring(0).kick.get();
  simulation.stack().fds().Close(kick);
  simulation.stack().fds().Close(kick);

  EXPECT_FALSE(simulation.Step({.kind = OpKind::kPoll}));
  EXPECT_EQ(Found(), "descriptors");
}

TEST_F(Running, ADescriptorThatIsLeftIsFound) {
  ASSERT_TRUE(simulation.stack().fds().CreateEvent());

  EXPECT_FALSE(simulation.Step({.kind = OpKind::kDestroy}));
  EXPECT_EQ(Found(), "left");
}

TEST_F(Running, AFindingIsOneLine) {
  ASSERT_TRUE(simulation.stack().fds().CreateEvent());
  ASSERT_TRUE(simulation.stack().fds().CreateEvent());
  (void)simulation.Step({.kind = OpKind::kDestroy});

  ASSERT_FALSE(simulation.findings().empty());
  EXPECT_EQ(simulation.findings()[0].text.find('\n'), std::string::npos);
}

TEST_F(Running, MemoryThatIsLeftIsFound) {
  ASSERT_TRUE(simulation.stack().memory().Allocate(64, 64));

  EXPECT_EQ(InfoOf(simulation.Finish().findings.at(0).checker).name, "left");
}

TEST_F(Running, AGateThatIsClosedInARunningDeviceIsFound) {
  simulation.device()->vring(1).ring.gate.Close();

  EXPECT_FALSE(simulation.Step({.kind = OpKind::kPoll}));
  EXPECT_EQ(Found(), "state");
}

TEST_F(Running, ATimeBeyondTheBudgetIsFound) {
  simulation.stack().watch().between = [&] {
    simulation.stack().clock().AdvanceTo(simulation.stack().clock().now() +
                                         std::chrono::seconds(3));
  };

  EXPECT_FALSE(simulation.Step({.kind = OpKind::kStop}));
  EXPECT_EQ(Found(), "deadline");
}

TEST_F(Running, APacketThatNobodySentIsFound) {
  PacketBook book;
  const auto frame = book.Next(0, 80);

  EXPECT_TRUE(book.Came(0, frame).has_value());
  book.Sent();
  EXPECT_FALSE(book.Came(0, frame).has_value());
  EXPECT_TRUE(book.Came(0, frame).has_value());  // Twice.
  EXPECT_TRUE(book.Came(1, frame).has_value());  // Another pair's.
}

}  // namespace
}  // namespace backend_sim
