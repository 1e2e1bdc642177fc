// SPDX-License-Identifier: BSD-3-Clause

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>

#include "cli/progress.h"
#include "cli/report.h"
#include "cli/report_json.h"
#include "cli/text_table.h"

namespace virtio_user::cli {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;

RunResult SomeResult() {
  RunResult result;
  result.options.backend = "sim";
  result.options.queues = 2;
  result.options.seed = 7;
  result.negotiated = true;
  result.features.device = {Feature::kNetMq, Feature::kVersion1};
  result.features.device = result.features.device | FeatureSet::FromBit(25);
  result.features.offered = {Feature::kNetMq, Feature::kNetCtrlVq,
                             Feature::kVersion1};
  result.features.accepted = {Feature::kNetMq, Feature::kNetCtrlVq,
                              Feature::kVersion1};
  result.features.forwarded = {Feature::kNetMq, Feature::kVersion1};
  result.protocol = {.offered = 0x100000009, .max_queue_pairs = 2};
  result.pairs = {
      {.sent = 3, .sent_bytes = 300, .received = 3, .received_bytes = 300},
      {.sent = 4, .sent_bytes = 400, .received = 4, .received_bytes = 400}};
  result.phases = {
      {.name = "open", .packets = 0, .time = std::chrono::milliseconds(2)},
      {.name = "echo, 2 pairs",
       .packets = 7,
       .time = std::chrono::milliseconds(1)}};
  result.messages = {.sent = 11,
                     .received = 10,
                     .bytes_sent = 120,
                     .bytes_received = 100,
                     .send_calls = 3,
                     .receive_calls = 2,
                     .wait_calls = 4,
                     .attach_calls = 1};
  result.control_commands = 5;
  result.starts = 4;
  result.trace_hash = "00112233445566778899aabbccddeeff";
  return result;
}

TEST(ReportTest, Features_AreNamedWithWhoHasThem) {
  const std::string text = RunReport(SomeResult());
  EXPECT_THAT(
      text,
      HasSubstr(
          "  features              back-end  offered  accepted  forwarded\n"));
  EXPECT_THAT(
      text,
      HasSubstr("  VIRTIO_NET_F_CTRL_VQ  -         yes      yes       -\n"));
  EXPECT_THAT(
      text,
      HasSubstr("  VIRTIO_NET_F_MQ       yes       yes      yes       yes\n"));
  EXPECT_THAT(
      text,
      HasSubstr("  bit 25                yes       -        -         -\n"));
}

TEST(ReportTest, Pairs_AreListedWithTheirSum) {
  EXPECT_THAT(RunReport(SomeResult()),
              HasSubstr("  pair  sent  bytes  received  bytes\n"
                        "  0        3    300         3    300\n"
                        "  1        4    400         4    400\n"
                        "  all      7    700         7    700\n"));
}

TEST(ReportTest, Phases_ShowTimeAndRate) {
  EXPECT_THAT(RunReport(SomeResult()),
              HasSubstr("  phase             ms  packets  packets/s\n"
                        "  open           2.000\n"
                        "  echo, 2 pairs  1.000        7       7000\n"
                        "  all            3.000\n"));
}

TEST(ReportTest, ProtocolFeatures_AreNamed) {
  const std::string text = RunReport(SomeResult());
  EXPECT_THAT(text, HasSubstr("VHOST_USER_PROTOCOL_F_REPLY_ACK\n"));
  EXPECT_THAT(text, HasSubstr("bit 32\n"));
}

TEST(ReportTest, OnTheSimulator_CallsAreTheChannels) {
  EXPECT_THAT(RunReport(SomeResult()),
              HasSubstr("messages, and calls of the channel"));
  RunResult result = SomeResult();
  result.options.backend = "/tmp/v.sock";
  EXPECT_THAT(RunReport(result),
              HasSubstr("messages, and system calls for them"));
}

TEST(ReportTest, LastLines_AreHashAndVerdict) {
  RunResult result = SomeResult();
  EXPECT_THAT(RunReport(result),
              EndsWith("\nseed: 7\n"
                       "trace hash: 00112233445566778899aabbccddeeff\n"
                       "verdict: pass\n"));
  result.failure = Failure{ExitCode::kFail, "pair 1: lost"};
  EXPECT_THAT(RunReport(result), EndsWith("\nverdict: FAIL (pair 1: lost)\n"));
}

TEST(ReportTest, SeveralProblems_StandAboveTheShortVerdict) {
  RunResult result = SomeResult();
  result.failure =
      Failure{ExitCode::kFail, "A; and 2 more", {"A", "B\n", "and 1 more"}};
  EXPECT_THAT(RunReport(result), HasSubstr("\n  problems\n"
                                           "  A\n"
                                           "  B\\n\n"
                                           "  and 1 more\n\n"));
  EXPECT_THAT(RunReport(result), EndsWith("\nverdict: FAIL (A; and 2 more)\n"));
  EXPECT_EQ(nlohmann::json::parse(RunJson(result))["problems"],
            nlohmann::json({"A", "B\n", "and 1 more"}));
}

TEST(ReportTest, ResultOfARunThatNeverOpened_HasAVerdict) {
  RunResult result;
  result.failure = Failure{ExitCode::kUnreachable, "nobody there"};
  const std::string text = RunReport(result);
  EXPECT_THAT(text, EndsWith("verdict: FAIL (nobody there)\n"));
  EXPECT_THAT(text, Not(HasSubstr("features")));
}

TEST(ReportJsonTest, Document_HasEverythingOfTheTable) {
  const auto json = nlohmann::json::parse(RunJson(SomeResult()));
  EXPECT_EQ(json["schema"], 1);
  EXPECT_EQ(json["command"], "run");
  EXPECT_EQ(json["options"]["queues"], 2);
  EXPECT_EQ(json["options"]["seed"], 7);
  EXPECT_EQ(json["options"]["mac"], nullptr);
  EXPECT_EQ(json["options"]["ifname"], nullptr);
  EXPECT_EQ(json["features"]["forwarded"]["mask"], "0x0000000100400000");
  EXPECT_EQ(json["features"]["forwarded"]["names"],
            nlohmann::json({"VIRTIO_NET_F_MQ", "VIRTIO_F_VERSION_1"}));
  EXPECT_EQ(json["protocol"]["max_queue_pairs"], 2);
  EXPECT_EQ(json["protocol"]["features_of_backend"]["names"][0],
            "VHOST_USER_PROTOCOL_F_MQ");
  EXPECT_EQ(json["pairs"].size(), 2u);
  EXPECT_EQ(json["pairs"][1]["received_bytes"], 400);
  EXPECT_EQ(json["phases"][1]["name"], "echo, 2 pairs");
  EXPECT_EQ(json["phases"][1]["time_ns"], 1'000'000);
  EXPECT_EQ(json["messages"]["sent"], 11);
  EXPECT_EQ(json["messages"]["wait_calls"], 4);
  EXPECT_EQ(json["control_commands"], 5);
  EXPECT_EQ(json["starts"], 4);
  EXPECT_EQ(json["trace_hash"], "00112233445566778899aabbccddeeff");
  EXPECT_EQ(json["verdict"], "pass");
  EXPECT_EQ(json["reason"], nullptr);
}

TEST(ReportJsonTest, Failure_IsItsReason) {
  RunResult result;
  result.options.mac = MacAddress{{2, 0, 0, 0, 0, 1}};
  result.failure = Failure{ExitCode::kFail, "pair 1: lost"};
  const auto json = nlohmann::json::parse(RunJson(result));
  EXPECT_EQ(json["verdict"], "fail");
  EXPECT_EQ(json["reason"], "pair 1: lost");
  EXPECT_EQ(json["features"], nullptr);
  EXPECT_EQ(json["trace_hash"], nullptr);
  EXPECT_EQ(json["options"]["mac"], "02:00:00:00:00:01");
}

TEST(ReportJsonTest, PathThatIsNotUtf8_IsNoError) {
  RunResult result;
  result.options.backend = "/tmp/\xff";
  EXPECT_TRUE(nlohmann::json::accept(RunJson(result)));
}

TEST(TextTableTest, Columns_AreAsWideAsTheirWidestCell) {
  TextTable table({"a", "long head"}, TextTable::Others::kRight);
  table.Add({"wide cell", "1"});
  EXPECT_EQ(table.Text(),
            "  a          long head\n"
            "  wide cell          1\n");
}

TEST(ProgressTest, WithoutATerminal_EachPhaseIsALine) {
  std::ostringstream out;
  std::ostringstream err;
  const Console console{.out = out, .err = err};
  Progress progress(console, "packets");
  progress.Begin("start");
  progress.Update(1, 2);
  progress.End(0.25);
  EXPECT_EQ(err.str(), "start: 0.250 s\n");
  EXPECT_EQ(out.str(), "");
}

TEST(ProgressTest, OnATerminal_OneLineChangesAndIsGoneAtTheEnd) {
  std::ostringstream out;
  std::ostringstream err;
  const Console console{.out = out, .err = err, .err_is_terminal = true};
  {
    Progress progress(console, "seeds");
    progress.Begin("echo");
    progress.Update(1, 2);
    progress.End(0.25);
  }
  EXPECT_EQ(err.str(),
            "\r\x1b[Kecho\r\x1b[K"
            "echo: 1 of 2 seeds (50 %)\r\x1b[K");
}

}  // namespace
}  // namespace virtio_user::cli
