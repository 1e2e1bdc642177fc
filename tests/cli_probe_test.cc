// SPDX-License-Identifier: BSD-3-Clause

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "cli/probe.h"
#include "cli/probe_report.h"
#include "cli/report_json.h"
#include "cli/sim_environment.h"
#include "tests/cli_support.h"
#include "tests/support/temp_dir.h"

namespace virtio_user::cli {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;

ProbeResult ProbeOf(backend_sim::Personality personality) {
  SimEnvironment environment({.backend = "sim", .on_line = {}},
                             std::move(personality));
  auto result = Probe(environment, kDefaultCallBudget);
  EXPECT_TRUE(result.has_value());
  return std::move(*result);
}

TEST(ProbeTest, ConformingBackend_TellsEverything) {
  const auto personality = backend_sim::Personality::Conforming();
  const ProbeResult result = ProbeOf(personality);
  EXPECT_EQ(result.features.low(), personality.features);
  EXPECT_EQ(result.protocol_features, personality.protocol_features);
  EXPECT_EQ(result.queue_num, 128u);
  EXPECT_EQ(result.caps.max_queue_pairs, 128u);
  EXPECT_EQ(result.config.size(), 12u);
}

TEST(ProbeTest, LibVhost_HasNoConfigurationSpace) {
  const ProbeResult result = ProbeOf(backend_sim::Personality::LibVhost());
  EXPECT_TRUE(result.config.empty());
  EXPECT_THAT(ProbeReport(result), HasSubstr("configuration space"));
  EXPECT_EQ(nlohmann::json::parse(ProbeJson(result))["config"], nullptr);
}

TEST(ProbeTest, LegacyBackend_HasNoProtocolFeatures) {
  const ProbeResult result = ProbeOf(backend_sim::Personality::Legacy());
  EXPECT_EQ(result.protocol_features, std::nullopt);
  EXPECT_EQ(result.queue_num, std::nullopt);
  EXPECT_EQ(result.caps.max_queue_pairs, 1u);
  EXPECT_THAT(ProbeReport(result), HasSubstr("no protocol features\n"));
}

TEST(ProbeTest, Table_NamesFeaturesAndConfiguration) {
  const Outcome outcome = RunVuser({"probe", "sim"});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_THAT(outcome.out, HasSubstr("    VIRTIO_NET_F_MQ\n"));
  EXPECT_THAT(outcome.out, HasSubstr("    VHOST_USER_F_PROTOCOL_FEATURES\n"));
  EXPECT_THAT(outcome.out,
              HasSubstr("    VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS\n"));
  EXPECT_THAT(outcome.out, HasSubstr("configuration: mac                  "
                                     "02:76:75:73:65:72\n"));
  EXPECT_THAT(outcome.out, ContainsRegex("memory regions, at most +509\n"));
  EXPECT_THAT(outcome.out,
              ContainsRegex("memory is told of by regions +yes\n"));
  EXPECT_THAT(outcome.out, ContainsRegex("configuration: mtu +1500\n"));
  for (const char* name : {"RARP", "MTU", "BACKEND_REQ", "RESET_DEVICE"}) {
    EXPECT_THAT(outcome.out,
                HasSubstr(std::string("    VHOST_USER_PROTOCOL_F_") + name));
  }
}

TEST(ProbeTest, Json_HasTheSameFacts) {
  const Outcome outcome = RunVuser({"probe", "sim", "--json", "-"});
  EXPECT_EQ(outcome.code, 0);
  const auto json = nlohmann::json::parse(outcome.out);
  EXPECT_EQ(json["schema"], 1);
  EXPECT_EQ(json["command"], "probe");
  EXPECT_EQ(json["backend"], "sim");
  EXPECT_EQ(json["queue_num"], 128);
  EXPECT_EQ(json["max_queue_pairs"], 128);
  EXPECT_EQ(json["max_memory_regions"], 509);
  EXPECT_EQ(json["memory_slots"], true);
  EXPECT_EQ(json["config"]["mac"], "02:76:75:73:65:72");
  EXPECT_EQ(json["config"]["max_virtqueue_pairs"], "128");
}

TEST(ProbeTest, JsonFile_ComesBesideTheTable) {
  const testing_support::TempDir dir;
  const std::string path = dir.Join("probe.json");
  const Outcome outcome = RunVuser({"probe", "sim", "--json", path});
  EXPECT_THAT(outcome.out, HasSubstr("VIRTIO_NET_F_MQ"));
  std::ifstream file(path);
  EXPECT_EQ(nlohmann::json::parse(file)["command"], "probe");
}

TEST(ProbeTest, Verbose_ShowsTheMessages) {
  const Outcome outcome = RunVuser({"probe", "sim", "-v"});
  EXPECT_THAT(outcome.err, HasSubstr("-> GET_PROTOCOL_FEATURES\n"));
}

}  // namespace
}  // namespace virtio_user::cli
