// SPDX-License-Identifier: BSD-3-Clause
//
// testpmd is killed at random moments under traffic and started again, and
// `vuser run --reconnect` goes on.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "tests/interop/log_check.h"
#include "tests/interop/testpmd.h"
#include "tests/interop/vuser.h"
#include "tests/support/temp_dir.h"

namespace interop {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::MatchesRegex;

constexpr seconds kPatience(60);
// Of each call of vuser's; far more than any takes.
constexpr int kTimeoutSeconds = 10;
constexpr milliseconds kLongestLife(500);

// Kills in each of the four legs.
int Kills() {
  const char* const text = std::getenv("VU_KILLS");
  return text == nullptr ? 13 : std::atoi(text);
}

struct Leg {
  std::string name{};
  TestpmdRole role = TestpmdRole::kListens;
  bool packed = false;

  friend void PrintTo(const Leg& leg, std::ostream* out) { *out << leg.name; }
};

class ReconnectTest : public testing::TestWithParam<Leg> {
 protected:
  void SetUp() override {
    const auto why = Testpmd::WhyNot(TestpmdMemory::kOrdinary);
    if (why) GTEST_SKIP() << *why;
  }

  std::unique_ptr<Testpmd> StartTestpmd() {
    // A listener that is killed leaves its file, where the next cannot listen.
    if (GetParam().role == TestpmdRole::kListens) ::unlink(socket_.c_str());
    std::string log;
    auto started = Testpmd::Start(
        {.folder = dir_.path(), .socket = socket_, .role = GetParam().role},
        kPatience, log);
    EXPECT_NE(started, nullptr) << "testpmd did not start:\n" << log;
    return started;
  }
  std::unique_ptr<Vuser> StartVuser() {
    std::vector<std::string> arguments = {"run",
                                          "--backend",
                                          socket_,
                                          "--packets",
                                          "5000000000",
                                          "--restarts",
                                          "0",
                                          "--reconnect",
                                          std::to_string(kPatience.count()),
                                          "--timeout",
                                          std::to_string(kTimeoutSeconds),
                                          "--json",
                                          json_};
    if (GetParam().packed) arguments.push_back("--packed");
    if (GetParam().role == TestpmdRole::kConnects) {
      arguments.push_back("--server");
    }
    return Vuser::Start(dir_.path(), std::move(arguments));
  }

  testing_support::TempDir dir_;
  const std::string socket_ = dir_.Join("v.sock");
  const std::string json_ = dir_.Join("report.json");
};

// Whether its rings have been made ready. It forwards soon after.
bool WaitForReady(const Testpmd& testpmd) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (testpmd.ReadyCount() == 0) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(milliseconds(10));
  }
  return true;
}

std::string Account(const Testpmd& testpmd, const Vuser& vuser) {
  return "--- vuser:\n" + TailOf(vuser.Output(), 10) + "--- testpmd:\n" +
         TailOf(testpmd.Log(), 30);
}

void PrintTimes(const std::string& leg, std::vector<double> times) {
  if (times.empty()) return;
  std::ranges::sort(times);
  std::printf(
      "%s: %zu times; from the connection to the first packet: median "
      "%.1f ms, worst %.1f ms\n",
      leg.c_str(), times.size(), times[times.size() / 2], times.back());
}

TEST_P(ReconnectTest, TrafficGoesOnHoweverOftenTestpmdIsKilled) {
  const int kills = Kills();
  std::mt19937 random(20'240'611);
  std::uniform_int_distribution<int> moment(0, kLongestLife.count());

  std::unique_ptr<Testpmd> testpmd;
  if (GetParam().role == TestpmdRole::kListens) testpmd = StartTestpmd();
  const auto vuser = StartVuser();
  ASSERT_NE(vuser, nullptr);
  if (!testpmd) testpmd = StartTestpmd();
  ASSERT_NE(testpmd, nullptr);
  ASSERT_TRUE(WaitForReady(*testpmd)) << Account(*testpmd, *vuser);
  std::this_thread::sleep_for(kLongestLife);
  const size_t descriptors = vuser->DescriptorCount();
  for (int i = 0; i < kills; ++i) {
    // Most under traffic, some while the device is still being brought up.
    if (i % 4 != 3) {
      ASSERT_TRUE(WaitForReady(*testpmd)) << Account(*testpmd, *vuser);
    }
    std::this_thread::sleep_for(milliseconds(moment(random)));
    ASSERT_FALSE(vuser->Wait(seconds(0))) << vuser->Output();
    testpmd->Kill();
    testpmd = StartTestpmd();
    ASSERT_NE(testpmd, nullptr);
  }
  ASSERT_TRUE(WaitForReady(*testpmd)) << Account(*testpmd, *vuser);
  std::this_thread::sleep_for(4 * kLongestLife);
  EXPECT_EQ(vuser->DescriptorCount(), descriptors);
  vuser->Interrupt();

  EXPECT_EQ(vuser->Wait(kPatience), 1);
  // Nothing else was wrong.
  EXPECT_THAT(vuser->LastLine(),
              MatchesRegex("verdict: FAIL \\(interrupted in phase "
                           "\"echo, 1 pair\"\\)"));
  const auto reconnects =
      nlohmann::json::parse(ReadFile(json_), nullptr, false)["reconnects"];
  ASSERT_FALSE(reconnects.empty());
  // One that is killed before it has served is not seen.
  EXPECT_LE(reconnects.size(), static_cast<size_t>(kills));
  std::vector<double> first_packets;
  for (const auto& each : reconnects) {
    EXPECT_LT(each["longest_call_ns"].get<int64_t>(),
              int64_t{kTimeoutSeconds} * 1'000'000'000);
    if (each["first_packet_ns"].is_null()) continue;
    first_packets.push_back(each["first_packet_ns"].get<double>() / 1e6);
  }
  EXPECT_FALSE(reconnects.back()["first_packet_ns"].is_null())
      << "no traffic after the last one";
  EXPECT_GE(first_packets.size(), static_cast<size_t>(kills) / 2);
  PrintTimes(GetParam().name, std::move(first_packets));
  EXPECT_EQ(testpmd->Quit(kPatience), 0);
}

INSTANTIATE_TEST_SUITE_P(
    Legs, ReconnectTest,
    testing::Values(Leg{.name = "ClientSplit"},
                    Leg{.name = "ClientPacked", .packed = true},
                    Leg{.name = "ServerSplit", .role = TestpmdRole::kConnects},
                    Leg{.name = "ServerPacked",
                        .role = TestpmdRole::kConnects,
                        .packed = true}),
    [](const auto& each) { return each.param.name; });

}  // namespace
}  // namespace interop
