// SPDX-License-Identifier: BSD-3-Clause
//
// vuser simulate, and the processes that it runs.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

#include "cli/seed_fleet.h"
#include "cli/simulate_command.h"
#include "tests/cli_process_support.h"
#include "tests/cli_support.h"
#include "tests/support/temp_dir.h"

namespace virtio_user::cli {
namespace {

using ::testing::HasSubstr;
using testing_support::TempDir;

TEST(Simulate, RunsSeedsAndPasses) {
  const Outcome outcome =
      RunVuser({"simulate", "--seeds", "20", "--steps", "60", "--jobs", "2"});

  EXPECT_EQ(outcome.code, 0) << outcome.out << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("20 of 20 seeds from 1"));
  EXPECT_EQ(outcome.LastLine(), "verdict: pass");
}

TEST(Simulate, HowManyProcessesThereAreMakesNoDifference) {
  TempDir dir;
  const std::string one = dir.Join("one");
  const std::string three = dir.Join("three");
  const std::vector<std::string> common{"simulate", "--seeds", "30", "--steps",
                                        "50"};
  const auto run = [&](const char* jobs, const std::string& path) {
    std::vector<std::string> arguments = common;
    arguments.insert(arguments.end(), {"--jobs", jobs, "--hashes", path});
    EXPECT_EQ(RunVuser(arguments).code, 0);
    std::ifstream file(path);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
  };

  const std::string hashes = run("1", one);
  EXPECT_EQ(std::ranges::count(hashes, '\n'), 30);
  EXPECT_EQ(run("3", three), hashes);
}

TEST(Simulate, ChecksDeterminism) {
  const Outcome outcome = RunVuser(
      {"simulate", "--seeds", "10", "--steps", "80", "--check-determinism"});

  EXPECT_EQ(outcome.code, 0);
  EXPECT_EQ(outcome.LastLine(),
            "verdict: pass, each seed twice with the same hash");
}

TEST(Simulate, WritesJson) {
  const Outcome outcome =
      RunVuser({"simulate", "--seed", "4", "--steps", "50", "--personality",
                "lib-vhost", "--json", "-"});

  ASSERT_EQ(outcome.code, 0);
  const auto report = nlohmann::json::parse(outcome.out);
  EXPECT_EQ(report["seeds"], 1);
  EXPECT_EQ(report["first_seed"], 4);
  EXPECT_EQ(report["steps"], 50);
  EXPECT_EQ(report["failures"].size(), 0u);
  EXPECT_EQ(report["operations"].size(), backend_sim::kOpKinds);
}

TEST(Simulate, TheLastSeedThereIsCanBeRun) {
  const Outcome outcome =
      RunVuser({"simulate", "--from", "18446744073709551614", "--seeds", "2",
                "--steps", "9"});

  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("2 of 2 seeds"));
}

TEST(Simulate, RefusesWhatMakesNoSense) {
  for (const auto& [arguments, word] :
       std::vector<std::pair<std::vector<std::string>, std::string>>{
           {{"--seeds", "0"}, "--seeds 0"},
           {{"--steps", "0"}, "--steps 0"},
           {{"--jobs", "0"}, "--jobs 0"},
           {{"--personality", "nobody"}, "lib-vhost"},
           {{"--seed", "1", "--seeds", "2"}, "--seed"},
           {{"--seeds", "-1"}, "-1"},
           {{"--json", "/nowhere/x.json"}, "/nowhere/x.json"},
           {{"--json", "-", "--hashes", "-"}, "--json - --hashes -: say two"},
           {{"--json", "/tmp/x", "--hashes", "/tmp/./x"}, "say two files"},
           {{"--from", "18446744073709551615", "--seeds", "3"},
            "the last one would be beyond 18446744073709551615"}}) {
    std::vector<std::string> all{"simulate"};
    all.insert(all.end(), arguments.begin(), arguments.end());
    const Outcome outcome = RunVuser(all);
    EXPECT_EQ(outcome.code, 2) << word;
    EXPECT_THAT(outcome.err, HasSubstr(word));
  }
}

// --- The processes -----------------------------------------------------------

struct Fleet {
  FleetResult Run(const std::function<SeedOutcome(uint64_t)>& run) {
    return RunFleet(options, run, console);
  }

  std::ostringstream out;
  std::ostringstream err;
  Console console{.out = out, .err = err};
  FleetOptions options{.first = 100, .count = 20, .workers = 2};
};

TEST(SeedFleet, AddsUpWhatTheSeedsCameTo) {
  Fleet fleet;
  const FleetResult result = fleet.Run([](uint64_t seed) {
    return SeedOutcome{.hash = {seed, 1}, .events = 3, .steps = 2};
  });

  EXPECT_EQ(result.seeds, 20u);
  EXPECT_EQ(result.events, 60u);
  EXPECT_EQ(result.steps, 40u);
  EXPECT_EQ(result.hash[0], 20u * 100 + 190);
  EXPECT_EQ(result.hash[1], 20u);
  EXPECT_TRUE(result.failures.empty());
}

TEST(SeedFleet, ACrashIsASeedsAndNotOurs) {
  Fleet fleet;
  fleet.options.keep_going = true;
  const FleetResult result = fleet.Run([](uint64_t seed) {
    if (seed == 107) raise(SIGSEGV);
    if (seed == 111) _exit(3);
    return SeedOutcome();
  });

  ASSERT_EQ(result.failures.size(), 2u);
  EXPECT_EQ(result.failures[0].seed, 107u);
  EXPECT_EQ(result.failures[0].verdict, SeedVerdict::kCrash);
  EXPECT_EQ(result.failures[1].seed, 111u);
  EXPECT_THAT(result.failures[1].text, HasSubstr("exit code 3"));
  EXPECT_EQ(result.seeds, 18u);
}

TEST(SeedFleet, WhatNeverEndsIsEnded) {
  Fleet fleet;
  fleet.options.patience = std::chrono::seconds(1);
  const FleetResult result = fleet.Run([](uint64_t seed) {
    while (seed == 103) pause();
    return SeedOutcome();
  });

  ASSERT_EQ(result.failures.size(), 1u);
  EXPECT_EQ(result.failures[0].seed, 103u);
  EXPECT_EQ(result.failures[0].verdict, SeedVerdict::kHang);
}

TEST(SeedFleet, TheFirstFailureIsTheLowestSeed) {
  Fleet fleet;
  fleet.options.count = 10000;
  const FleetResult result = fleet.Run([](uint64_t seed) {
    SeedOutcome outcome;
    if (seed >= 150) outcome = {.verdict = SeedVerdict::kLiveness, .text = "x"};
    return outcome;
  });

  ASSERT_FALSE(result.failures.empty());
  EXPECT_EQ(result.failures[0].seed, 150u);
  EXPECT_LT(result.seeds, 10000u);
}

TEST(SeedFleet, EachVerdictHasAnExitCodeOfItsOwn) {
  EXPECT_EQ(ExitCodeOf(SeedVerdict::kPass), ExitCode::kPass);
  EXPECT_EQ(ExitCodeOf(SeedVerdict::kViolation), ExitCode::kViolation);
  EXPECT_EQ(ExitCodeOf(SeedVerdict::kLiveness), ExitCode::kLiveness);
  EXPECT_EQ(ExitCodeOf(SeedVerdict::kHang), ExitCode::kLiveness);
  EXPECT_EQ(ExitCodeOf(SeedVerdict::kCrash), ExitCode::kCrash);
  EXPECT_EQ(ExitCodeOf(SeedVerdict::kNondeterminism),
            ExitCode::kNondeterminism);
}

// --- Without those who wait for them -----------------------------------------

TEST(SeedFleet, WorkersDieWithTheirParent) {
  SharedValue<std::atomic<uint32_t>> running;
  ForkedGroup group([&] {
    Fleet fleet;
    (void)fleet.Run([&](uint64_t) -> SeedOutcome {
      ++*running;
      for (;;) pause();
    });
    return 0;
  });
  ASSERT_TRUE(SoonTrue([&] { return running.get()->load() == 2; }));

  group.KillLeader();

  EXPECT_TRUE(group.AllGone());
}

// A pipe that nobody reads is full after some thousand hashes.
TEST(SeedFleet, WorkersWithHashesDieWithTheirParent) {
  SharedValue<std::atomic<uint64_t>> seeds;
  ForkedGroup group([&] {
    Fleet fleet;
    fleet.options.count = uint64_t{1} << 40;
    fleet.options.wants_hashes = true;
    (void)fleet.Run([&](uint64_t) {
      ++*seeds;
      return SeedOutcome();
    });
    return 0;
  });
  ASSERT_TRUE(SoonTrue([&] { return seeds.get()->load() > 100; }));

  group.KillLeader();

  EXPECT_TRUE(group.AllGone());
}

TEST(SeedFleet, ATimeInWhichAllAreStoppedIsNoHang) {
  SharedValue<std::atomic<bool>> running;
  ForkedGroup group([&] {
    Fleet fleet;
    fleet.options.count = 1;
    fleet.options.patience = std::chrono::seconds(3);
    const FleetResult result = fleet.Run([&](uint64_t) {
      *running = true;
      WorkForAWhile();
      return SeedOutcome();
    });
    return static_cast<int>(result.failures.size());
  });
  ASSERT_TRUE(SoonTrue([&] { return running.get()->load(); }));

  group.Send(SIGSTOP);
  std::this_thread::sleep_for(std::chrono::milliseconds(3500));
  group.Send(SIGCONT);

  EXPECT_EQ(group.ExitCode(), 0);
}

TEST(SeedFleet, ProgressIsOfSeeds) {
  Fleet fleet;
  fleet.console.err_is_terminal = true;
  (void)fleet.Run([](uint64_t) {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    return SeedOutcome();
  });

  EXPECT_THAT(fleet.err.str(), HasSubstr("of 20 seeds ("));
}

}  // namespace
}  // namespace virtio_user::cli
