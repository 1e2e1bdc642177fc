// SPDX-License-Identifier: BSD-3-Clause
//
// The command `vuser` on DPDK's testpmd, the real back-end: both ways round
// the socket, with one queue pair and with four.

#include "tests/interop/testpmd.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <thread>
#include <vector>

#include "tests/interop/log_check.h"
#include "tests/interop/vuser.h"
#include "tests/support/temp_dir.h"

namespace interop {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;
using testing::IsEmpty;

// Both are generous: a busy machine is not a defect.
constexpr seconds kTestpmdPatience(60);
constexpr seconds kVuserPatience(300);

// What happened, for a failure's message.
std::string Account(const Testpmd& testpmd, const Vuser& vuser) {
  return "--- vuser:\n" + TailOf(vuser.Output(), 30) + "--- its progress:\n" +
         TailOf(vuser.Progress(), 10) + "--- testpmd:\n" +
         TailOf(testpmd.Log(), 30);
}

class TestpmdTest : public testing::Test {
 protected:
  // Null, and the test skipped or failed, where none can be had.
  std::unique_ptr<Testpmd> StartTestpmd(TestpmdOptions options) {
    options.folder = dir_.path();
    options.socket = socket_;
    std::string log;
    auto started = Testpmd::Start(options, kTestpmdPatience, log);
    EXPECT_NE(started, nullptr) << "testpmd did not start:\n" << log;
    return started;
  }
  std::unique_ptr<Vuser> StartVuser(std::vector<std::string> arguments) {
    auto started = Vuser::Start(dir_.path(), std::move(arguments));
    EXPECT_NE(started, nullptr);
    return started;
  }

  testing_support::TempDir dir_;
  const std::string socket_ = dir_.Join("v.sock");
};

struct Leg {
  std::string name{};
  TestpmdRole role = TestpmdRole::kListens;
  TestpmdMemory memory = TestpmdMemory::kOrdinary;
  int queues = 1;
  std::string packets{};

  friend void PrintTo(const Leg& leg, std::ostream* out) { *out << leg.name; }
};

class TestpmdLegTest : public TestpmdTest,
                       public testing::WithParamInterface<Leg> {
 protected:
  std::vector<std::string> RunArguments() const {
    std::vector<std::string> arguments = {
        "run", "--backend", socket_, "--queues",
        std::to_string(GetParam().queues), "--packets", GetParam().packets,
        // In server mode testpmd tries to connect once a second.
        "--timeout", "20"};
    if (GetParam().role == TestpmdRole::kConnects) {
      arguments.push_back("--server");
    }
    return arguments;
  }
};

TEST_P(TestpmdLegTest, EveryByteComesBackAndTestpmdHasNoComplaint) {
  const Leg& leg = GetParam();
  // The set-up installs testpmd; hugepages are the machine's matter.
  if (const auto why = Testpmd::WhyNot(leg.memory)) {
    ASSERT_EQ(leg.memory, TestpmdMemory::kHugepages) << *why;
    GTEST_SKIP() << *why;
  }
  const auto testpmd = StartTestpmd(
      {.role = leg.role, .memory = leg.memory, .queues = leg.queues});
  ASSERT_NE(testpmd, nullptr);

  const auto vuser = StartVuser(RunArguments());
  ASSERT_NE(vuser, nullptr);
  const std::optional<int> exit_code = vuser->Wait(kVuserPatience);

  SCOPED_TRACE(Account(*testpmd, *vuser));
  EXPECT_EQ(exit_code, 0);
  EXPECT_EQ(vuser->LastLine(), "verdict: pass");
  // The first start, and three more.
  EXPECT_EQ(testpmd->ReadyCount(), 4u);
  EXPECT_THAT(testpmd->Trouble(), IsEmpty());
  EXPECT_EQ(testpmd->Quit(kTestpmdPatience), 0);
}

INSTANTIATE_TEST_SUITE_P(
    Legs, TestpmdLegTest,
    testing::Values(Leg{.name = "ClientWithOnePair", .packets = "100000"},
                    Leg{.name = "ClientWithFourPairsAndAMillionPackets",
                        .queues = 4,
                        .packets = "1000000"},
                    Leg{.name = "ServerWithOnePair",
                        .role = TestpmdRole::kConnects,
                        .packets = "100000"},
                    Leg{.name = "ServerWithFourPairs",
                        .role = TestpmdRole::kConnects,
                        .queues = 4,
                        .packets = "100000"},
                    Leg{.name = "ClientWithTestpmdOnHugepages",
                        .memory = TestpmdMemory::kHugepages,
                        .queues = 4,
                        .packets = "100000"}),
    [](const auto& each) { return each.param.name; });

TEST_F(TestpmdTest, S39_AServersSocketIsGoneWhenItEnds) {
  const auto why = Testpmd::WhyNot(TestpmdMemory::kOrdinary);
  if (why) GTEST_SKIP() << *why;
  const auto testpmd = StartTestpmd({.role = TestpmdRole::kConnects});
  ASSERT_NE(testpmd, nullptr);

  const auto vuser = StartVuser({"run", "--backend", socket_, "--server",
                                 "--timeout", "20", "--packets", "1000"});
  ASSERT_NE(vuser, nullptr);

  EXPECT_EQ(vuser->Wait(kVuserPatience), 0) << Account(*testpmd, *vuser);
  EXPECT_FALSE(std::filesystem::exists(socket_));
}

TEST_F(TestpmdTest, ABackendServesOneFrontEndAfterTheOther) {
  const auto why = Testpmd::WhyNot(TestpmdMemory::kOrdinary);
  if (why) GTEST_SKIP() << *why;
  const auto testpmd = StartTestpmd({.queues = 2});
  ASSERT_NE(testpmd, nullptr);

  for (int round = 0; round < 3; ++round) {
    const auto vuser = StartVuser(
        {"run", "--backend", socket_, "--queues", "2", "--packets", "5000"});
    ASSERT_NE(vuser, nullptr);
    ASSERT_EQ(vuser->Wait(kVuserPatience), 0) << Account(*testpmd, *vuser);
  }

  EXPECT_EQ(testpmd->ReadyCount(), 12u);
  EXPECT_THAT(testpmd->Trouble(), IsEmpty());
}

// Queues that testpmd has and does not forward on are a black hole.
TEST_F(TestpmdTest, APairThatTestpmdDoesNotServeIsNamed) {
  const auto why = Testpmd::WhyNot(TestpmdMemory::kOrdinary);
  if (why) GTEST_SKIP() << *why;
  const auto testpmd = StartTestpmd({.queues = 2, .served_queues = 1});
  ASSERT_NE(testpmd, nullptr);

  const auto vuser = StartVuser({"run", "--backend", socket_, "--queues", "2"});
  ASSERT_NE(vuser, nullptr);
  const std::optional<int> exit_code = vuser->Wait(kVuserPatience);

  SCOPED_TRACE(Account(*testpmd, *vuser));
  EXPECT_EQ(exit_code, 1);
  EXPECT_THAT(vuser->LastLine(), HasSubstr("verdict: FAIL (pair 1: sent"));
  EXPECT_THAT(vuser->LastLine(), HasSubstr("none came back"));
}

TEST_F(TestpmdTest, ABackendThatDiesEndsTheRunInTime) {
  const auto why = Testpmd::WhyNot(TestpmdMemory::kOrdinary);
  if (why) GTEST_SKIP() << *why;
  const auto testpmd = StartTestpmd({.queues = 2});
  ASSERT_NE(testpmd, nullptr);
  const auto vuser = StartVuser(
      {"run", "--backend", socket_, "--queues", "2", "--packets", "100000000"});
  ASSERT_NE(vuser, nullptr);
  ASSERT_EQ(vuser->Wait(seconds(3)), std::nullopt) << Account(*testpmd, *vuser);

  testpmd->Kill();
  const std::optional<int> exit_code = vuser->Wait(seconds(30));

  SCOPED_TRACE(Account(*testpmd, *vuser));
  EXPECT_EQ(exit_code, 1);
  EXPECT_THAT(vuser->LastLine(), HasSubstr("verdict: FAIL"));
}

TEST_F(TestpmdTest, ProbeTellsWhatTestpmdOffers) {
  const auto why = Testpmd::WhyNot(TestpmdMemory::kOrdinary);
  if (why) GTEST_SKIP() << *why;
  const auto testpmd = StartTestpmd({.queues = 4});
  ASSERT_NE(testpmd, nullptr);

  const auto vuser = StartVuser({"probe", socket_});
  ASSERT_NE(vuser, nullptr);
  const std::optional<int> exit_code = vuser->Wait(kVuserPatience);

  SCOPED_TRACE(Account(*testpmd, *vuser));
  EXPECT_EQ(exit_code, 0);
  EXPECT_THAT(vuser->Output(), HasSubstr("VIRTIO_F_VERSION_1"));
  EXPECT_THAT(vuser->Output(), HasSubstr("VIRTIO_NET_F_MQ"));
  EXPECT_THAT(vuser->Output(), HasSubstr("VHOST_USER_PROTOCOL_F_REPLY_ACK"));
  EXPECT_THAT(testpmd->Trouble(), IsEmpty());
}

}  // namespace
}  // namespace interop
