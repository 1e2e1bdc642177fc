// SPDX-License-Identifier: BSD-3-Clause
//
// Whole runs on the simulated back-end.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "backend_sim/wire_request.h"
#include "cli/runner.h"
#include "cli/sim_environment.h"
#include "tests/cli_mangled_environment.h"
#include "tests/cli_support.h"
#include "tests/support/temp_dir.h"

namespace virtio_user::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::StartsWith;

std::string HashOf(const std::vector<std::string>& arguments) {
  const Outcome outcome = RunVuser(arguments);
  EXPECT_EQ(outcome.LastLine(), "verdict: pass");
  return outcome.ValueOf("trace hash: ");
}

RunResult RunOn(Environment& environment, const RunOptions& options) {
  std::ostringstream text;
  const Console console{.out = text, .err = text};
  Progress progress(console, "packets");
  return Runner(options, environment, console, progress).Run();
}

class PassingRunTest
    : public ::testing::TestWithParam<std::vector<std::string>> {};

TEST_P(PassingRunTest, OnTheSimulator_Passes) {
  std::vector<std::string> arguments = {"run"};
  arguments.insert(arguments.end(), GetParam().begin(), GetParam().end());
  const Outcome outcome = RunVuser(arguments);
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.LastLine(), "verdict: pass");
  EXPECT_THAT(outcome.ValueOf("trace hash: "), MatchesRegex("[0-9a-f]{32}"));
}

INSTANTIATE_TEST_SUITE_P(
    Options, PassingRunTest,
    ::testing::Values(
        std::vector<std::string>{},
        std::vector<std::string>{"--queues", "4", "--packets", "4000"},
        std::vector<std::string>{"--queues", "128", "--packets", "1500"},
        std::vector<std::string>{"--packets", "1"},
        std::vector<std::string>{"--queue-size", "1", "--packets", "300"},
        std::vector<std::string>{"--queue-size", "2", "--queues", "3",
                                 "--packets", "300"},
        std::vector<std::string>{"--queue-size", "32768", "--packets", "3000"},
        std::vector<std::string>{"--no-mrg-rxbuf", "--packets", "2000"},
        std::vector<std::string>{"--no-in-order", "--packets", "2000"},
        std::vector<std::string>{"--mac", "02:00:00:00:00:01"},
        std::vector<std::string>{"--traffic", "send", "--queues", "2"},
        std::vector<std::string>{"--traffic", "receive", "--queues", "2"},
        std::vector<std::string>{"--traffic", "none", "--queues", "2"}));

TEST(RunTest, SameCommandTwice_GivesTheSameTraceHash) {
  const std::vector<std::string> arguments = {
      "run", "--queues", "8", "--packets", "5000", "--seed", "7"};
  EXPECT_EQ(HashOf(arguments), HashOf(arguments));
}

TEST(RunTest, AnotherSeed_GivesAnotherTraceHash) {
  EXPECT_NE(HashOf({"run", "--packets", "500", "--seed", "7"}),
            HashOf({"run", "--packets", "500", "--seed", "8"}));
}

TEST(RunTest, Verbose_ChangesNothingButWhatIsShown) {
  const Outcome outcome = RunVuser({"run", "--packets", "500", "-v"});
  EXPECT_EQ(outcome.ValueOf("trace hash: "),
            HashOf({"run", "--packets", "500"}));
  EXPECT_THAT(outcome.err, HasSubstr("-> SET_OWNER\n"));
  EXPECT_THAT(outcome.err, HasSubstr("-> SET_VRING_KICK index=0"));
  EXPECT_THAT(outcome.err, HasSubstr("<- ADD_MEM_REG ack value=0x0\n"));
}

TEST(RunTest, EveryPacket_IsCountedOnItsPair) {
  const Outcome outcome =
      RunVuser({"run", "--queues", "4", "--packets", "10000", "--json", "-"});
  const auto json = nlohmann::json::parse(outcome.out);
  uint64_t sent = 0;
  for (const auto& pair : json["pairs"]) {
    EXPECT_GE(pair["sent"], 2300);
    EXPECT_EQ(pair["sent"], pair["received"]);
    EXPECT_EQ(pair["sent_bytes"], pair["received_bytes"]);
    sent += pair["sent"].get<uint64_t>();
  }
  EXPECT_EQ(json["pairs"].size(), 4u);
  EXPECT_EQ(sent, 10000u);
  EXPECT_EQ(json["starts"], 4);
  // Promiscuous on and off; 1, 4, 1 pairs; then 4 after each start.
  EXPECT_EQ(json["control_commands"], 2 + 3 + 3);
}

TEST(RunTest, JsonToStandardOutput_SendsTheTableToStandardError) {
  const Outcome outcome = RunVuser({"run", "--packets", "100", "--json", "-"});
  EXPECT_EQ(nlohmann::json::parse(outcome.out)["verdict"], "pass");
  EXPECT_THAT(outcome.err, ::testing::EndsWith("verdict: pass\n"));
}

TEST(RunTest, JsonFile_IsWritten) {
  const testing_support::TempDir dir;
  const std::string path = dir.Join("report.json");
  EXPECT_EQ(RunVuser({"run", "--packets", "100", "--json", path}).code, 0);
  std::ifstream file(path);
  EXPECT_EQ(nlohmann::json::parse(file)["schema"], 1);
}

TEST(RunTest, JsonFileThatCannotBeWritten_FailsTheRun) {
  const Outcome outcome =
      RunVuser({"run", "--packets", "100", "--json", "/dev/full"});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_THAT(outcome.LastLine(),
              StartsWith("verdict: FAIL (--json /dev/full"));
}

TEST(RunTest, Interrupted_StopsAndSaysSo) {
  std::ostringstream out;
  std::ostringstream err;
  const std::atomic<bool> interrupted{true};
  const Console console{.out = out, .err = err, .interrupted = &interrupted};
  const std::vector<std::string> arguments = {"run"};
  EXPECT_EQ(RunApp(arguments, console), 1);
  EXPECT_THAT(
      out.str(),
      ::testing::EndsWith("verdict: FAIL (interrupted in phase \"open\")\n"));
}

TEST(RunTest, MorePairsThanTheBackendServes_IsAUsageErrorThatNamesBoth) {
  backend_sim::Personality few = backend_sim::Personality::Conforming();
  few.max_pairs = 4;
  few.queue_num = 4;
  SimEnvironment environment({.backend = "sim", .on_line = {}}, few);
  RunOptions options;
  options.queues = 8;
  const RunResult result = RunOn(environment, options);
  ASSERT_TRUE(result.failure.has_value());
  EXPECT_EQ(result.failure->code, ExitCode::kUsage);
  EXPECT_THAT(result.failure->text, HasSubstr("queues 8"));
  EXPECT_THAT(result.failure->text, HasSubstr("4"));
}

TEST(RunTest, PairThatTheBackendDoesNotServe_IsNamed) {
  MangledEnvironment environment(
      [](uint32_t request, std::span<std::byte> payload) {
        const bool enable = request == backend_sim::kReqSetVringEnable;
        if (enable &&
            backend_sim::Get(payload, backend_sim::kStateIndex) / 2 == 2) {
          backend_sim::Put(payload, backend_sim::kStateNum, 0);
        }
      });
  RunOptions options;
  options.queues = 4;
  const RunResult result = RunOn(environment, options);
  ASSERT_TRUE(result.failure.has_value());
  EXPECT_EQ(result.failure->code, ExitCode::kFail);
  EXPECT_EQ(result.failure->text,
            "pair 2: sent 128, none came back; does the back-end serve it?");
  // The others were served all the same.
  EXPECT_EQ(result.pairs[3].sent, 1200u);
  EXPECT_EQ(result.pairs[3].received, 1200u);
}

TEST(RunTest, BackendThatMixesPairsUp_IsFound) {
  // The RX rings of pairs 0 and 1 change places in every message about them.
  MangledEnvironment environment(
      [](uint32_t request, std::span<std::byte> payload) {
        const bool about_ring = request >= backend_sim::kReqSetVringNum &&
                                request <= backend_sim::kReqSetVringErr;
        const bool enable = request == backend_sim::kReqSetVringEnable;
        if (!about_ring && !enable) return;
        const std::byte index = payload[0];
        if (index == std::byte{0} || index == std::byte{2}) {
          payload[0] = index ^ std::byte{2};
        }
      });
  RunOptions options;
  options.queues = 2;
  options.packets = 24;  // So few that one pair alone has none of them.
  const RunResult result = RunOn(environment, options);
  ASSERT_TRUE(result.failure.has_value());
  EXPECT_EQ(result.failure->code, ExitCode::kFail);
  EXPECT_EQ(result.failure->text,
            "pair 0: packet 0 of pair 1 came back here, misrouted; and 11 "
            "more");
  EXPECT_EQ(result.failure->details.size(), 5u);
  EXPECT_EQ(result.failure->details[1],
            "pair 0: packet 1 of pair 1 came back here, misrouted");
  EXPECT_EQ(result.failure->details[4], "and 8 more");
}

TEST(RunTest, PairOnWhichNothingIsReceived_IsNamed) {
  MangledEnvironment environment(
      [](uint32_t request, std::span<std::byte> payload) {
        const bool enable = request == backend_sim::kReqSetVringEnable;
        if (enable &&
            backend_sim::Get(payload, backend_sim::kStateIndex) / 2 == 0) {
          backend_sim::Put(payload, backend_sim::kStateNum, 0);
        }
      },
      backend_sim::TrafficMode::kSource);
  RunOptions options;
  options.traffic = TrafficKind::kReceive;
  options.packets = 100;
  const RunResult result = RunOn(environment, options);
  ASSERT_TRUE(result.failure.has_value());
  EXPECT_EQ(result.failure->text,
            "pair 0: none came in 5 s, 0 of 4 packets on all pairs; does the "
            "back-end serve it?");
}

// A back-end that does nothing any more after so many turns.
class TiringEnvironment final : public MangledEnvironment {
 public:
  explicit TiringEnvironment(int turns)
      : MangledEnvironment([](uint32_t, std::span<std::byte>) {},
                           backend_sim::TrafficMode::kSource),
        turns_left_(turns) {}

  void Turn(bool idle) override {
    if (turns_left_ > 0) {
      --turns_left_;
      MangledEnvironment::Turn(idle);
    } else {
      late_ += std::chrono::seconds(1);
    }
  }
  Duration Now() override { return MangledEnvironment::Now() + late_; }

 private:
  int turns_left_;
  Duration late_{0};
};

TEST(RunTest, BackendThatStopsSending_IsToldByPair) {
  TiringEnvironment environment(3);
  RunOptions options;
  options.traffic = TrafficKind::kReceive;
  options.packets = 100'000;
  const RunResult result = RunOn(environment, options);
  ASSERT_TRUE(result.failure.has_value());
  EXPECT_THAT(result.failure->text,
              MatchesRegex("pair 0: ([0-9]+) came, then none for 5 s, "
                           "[0-9]+ of 4000 packets on all pairs"));
}

TEST(RunTest, SilentRingOfOneDescriptor_IsExplained) {
  MangledEnvironment environment(
      [](uint32_t request, std::span<std::byte> payload) {
        if (request == backend_sim::kReqSetVringEnable) {
          backend_sim::Put(payload, backend_sim::kStateNum, 0);
        }
      });
  RunOptions options;
  options.queue_size = 1;
  const RunResult result = RunOn(environment, options);
  ASSERT_TRUE(result.failure.has_value());
  EXPECT_EQ(result.failure->text,
            "pair 0: sent 1, none came back; DPDK serves no ring of 1 with "
            "MRG_RXBUF: try --no-mrg-rxbuf or --queue-size 2");
}

}  // namespace
}  // namespace virtio_user::cli
