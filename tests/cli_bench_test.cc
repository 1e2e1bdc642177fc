// SPDX-License-Identifier: BSD-3-Clause

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "tests/cli_support.h"
#include "tests/support/temp_dir.h"

namespace virtio_user::cli {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

Outcome Bench(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "bench");
  return RunVuser(arguments);
}

TEST(BenchTest, EveryPathIsMeasured) {
  const Outcome outcome =
      Bench({"--packets", "2000", "--rounds", "3", "--json", "-"});

  EXPECT_EQ(outcome.code, 0) << outcome.err;
  const auto json = nlohmann::json::parse(outcome.out);
  EXPECT_EQ(json["paths"].size(), 8u);
  for (const auto& path : json["paths"]) {
    EXPECT_EQ(path["rounds"].size(), 3u);
    EXPECT_GE(path["rounds"][0]["packets"], 2000);
    EXPECT_GT(path["mpps"], 0);
    EXPECT_GT(path["cycles_per_packet"], 0);
    EXPECT_THAT(path["why"].get<std::string>(),
                StartsWith(path["name"].get<std::string>() + " ("));
  }
  EXPECT_GT(json["memcpy_ns"], 0);
  EXPECT_EQ(json["options"]["same_thread"], true);
  EXPECT_EQ(json["verdict"], "pass");
}

TEST(BenchTest, TheTableSaysWhatItsColumnsMean) {
  const Outcome outcome =
      Bench({"--packets", "500", "--rounds", "1", "--path", "packed-nomrg"});

  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("  packed-nomrg"));
  EXPECT_THAT(outcome.out, HasSubstr("  memcpy, 76 bytes"));
  EXPECT_THAT(outcome.out, HasSubstr("in this process and on this thread"));
  EXPECT_THAT(outcome.out, EndsWith("verdict: pass\n"));
}

TEST(BenchTest, TheVectorizedPaths_AreNamedSoAndHaveNoTables) {
  for (const std::string name : {"split-vec", "packed-vec"}) {
    const Outcome outcome = Bench(
        {"--packets", "500", "--rounds", "1", "--path", name, "--json", "-"});

    EXPECT_EQ(outcome.code, 0) << outcome.err;
    const auto json = nlohmann::json::parse(outcome.out);
    EXPECT_EQ(json["paths"][0]["name"], name);
    EXPECT_EQ(json["paths"][0]["indirect"], false);
  }
}

TEST(BenchTest, TheTableTellsWhatTheRingsHaveRoomFor) {
  const Outcome outcome =
      Bench({"--packets", "500", "--rounds", "1", "--path", "split-mrg",
             "--queue-size", "128", "--burst", "256"});

  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(outcome.out,
              HasSubstr("  split-mrg: bursts of 64: its rings have no room for "
                        "--burst 256\n"));
}

TEST(BenchTest, LongFramesGoRoundToo) {
  const Outcome outcome = Bench({"--packets", "500", "--rounds", "1", "--size",
                                 "60-9000", "--seconds", "1"});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_EQ(
      Bench({"--packets", "500", "--rounds", "1", "--size", "60-9000"}).code,
      0);
}

TEST(BenchTest, JsonFile_IsWrittenBesideTheTable) {
  const testing_support::TempDir dir;
  const std::string path = dir.Join("bench.json");
  const Outcome outcome = Bench({"--seconds", "0.001", "--rounds", "1",
                                 "--path", "split-mrg", "--json", path});

  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("verdict: pass"));
  std::ifstream file(path);
  EXPECT_EQ(nlohmann::json::parse(file)["command"], "bench");
}

TEST(BenchTest, Interrupted_EndsAndSaysSo) {
  std::ostringstream out;
  std::ostringstream err;
  const std::atomic<bool> interrupted{true};
  const Console console{.out = out, .err = err, .interrupted = &interrupted};
  const std::vector<std::string> arguments = {"bench", "--seconds", "60"};

  EXPECT_EQ(RunApp(arguments, console), 1);
  EXPECT_THAT(out.str(), EndsWith("verdict: FAIL (interrupted)\n"));
}

TEST(BenchTest, MissingBackend_IsUnreachable) {
  const Outcome outcome = Bench({"--backend", "/nowhere/v.sock"});

  EXPECT_EQ(outcome.code, 3);
  EXPECT_THAT(outcome.err, HasSubstr("/nowhere/v.sock does not exist"));
}

struct BadInput {
  std::vector<std::string> arguments;
  std::string text;
};

class BadBenchTest : public ::testing::TestWithParam<BadInput> {};

TEST_P(BadBenchTest, IsAUsageErrorThatNamesIt) {
  const Outcome outcome = Bench(GetParam().arguments);

  EXPECT_EQ(outcome.code, 2);
  EXPECT_THAT(outcome.err, StartsWith("vuser: "));
  EXPECT_THAT(outcome.err, HasSubstr(GetParam().text));
}

INSTANTIATE_TEST_SUITE_P(
    Inputs, BadBenchTest,
    ::testing::Values(
        BadInput{{"--backend", ""}, "back-end ''"},
        BadInput{{"--path", "fast"}, "--path fast: say all or one of split-"},
        BadInput{{"--packets", "0"}, "--packets 0: say 1 to 10000000000"},
        BadInput{{"--seconds", "0"}, "--seconds 0: say more than 0"},
        BadInput{{"--seconds", "nan"}, "--seconds nan: say more than 0"},
        BadInput{{"--seconds", "1", "--packets", "1"},
                 "--packets and --seconds: leave one of the two out"},
        BadInput{{"--rounds", "0"}, "--rounds 0: say 1 to 1000"},
        BadInput{{"--size", "1"}, "--size 1: say MIN-MAX or one size"},
        BadInput{{"--burst", "0"}, "--burst 0: say 1 to 256 packets"},
        BadInput{{"--queue-size", "255"},
                 "--queue-size 255: a ring has a power of two from 1 to 32768 "
                 "descriptors, a packed one any number up to that: --path "
                 "packed-..."},
        BadInput{{"--timeout", "0"}, "--timeout 0: say"},
        BadInput{{"--json", "/nowhere/x"}, "--json /nowhere/x: cannot"},
        BadInput{{"now"}, "The following argument was not expected: now"}));

}  // namespace
}  // namespace virtio_user::cli
