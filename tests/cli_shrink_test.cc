// SPDX-License-Identifier: BSD-3-Clause
//
// vuser shrink, and the process in which it tries scripts.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>

#include "cli/shrink_command.h"
#include "tests/cli_process_support.h"
#include "tests/cli_support.h"
#include "tests/support/temp_dir.h"

namespace virtio_user::cli {
namespace {

using backend_sim::OpKind;
using backend_sim::Script;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using testing_support::TempDir;

bool Has(const Script& script, OpKind kind) {
  return std::ranges::any_of(script.operations, [&](const auto& operation) {
    return operation.kind == kind;
  });
}

// Four operations, of which one is what `Violation` is about.
Script SomeScript() {
  Script script;
  script.operations = {{.kind = OpKind::kCreate},
                       {.kind = OpKind::kStart},
                       {.kind = OpKind::kStop},
                       {.kind = OpKind::kGrowMemory}};
  return script;
}

SeedOutcome Violation(const Script& script) {
  if (!Has(script, OpKind::kGrowMemory)) return {};
  return {.verdict = SeedVerdict::kViolation, .text = "left: one (step 3)"};
}

// --- The process -------------------------------------------------------------

struct Worker {
  std::ostringstream out;
  std::atomic<bool> interrupted{false};
  Console console{.out = out, .err = out, .interrupted = &interrupted};
};

SeedOutcome ProcessNumber(const Script&) {
  return {.verdict = SeedVerdict::kViolation, .text = std::to_string(getpid())};
}

TEST(TrialWorker, OneProcessServesManyRuns) {
  Worker worker;
  TrialWorker trials(ProcessNumber, std::chrono::seconds(30), worker.console);

  const auto first = trials.Try(SomeScript());
  const auto second = trials.Try(SomeScript());
  const auto afresh = trials.TryAfresh(SomeScript());

  EXPECT_NE(first->text, std::to_string(getpid()));
  EXPECT_EQ(second->text, first->text);
  EXPECT_NE(afresh->text, first->text);
}

TEST(TrialWorker, AScriptArrivesAsItIs) {
  Worker worker;
  Script script = SomeScript();
  script.scenario.backend = "vdpa";
  script.scenario.pairs = 3;
  for (uint32_t i = 0; i < 20'000; ++i) {
    script.operations.push_back(
        {.kind = OpKind::kTransmit, .a = i, .b = 1, .salt = ~i});
  }
  TrialWorker trials(
      [&](const Script& got) {
        return SeedOutcome{.verdict = got == script ? SeedVerdict::kLiveness
                                                    : SeedVerdict::kPass};
      },
      std::chrono::seconds(30), worker.console);

  EXPECT_EQ(trials.Try(script)->verdict, SeedVerdict::kLiveness);
}

TEST(TrialWorker, ACrashIsTheRunsAndTheNextOneIsRun) {
  Worker worker;
  TrialWorker trials(
      [](const Script& script) {
        if (!Has(script, OpKind::kCreate)) DieBy(SIGSEGV);
        if (!Has(script, OpKind::kStart)) _exit(3);
        return Violation(script);
      },
      std::chrono::seconds(30), worker.console);
  Script no_create = SomeScript();
  no_create.operations.erase(no_create.operations.begin());
  Script no_start = SomeScript();
  no_start.operations.erase(no_start.operations.begin() + 1);

  const auto died = trials.Try(no_create);
  const auto left = trials.Try(no_start);
  const auto lived = trials.Try(SomeScript());

  EXPECT_EQ(died->verdict, SeedVerdict::kCrash);
  EXPECT_THAT(died->text, StartsWith("died by signal 11"));
  EXPECT_EQ(left->verdict, SeedVerdict::kCrash);
  EXPECT_EQ(left->text, "ended with exit code 3");
  EXPECT_EQ(lived->verdict, SeedVerdict::kViolation);
}

TEST(TrialWorker, WhatNeverEndsIsEndedAndTheNextOneIsRun) {
  Worker worker;
  TrialWorker trials(
      [](const Script& script) {
        while (!Has(script, OpKind::kGrowMemory)) pause();
        return Violation(script);
      },
      std::chrono::seconds(1), worker.console);

  EXPECT_EQ(trials.Try(Script())->verdict, SeedVerdict::kHang);
  EXPECT_EQ(trials.Try(SomeScript())->verdict, SeedVerdict::kViolation);
}

TEST(TrialWorker, AnInterruptionEndsAWait) {
  Worker worker;
  worker.interrupted = true;
  TrialWorker trials(Violation, std::chrono::seconds(30), worker.console);

  EXPECT_FALSE(trials.Try(SomeScript()));
  EXPECT_EQ(trials.trouble(), "");
}

TEST(TrialWorker, DiesWithItsParent) {
  SharedValue<std::atomic<bool>> runs;
  ForkedGroup group([&] {
    Worker worker;
    TrialWorker trials(
        [&](const Script&) -> SeedOutcome {
          *runs = true;
          for (;;) pause();
        },
        std::chrono::seconds(600), worker.console);
    (void)trials.Try(SomeScript());
    return 0;
  });
  ASSERT_TRUE(SoonTrue([&] { return runs.get()->load(); }));

  group.KillLeader();

  EXPECT_TRUE(group.AllGone());
}

// --- The command -------------------------------------------------------------

struct Shrinking : Worker {
  int Shrink(const TrialWorker::Run& run) {
    return static_cast<int>(
        ShrinkScript(SomeScript(), run, arguments, console));
  }

  ShrinkArguments arguments;
};

TEST(ShrinkScript, LeavesWhatFailsInTheSameWay) {
  Shrinking shrinking;

  EXPECT_EQ(shrinking.Shrink(Violation), 4);

  EXPECT_THAT(shrinking.out.str(),
              HasSubstr("grow-memory\n# violation: left: one (step 3)\n"));
  EXPECT_THAT(
      shrinking.out.str(),
      HasSubstr("verdict: violation with 1 operations instead of 4, after"));
}

// A candidate that dies or hangs fails in another way than its script.
TEST(ShrinkScript, ACandidateThatCrashesOrHangsIsNotTaken) {
  Shrinking shrinking;
  shrinking.arguments.timeout_seconds = 1;

  const int code = shrinking.Shrink([](const Script& script) {
    if (!Has(script, OpKind::kCreate)) DieBy(SIGABRT);
    while (!Has(script, OpKind::kStart)) pause();
    return Violation(script);
  });

  EXPECT_EQ(code, 4);
  EXPECT_THAT(shrinking.out.str(), HasSubstr("create\nstart\ngrow-memory\n#"));
}

TEST(ShrinkScript, ACrashIsShrunkToACrash) {
  Shrinking shrinking;

  const int code = shrinking.Shrink([](const Script& script) {
    if (Has(script, OpKind::kStop)) DieBy(SIGABRT);
    return Violation(script);
  });

  EXPECT_EQ(code, 6);
  EXPECT_THAT(shrinking.out.str(), HasSubstr("\nstop\n# crash: died by"));
}

TEST(ShrinkScript, AnotherCheckersFindingIsNotTaken) {
  Shrinking shrinking;

  const int code = shrinking.Shrink([](const Script& script) {
    SeedOutcome outcome = Violation(script);
    if (!Has(script, OpKind::kCreate)) outcome.text = "link: other (step 1)";
    return outcome;
  });

  EXPECT_EQ(code, 4);
  EXPECT_THAT(shrinking.out.str(), HasSubstr("create\ngrow-memory\n#"));
}

TEST(ShrinkScript, AnInterruptionKeepsTheBestSoFar) {
  const TempDir dir;
  Shrinking shrinking;
  SharedValue<std::atomic<bool>> interrupted;
  shrinking.arguments.output_path = dir.Join("short");
  Console console{.out = shrinking.out,
                  .err = shrinking.out,
                  .interrupted = interrupted.get()};

  const auto code = ShrinkScript(
      SomeScript(),
      [&](const Script& script) {
        if (script.operations.size() == 1) {
          *interrupted = true;
          for (;;) pause();
        }
        return Violation(script);
      },
      shrinking.arguments, console);

  EXPECT_EQ(code, ExitCode::kFail);
  EXPECT_THAT(shrinking.out.str(),
              HasSubstr("verdict: interrupted: so far violation with 2 "));
  std::ifstream file(dir.Join("short"));
  EXPECT_THAT(std::string(std::istreambuf_iterator<char>(file), {}),
              HasSubstr("grow-memory\n# violation: left"));
}

TEST(ShrinkScript, ARunThatPassesIsNothingToShrink) {
  Shrinking shrinking;

  const int code =
      shrinking.Shrink([](const Script&) { return SeedOutcome(); });

  EXPECT_EQ(code, 2);
  EXPECT_THAT(shrinking.out.str(), HasSubstr("does not fail"));
}

TEST(ShrinkCommand, HasNothingToDoWithARunThatPasses) {
  const Outcome outcome = RunVuser({"shrink", "1", "--steps", "40"});

  EXPECT_EQ(outcome.code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("does not fail"));
}

TEST(ShrinkCommand, BeforeItHasBegunAnInterruptionLeavesNothing) {
  std::ostringstream out;
  const std::atomic<bool> interrupted{true};
  const Console console{.out = out, .err = out, .interrupted = &interrupted};

  ShrinkArguments arguments;
  arguments.input.what = "1";

  const ExitCode code = ShrinkCommand(arguments, console);

  EXPECT_EQ(code, ExitCode::kFail);
  EXPECT_THAT(out.str(), HasSubstr("verdict: interrupted\n"));
}

TEST(ShrinkCommand, SaysWhatIsWrongWithItsInput) {
  TempDir dir;
  const std::string path = dir.Join("script");
  std::ofstream(path) << "create\nfly\n";
  struct Bad {
    std::vector<std::string> arguments;
    std::string text;
  };
  for (const Bad& bad : std::vector<Bad>{
           {{path}, "line 2"},
           {{"/nowhere/script"}, "No such file"},
           {{}, "FILE|SEED is required"},
           {{"1", "--timeout", "0"}, "--timeout 0: say 1 or more seconds"},
           {{"1", "--output", ""}, "--output \"\": say a file's path"},
           {{"1", "--output", "/nowhere/x"}, "--output /nowhere/x: "}}) {
    std::vector<std::string> all{"shrink"};
    all.insert(all.end(), bad.arguments.begin(), bad.arguments.end());

    const Outcome outcome = RunVuser(all);

    EXPECT_EQ(outcome.code, 2) << bad.text;
    EXPECT_THAT(outcome.err, HasSubstr(bad.text));
  }
}

}  // namespace
}  // namespace virtio_user::cli
