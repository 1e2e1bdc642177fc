// SPDX-License-Identifier: BSD-3-Clause

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cli/explore_report.h"
#include "cli/explore_sequences_report.h"
#include "tests/cli_support.h"
#include "tests/support/temp_dir.h"

namespace virtio_user::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

ExploreFeaturesResult GoodFeatures() {
  ExploreFeaturesResult result;
  result.counts = {{.name = "the seed's 17 bits",
                    .must = 6291456,
                    .tried = 6291456,
                    .first_wrong = {}}};
  result.proof = backend_sim::FeatureProof{
      .solver = "Z3 4",
      .theorems = {
          {.claim = "offered is closed", .proved = true, .why_not = {}}}};
  return result;
}

TEST(ExploreReportTest, AGoodResultPasses) {
  const ExploreFeaturesResult result = GoodFeatures();
  EXPECT_FALSE(result.failure());
  const std::string text = ExploreReport(result);
  EXPECT_THAT(text, HasSubstr("6,291,456"));
  EXPECT_THAT(text, HasSubstr("proved: offered is closed"));
  EXPECT_THAT(text, HasSubstr("verdict: pass\n"));
}

TEST(ExploreReportTest, FewerCasesThanThereAreFail) {
  ExploreFeaturesResult result = GoodFeatures();
  result.counts[0].tried -= 1;
  ASSERT_TRUE(result.failure());
  EXPECT_EQ(result.failure()->code, ExitCode::kViolation);
  EXPECT_EQ(result.failure()->text,
            "the seed's 17 bits: 6,291,455 cases were tried, and there are "
            "6,291,456");
}

TEST(ExploreReportTest, WhatWasWrongIsTheReason) {
  ExploreFeaturesResult result = GoodFeatures();
  result.counts[0].Wrong("offered too much");
  EXPECT_EQ(result.failure()->text, "offered too much");
  EXPECT_THAT(ExploreReport(result),
              HasSubstr("verdict: FAIL (offered too much)\n"));
}

TEST(ExploreReportTest, ACounterexampleFails) {
  ExploreFeaturesResult result = GoodFeatures();
  result.proof->theorems[0] = {
      .claim = "offered is closed", .proved = false, .why_not = "options: cq"};
  EXPECT_EQ(result.failure()->text,
            "not proved: offered is closed; options: cq");
}

TEST(ExploreReportTest, NoSolverFailsOnlyWhereAProofIsAskedFor) {
  ExploreFeaturesResult result = GoodFeatures();
  result.proof.reset();
  result.no_proof = "z3: No such file";
  EXPECT_FALSE(result.failure());
  EXPECT_THAT(ExploreReport(result), HasSubstr("no proof: z3: No such file"));
  result.proof_needed = true;
  EXPECT_EQ(result.failure()->text, "--prove: z3: No such file");
}

TEST(ExploreReportTest, Json_HasTheSameFacts) {
  ExploreFeaturesResult result = GoodFeatures();
  result.counts[0].Wrong("offered too much");
  const auto json = nlohmann::json::parse(ExploreJson(result));
  EXPECT_EQ(json["command"], "explore features");
  EXPECT_EQ(json["verdict"], "FAIL");
  EXPECT_EQ(json["counts"][0]["must"], 6291456);
  EXPECT_EQ(json["counts"][0]["first_wrong"], "offered too much");
  EXPECT_EQ(json["proof"]["theorems"][0]["proved"], true);
}

TEST(ExploreFaultsCommandTest, OnePair_TableAndJson) {
  const testing_support::TempDir dir;
  const std::string path = dir.Join("faults.json");
  const Outcome outcome =
      RunVuser({"explore", "faults", "--pairs", "1", "--json", path});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.LastLine(), "verdict: pass");
  EXPECT_THAT(outcome.out, HasSubstr("two faults in a life"));
  std::ifstream file(path);
  const auto json = nlohmann::json::parse(file);
  EXPECT_EQ(json["command"], "explore faults");
  EXPECT_EQ(json["pairs"][0]["calls"], 23);
  EXPECT_EQ(json["pairs"][0]["counts"][0]["must"], 6 * 23);
  EXPECT_EQ(json["pairs"][0]["counts"][0]["tried"], 6 * 23);
}

TEST(ExploreFaultsCommandTest, Only_ShowsThatLife) {
  const Outcome outcome = RunVuser(
      {"explore", "faults", "--pairs", "1", "--only", "refused@6,late@9"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("ADD_MEM_REG"));
  EXPECT_EQ(outcome.LastLine(), "verdict: pass");
}

TEST(ExploreFaultsCommandTest, Only_FaultsThatDoNotHappenFail) {
  const Outcome outcome =
      RunVuser({"explore", "faults", "--pairs", "1", "--only", "late@9999"});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_EQ(outcome.LastLine(), "verdict: FAIL (0 of 1 faults happened)");
}

TEST(ExploreFaultsCommandTest, Only_WithoutAFault) {
  const Outcome outcome =
      RunVuser({"explore", "faults", "--pairs", "1", "--only", "none"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.LastLine(), "verdict: pass");
}

TEST(ExploreSequencesCommandTest, ThreeOperations_TableAndJson) {
  const testing_support::TempDir dir;
  const std::string path = dir.Join("sequences.json");
  const Outcome outcome =
      RunVuser({"explore", "sequences", "--depth", "3", "--json", path});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.LastLine(), "verdict: pass");
  EXPECT_THAT(outcome.out, HasSubstr("1884 run, 1884 are there"));
  EXPECT_THAT(outcome.out, HasSubstr("the last level still found new states"));
  std::ifstream file(path);
  const auto json = nlohmann::json::parse(file);
  EXPECT_EQ(json["sequences"], 1884);
  EXPECT_EQ(json["levels"].size(), 3u);
}

TEST(ExploreSequencesCommandTest, Only_ShowsThatSequence) {
  const Outcome outcome =
      RunVuser({"explore", "sequences", "--only", "create,set-up,start"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.out,
            "# create\ncreate\n# set-up\nnegotiate\nconfigure a=1\n# start\n"
            "start\nverdict: pass\n");
}

TEST(ExploreSequencesReportTest, OfWhatWasInterruptedNothingIsSaid) {
  ExploreSequencesResult result{.depth = 6, .expected = 3257436};
  result.interrupted = true;
  result.states.levels = {{.depth = 1, .transitions = 12, .new_states = 4}};
  EXPECT_EQ(result.failure()->code, ExitCode::kFail);
  const std::string text = ExploreReport(result);
  EXPECT_THAT(text, Not(HasSubstr("the last level")));
  EXPECT_THAT(text, HasSubstr("verdict: FAIL (interrupted)\n"));
}

TEST(ExploreSequencesReportTest, WhatWasFoundIsAViolationWithItsScript) {
  ExploreSequencesResult result{.depth = 1, .expected = 12};
  result.sequences = {.sequences = 2,
                      .steps = 2,
                      .failing = backend_sim::Script(),
                      .finding = "link: x"};
  result.sequences.failing->operations = {
      {.kind = backend_sim::OpKind::kCreate}};
  EXPECT_EQ(result.failure()->code, ExitCode::kViolation);
  EXPECT_THAT(ExploreReport(result), HasSubstr("create\n"));
  EXPECT_THAT(ExploreReport(result), HasSubstr("verdict: FAIL (link: x)\n"));
}

TEST(ExploreSequencesReportTest, FewerThanThereAreAreAViolation) {
  ExploreSequencesResult result{.depth = 1, .expected = 12};
  result.sequences.sequences = 11;
  EXPECT_EQ(result.failure()->code, ExitCode::kViolation);
}

TEST(ExploreCommandTest, WrongArgumentsAreNamed) {
  struct Bad {
    std::vector<std::string> arguments;
    std::string text;
  };
  const Bad all[] = {
      {{"explore"},
       "no explore command: say features, faults or sequences\n"
       "vuser: see vuser explore --help"},
      {{"explore", "stars"},
       "stars: no such explore command; say features, faults or sequences\n"
       "vuser: see vuser explore --help"},
      {{"explore", "faults", "--timeout", "0"}, "--timeout 0: say 1 or more"},
      {{"explore", "sequences", "--timeout", "0"}, "--timeout 0: say 1 or"},
      {{"explore", "sequences", "--depth", "0"}, "--depth 0: say 1 to 64"},
      {{"explore", "sequences", "--only", "create,fly"},
       "--only create,fly: say operations with commas between; there is "
       "create"},
      {{"explore", "features", "--jobs", "0"}, "--jobs 0: say 1 to 1024"},
      {{"explore", "faults", "--pairs", "0"}, "--pairs 0: say 1 to 128"},
      {{"explore", "faults", "--pairs", "129"}, "--pairs 129: say 1 to 128"},
      {{"explore", "faults", "--pairs", "x"}, "x is not a whole number"},
      {{"explore", "faults", "--only", "late@1"}, "--only: say --pairs too"},
      {{"explore", "faults", "--pairs", "1", "--only", "late@1", "--json", "-"},
       "--json excludes --only"},
      {{"explore", "sequences", "--only", "create", "--depth", "2"},
       "--depth excludes --only"},
      {{"explore", "faults", "--pairs", "1", "--only", "late"},
       "--only late: say WAY@CALL"},
      {{"explore", "faults", "--json", "/no/such/folder/x"},
       "--json /no/such/folder/x: "},
  };
  for (const Bad& bad : all) {
    const Outcome outcome = RunVuser(bad.arguments);
    EXPECT_EQ(outcome.code, 2) << bad.text;
    EXPECT_THAT(outcome.err, HasSubstr(bad.text));
  }
}

TEST(ExploreCommandTest, HelpNamesTheWaysOfAFault) {
  const Outcome outcome = RunVuser({"explore", "faults", "--help"});
  EXPECT_EQ(outcome.code, 0);
  for (const auto& way : backend_sim::kFaultWays) {
    EXPECT_THAT(outcome.out, HasSubstr(std::string(way.name)));
  }
}

}  // namespace
}  // namespace virtio_user::cli
