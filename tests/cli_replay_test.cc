// SPDX-License-Identifier: BSD-3-Clause

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include "backend_sim/simulation/seed_run.h"
#include "cli/operation_text.h"
#include "cli/replay_command.h"
#include "cli/replay_run.h"
#include "tests/cli_support.h"
#include "tests/support/temp_dir.h"

namespace virtio_user::cli {
namespace {

using backend_sim::CheckerId;
using backend_sim::LifeState;
using backend_sim::OpKind;
using backend_sim::OpResult;
using backend_sim::RunReport;
using backend_sim::TraceKind;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using How = ChildEnd::How;

int ToInt(ExitCode code) { return static_cast<int>(code); }

std::string Read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

class ReplayTest : public ::testing::Test {
 protected:
  std::string File(const std::string& name, const std::string& text) {
    std::ofstream(folder_.Join(name), std::ios::binary) << text;
    return folder_.Join(name);
  }

  testing_support::TempDir folder_;
};

// --- What is run -------------------------------------------------------------

TEST_F(ReplayTest, ASeedIsRunAsTheSimulatorRunsIt) {
  for (const std::string& backend : backend_sim::BackendNames()) {
    const Outcome outcome =
        RunVuser({"replay", "11", "--steps", "70", "--backend", backend});

    EXPECT_EQ(outcome.code, 0) << outcome.out;
    EXPECT_EQ(
        outcome.ValueOf("hash: "),
        backend_sim::RunSeed(11, {.steps = 70, .backend = backend}).report.hash)
        << backend;
    EXPECT_EQ(outcome.LastLine(), "verdict: pass");
  }
}

TEST_F(ReplayTest, StepsAndBackEndComeFromTheSeedUnlessSaid) {
  const Outcome outcome = RunVuser({"replay", "12"});

  EXPECT_EQ(outcome.ValueOf("hash: "), backend_sim::RunSeed(12).report.hash);
}

TEST_F(ReplayTest, AScriptRunsLikeTheSeedThatItIsOf) {
  const backend_sim::SeedRun run = backend_sim::RunSeed(13, {.steps = 90});

  const Outcome outcome =
      RunVuser({"replay", File("run.script", ToText(run.script))});

  EXPECT_EQ(outcome.ValueOf("hash: "), run.report.hash);
}

// --- The transcript ----------------------------------------------------------

TEST_F(ReplayTest, TheTranscriptHasOperationsAndBelowThemMessages) {
  const Outcome outcome = RunVuser({"replay", File("life.script",
                                                   "set backend conforming\n"
                                                   "create\n"
                                                   "transmit b=5\n"
                                                   "destroy\n")});

  // "SET_OWNER ... issued when the front-end has established a connection".
  EXPECT_THAT(outcome.out,
              HasSubstr("#0 control create: done, none -> created\n"
                        "       connected\n"
                        "    -> SET_OWNER\n"));
  EXPECT_THAT(outcome.out,
              HasSubstr("#1 data transmit b=5 (at most 6 frames): nothing to "
                        "do, created -> created\n"));
  EXPECT_THAT(outcome.out,
              HasSubstr("#2 control destroy: done, created -> none\n"
                        "       closed by the front-end\n"));
  EXPECT_EQ(outcome.out.rfind("scenario: backend conforming, pairs 1\n", 0),
            0u);
}

TEST(OperationText, WhatNumbersMeanIsSaid) {
  EXPECT_EQ(MeaningOf({.kind = OpKind::kAdvance, .a = 5007}), "7 ms");
  EXPECT_EQ(MeaningOf({.kind = OpKind::kAddMemory, .a = 8}), "1 page");
  EXPECT_EQ(MeaningOf({.kind = OpKind::kReceive, .b = 1}), "at most 2 packets");
  EXPECT_EQ(MeaningOf({.kind = OpKind::kStart}), "");
}

TEST(OperationText, AScenarioIsOneLine) {
  EXPECT_EQ(ScenarioText({.backend = "legacy", .pairs = 3, .packed = 1}),
            "backend legacy, pairs 3, packed 1");
  EXPECT_EQ(ScenarioText({}), "backend conforming, pairs 1");
}

// --- What is wrong -----------------------------------------------------------

struct Wrong {
  std::string script;
  std::vector<std::string> options;
  std::string line;
  std::string allowed;
};

TEST_F(ReplayTest, ABadLineIsNamedWithWhatIsAllowed) {
  for (const Wrong& wrong : std::vector<Wrong>{
           {"create\nfly\n",
            {},
            "line 2: no such operation: \"fly\"",
            "create, destroy, negotiate"},
           {"create a=x\n", {}, "line 1: \"create a=x\"", "whole numbers"},
           {"set pairs 17\n", {}, "line 1: pairs is \"17\"", "1 to 16"},
           {"\nset speed 1\n",
            {},
            "line 2: nothing is called \"speed\"",
            "backend, pairs, queue_size"},
           {"set backend qemu\n",
            {},
            "line 1: no such back-end: \"qemu\"",
            "conforming, lib-vhost"},
       }) {
    const std::string path = File("bad.script", wrong.script);

    const Outcome outcome = RunVuser({"replay", path});

    EXPECT_EQ(outcome.code, 2);
    EXPECT_EQ(outcome.out, "");
    EXPECT_THAT(outcome.err, HasSubstr("vuser: " + path + ": " + wrong.line));
    EXPECT_THAT(outcome.err, HasSubstr(wrong.allowed));
  }
}

// A line may be as long as the file.
TEST_F(ReplayTest, OfALongLineTheBeginningIsShown) {
  const std::string much(1'000'000, 'x');
  for (const std::string& line :
       {much, "create " + much, "set " + much + " 1", "set pairs " + much,
        "set backend " + much, "set pairs " + std::string(100, '0') + "1"}) {
    const std::string path = File("bad.script", line + "\n");

    const Outcome outcome = RunVuser({"replay", path});

    EXPECT_EQ(outcome.code, 2);
    EXPECT_THAT(outcome.err, HasSubstr("line 1: "));
    EXPECT_THAT(outcome.err, HasSubstr(line.substr(0, 50)));
    EXPECT_THAT(outcome.err, HasSubstr("...\""));
    EXPECT_LT(outcome.err.size(), 1000u + path.size());
  }
}

struct BadUse {
  std::vector<std::string> arguments;
  std::string error;
};

TEST_F(ReplayTest, BadUseIsNamed) {
  const std::string script = File("a.script", "create\n");
  for (const BadUse& bad : std::vector<BadUse>{
           {{"replay"}, "FILE|SEED is required"},
           {{"replay", "/nowhere/x"}, "/nowhere/x: No such file or directory"},
           {{"replay", "/"}, "/: Is a directory"},
           {{"replay", ""}, "No such file or directory"},
           {{"replay", "99999999999999999999"}, "too large a seed"},
           {{"replay", "1", "--steps", "0"}, "--steps 0: say 1 to"},
           {{"replay", "1", "--steps", "many"}, "--steps"},
           {{"replay", "1", "--backend", "qemu"},
            "--backend qemu: no such back-end; there is conforming"},
           {{"replay", script, "--steps", "5"}, "--steps: a script says"},
           {{"replay", script, "--backend", "legacy"}, "--backend: a script"},
           {{"replay", "1", "--timeout", "0"}, "--timeout 0: say"},
           {{"replay", "1", "--gtest", "--html", "/tmp/x.html"}, "exclude"},
           {{"replay", "1", "--html", "/nowhere/x.html"},
            "--html /nowhere/x.html: cannot"},
       }) {
    const Outcome outcome = RunVuser(bad.arguments);

    EXPECT_EQ(outcome.code, 2) << bad.error;
    EXPECT_THAT(outcome.err, HasSubstr(bad.error));
    EXPECT_EQ(outcome.out, "");
  }
}

// --- Verdicts ----------------------------------------------------------------

RecordedRun Ended(std::vector<backend_sim::Finding> findings = {},
                  const std::string& second_hash = "h") {
  RecordedRun run;
  run.findings = std::move(findings);
  run.hash = "h";
  run.second_hash = second_hash;
  return run;
}

RecordedRun DiedInStart() {
  RecordedRun run;
  run.operations = {{.operation = {.kind = OpKind::kStart, .salt = 9}}};
  return run;
}

TEST(ReplayVerdict, FollowsFromTheRunAndHowItEnded) {
  const RecordedRun started = DiedInStart();
  const RecordedRun differs = Ended({}, "g");
  struct Case {
    RecordedRun run;
    ChildEnd end;
    ExitCode code;
    std::string text;
  };
  for (const Case& c : std::vector<Case>{
           {Ended(), {}, ExitCode::kPass, "pass"},
           {Ended({{CheckerId::kLink, 3, "x"}}),
            {},
            ExitCode::kViolation,
            "FAIL (violation: link: x (step 3))"},
           {Ended({{CheckerId::kTraffic, 3, "x"}}),
            {},
            ExitCode::kLiveness,
            "FAIL (liveness: traffic: x (step 3))"},
           {Ended({{CheckerId::kLiveness, 3, "x"}}),
            {},
            ExitCode::kLiveness,
            "FAIL (liveness: liveness: x (step 3))"},
           {differs,
            {},
            ExitCode::kNondeterminism,
            "FAIL (nondeterminism: run once more, the hash is g and not h)"},
           {started,
            {How::kDied, "signal 11"},
            ExitCode::kCrash,
            "FAIL (crash: signal 11 in operation 0, start salt=9)"},
           {{},
            {How::kDied, "signal 6"},
            ExitCode::kCrash,
            "FAIL (crash: signal 6 before the first operation)"},
           {started,
            {How::kTimedOut, ""},
            ExitCode::kLiveness,
            "FAIL (liveness: no end within 1.5 s, in operation 0, start "
            "salt=9)"},
           {Ended(),
            {How::kDied, "signal 6"},
            ExitCode::kNondeterminism,
            "FAIL (nondeterminism: signal 6 when it was run once more)"},
           {started,
            {How::kInterrupted, ""},
            ExitCode::kFail,
            "FAIL (interrupted in operation 0, start salt=9)"},
           {{},
            {How::kNotStarted, "fork: no memory"},
            ExitCode::kFail,
            "FAIL (fork: no memory)"},
       }) {
    const Verdict verdict =
        Judge(c.run, c.end, std::chrono::milliseconds(1500));

    EXPECT_EQ(ToInt(verdict.code), ToInt(c.code)) << c.text;
    EXPECT_EQ(verdict.text, c.text);
  }
}

Replay Guarded(const std::function<void(RunWriter&)>& work,
               std::chrono::milliseconds timeout = std::chrono::seconds(30)) {
  std::ostringstream out;
  const Console console{.out = out, .err = out};
  return ReplayGuarded(work, timeout, console);
}

TEST(ReplayVerdict, ACrashIsReportedWithItsOperationAndWhatCameBefore) {
  const Replay replay = Guarded([](RunWriter& writer) {
    const rlimit none{.rlim_cur = 0, .rlim_max = 0};
    setrlimit(RLIMIT_CORE, &none);
    writer.OnScenario({.pairs = 4});
    writer.OnOperation({.kind = OpKind::kCreate});
    writer.OnRecord({.kind = TraceKind::kNote,
                     .detail = static_cast<uint8_t>(OpResult::kDone),
                     .ring = static_cast<uint16_t>(LifeState::kCreated)});
    writer.OnOperation({.kind = OpKind::kDestroy});
    writer.OnRecord({.kind = TraceKind::kClose});
    std::signal(SIGABRT, SIG_DFL);
    std::raise(SIGABRT);
  });

  EXPECT_EQ(ToInt(replay.verdict.code), 6);
  EXPECT_THAT(replay.verdict.text, HasSubstr("signal 6"));
  EXPECT_THAT(replay.verdict.text, EndsWith("in operation 1, destroy)"));
  EXPECT_EQ(replay.run.scenario.pairs, 4u);
  ASSERT_EQ(replay.run.operations.size(), 2u);
  EXPECT_EQ(replay.run.RecordsOf(replay.run.operations[1]).size(), 1u);
}

TEST(ReplayVerdict, AHangIsALivenessFailureAndEnds) {
  const Replay replay = Guarded(
      [](RunWriter& writer) {
        writer.OnScenario({});
        writer.OnOperation({.kind = OpKind::kStart});
        for (;;) pause();
      },
      std::chrono::milliseconds(200));

  EXPECT_EQ(ToInt(replay.verdict.code), 5);
  EXPECT_THAT(replay.verdict.text, HasSubstr("in operation 0, start"));
}

TEST(ReplayVerdict, ARunThatDiffersFromItselfIsNondeterministic) {
  const Replay replay = Guarded([](RunWriter& writer) {
    writer.OnScenario({});
    writer.Finish(RunReport{.hash = "1", .findings = {}});
    writer.FinishAgain(RunReport{.hash = "2", .findings = {}});
  });

  EXPECT_EQ(ToInt(replay.verdict.code), 7);
}

// --- Other shapes ------------------------------------------------------------

// What stands between R"( and )" of a test that was printed.
std::string ScriptWithin(const std::string& source) {
  constexpr std::string_view kBegin = "R\"(\n";
  const size_t begin = source.find(kBegin) + kBegin.size();
  return source.substr(begin, source.find("\n)\"", begin) - begin);
}

// The source that is compiled and run as replayed_script_test.
TEST_F(ReplayTest, ItPrintsATestThatCompiles) {
  const std::string wanted = Read("tests/replayed_script_test.cc");
  ASSERT_THAT(wanted, HasSubstr("TEST(Replay, RestartWithTraffic)"));

  const Outcome outcome = RunVuser(
      {"replay", File("restart-with_traffic.script", ScriptWithin(wanted)),
       "--gtest"});

  EXPECT_EQ(outcome.code, 0);
  EXPECT_EQ(outcome.out, wanted);
  EXPECT_THAT(outcome.err, EndsWith("verdict: pass\n"));
}

TEST_F(ReplayTest, ATestOfASeedHasItsScript) {
  const Outcome outcome = RunVuser({"replay", "14", "--steps", "9", "--gtest"});

  EXPECT_THAT(outcome.out, HasSubstr("TEST(Replay, Seed14)"));
  EXPECT_EQ(ScriptWithin(outcome.out) + "\n",
            ToText(backend_sim::RunSeed(14, {.steps = 9}).script));
}

TEST_F(ReplayTest, ThePageGoesToTheOutputToo) {
  const auto outcome = RunVuser({"replay", "15", "--html", "-"});
  EXPECT_THAT(outcome.out, EndsWith("</html>\n"));
  EXPECT_THAT(outcome.err, HasSubstr("verdict: "));
}

TEST_F(ReplayTest, AScriptIsNotOverwrittenByItsPage) {
  const std::string path = File("a.script", "create\n");
  const auto outcome = RunVuser({"replay", path, "--html", path});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("that is the script itself"));
  EXPECT_EQ(Read(path), "create\n");
}

TEST_F(ReplayTest, ItWritesAPage) {
  const std::string path = folder_.Join("run.html");

  const Outcome outcome =
      RunVuser({"replay", "15", "--steps", "40", "--html", path});

  EXPECT_EQ(outcome.code, 0);
  EXPECT_EQ(outcome.LastLine(), "verdict: pass");
  const std::string page = Read(path);
  EXPECT_EQ(page.rfind("<!DOCTYPE html>", 0), 0u);
  EXPECT_THAT(page, HasSubstr("vuser replay 15 --steps 40"));
  EXPECT_THAT(page, EndsWith("</html>\n"));
}

}  // namespace
}  // namespace virtio_user::cli
