// SPDX-License-Identifier: BSD-3-Clause
//
// `vuser run --reconnect` on a server behind a real socket that goes away.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "backend_sim/fault_plan.h"
#include "backend_sim/socket_peer.h"
#include "backend_sim/socket_server.h"
#include "backend_sim/trace.h"
#include "tests/cli_support.h"
#include "tests/support/temp_dir.h"
#include "virtio_user/base/posix_fd_ops.h"
#include "virtio_user/os/memfd.h"

namespace virtio_user::cli {
namespace {

using backend_sim::FaultKind;
using backend_sim::Personality;
using ::testing::HasSubstr;

struct ServerPlan {
  std::vector<backend_sim::Fault> faults = {};
  Personality first = Personality::Conforming();
  Personality later = Personality::Conforming();
  uint64_t sessions = UINT64_MAX;  // Then nobody listens any more.
  bool connects = false;
  // It dies after this time, the first time.
  std::optional<std::chrono::milliseconds> first_session = {};
};

// In a thread of its own, until its end.
class Server {
 public:
  Server(std::string path, ServerPlan plan)
      : path_(std::move(path)),
        plan_(std::move(plan)),
        faults_(plan_.faults),
        server_(
            {.personality = plan_.first,
             .make_memory =
                 [this](size_t bytes) { return MakeSealedMemfd(fds_, bytes); }},
            fds_, trace_, faults_) {
    if (!plan_.connects) listener_ = *backend_sim::ListenAt(path_, fds_);
    thread_ = std::thread([this] { Serve(); });
  }
  ~Server() { Join(); }

  // Messages that it has received, once it has ended.
  uint64_t Join() {
    stop_.store(true);
    if (thread_.joinable()) thread_.join();
    return server_.message_count();
  }

 private:
  void Serve() {
    for (uint64_t i = 0; i < plan_.sessions && !stop_.load(); ++i) {
      auto connection = plan_.connects
                            ? backend_sim::ConnectTo(path_, fds_, stop_)
                            : backend_sim::AcceptFrom(listener_, fds_, stop_);
      if (!connection) return;
      if (i == 1) server_.SetPersonality(plan_.later);
      backend_sim::SocketServer socket(server_, fds_);
      if (i == 0 && plan_.first_session) {
        std::atomic<bool> dies{false};
        std::thread timer([&] {
          std::this_thread::sleep_for(*plan_.first_session);
          dies.store(true);
        });
        (void)socket.Serve(*std::move(connection), dies);
        timer.join();
      } else {
        (void)socket.Serve(*std::move(connection), stop_);
      }
    }
    listener_.Reset();
  }

  const std::string path_;
  const ServerPlan plan_;
  PosixFdOps fds_;
  backend_sim::Trace trace_;
  backend_sim::FaultPlan faults_;
  backend_sim::VhostUserServer server_;
  FileDescriptor listener_;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

class ReconnectTest : public ::testing::Test {
 protected:
  std::vector<std::string> Arguments(
      const std::vector<std::string>& more) const {
    std::vector<std::string> arguments = {
        "run", "--backend", path_, "--queues",   "2", "--packets",
        "300", "--timeout", "20",  "--restarts", "1"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }

  const testing_support::TempDir dir_;
  const std::string path_ = dir_.Join("v.sock");
};

// Messages of a run in which nobody goes away.
uint64_t CountMessages(const std::string& path,
                       const std::vector<std::string>& arguments) {
  Server server(path, {});
  EXPECT_EQ(RunVuser(arguments).code, 0);
  return server.Join();
}

// Until the device exists there is nothing to bring back: a first connection
// takes SET_OWNER, GET_FEATURES, GET_ and SET_PROTOCOL_FEATURES, GET_QUEUE_NUM,
// GET_MAX_MEM_SLOTS, SET_BACKEND_REQ_FD and GET_CONFIG.
constexpr uint64_t kMessagesOfCreate = 8;

class EveryMessageTest : public ReconnectTest,
                         public ::testing::WithParamInterface<FaultKind> {};

TEST_P(EveryMessageTest, TheServerMayGoThereAndTheRunGoesOn) {
  const auto arguments = Arguments({"--reconnect", "20"});
  const uint64_t count = CountMessages(path_, arguments);
  ASSERT_GT(count, kMessagesOfCreate + 40);
  // The last messages are those of the end, after which nobody comes back.
  for (uint64_t at = kMessagesOfCreate; at + 10 < count; ++at) {
    SCOPED_TRACE("message " + std::to_string(at));
    Server server(path_, {.faults = {{.kind = GetParam(), .at = at}}});
    const Outcome outcome = RunVuser(arguments);
    ASSERT_EQ(outcome.code, 0) << outcome.err;
    ASSERT_EQ(outcome.ValueOf("reconnects: "), "1");
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, EveryMessageTest,
                         ::testing::Values(FaultKind::kCloseBefore,
                                           FaultKind::kCloseAfter,
                                           FaultKind::kCloseUnanswered));

// The first server keeps three chains for itself until it dies.
TEST_F(ReconnectTest, AServerThatDiesWithPacketsInFlightLosesNone) {
  ServerPlan plan;
  plan.first = *backend_sim::FindPersonality("inflight");
  plan.first.traffic = backend_sim::TrafficMode::kSink;
  plan.first.rings.held_chains = 3;
  plan.first_session = std::chrono::milliseconds(300);
  plan.later = plan.first;
  plan.later.rings.held_chains = 0;
  Server server(path_, plan);

  const Outcome outcome = RunVuser(
      Arguments({"--reconnect", "20", "--traffic", "send", "--json", "-"}));

  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const auto document = nlohmann::json::parse(outcome.out);
  ASSERT_EQ(document["reconnects"].size(), 1u);
  EXPECT_EQ(document["reconnects"][0]["kept_rings"], true);
  EXPECT_EQ(document["reconnects"][0]["lost"], 0);
}

TEST_F(ReconnectTest, AnEchoingServerThatTakesNotesMayGoAnywhere) {
  ServerPlan plan;
  plan.first = *backend_sim::FindPersonality("inflight");
  plan.later = plan.first;
  for (uint64_t at = 40; at < 80; at += 3) {
    SCOPED_TRACE("message " + std::to_string(at));
    plan.faults = {{.kind = FaultKind::kCloseUnanswered, .at = at}};
    Server server(path_, plan);
    const Outcome outcome = RunVuser(Arguments({"--reconnect", "20"}));
    ASSERT_EQ(outcome.code, 0) << outcome.err;
  }
}

TEST_F(ReconnectTest, AServerThatConnectsMayGoAndConnectAgain) {
  Server server(path_, {.faults = {{.kind = FaultKind::kCloseAfter, .at = 30},
                                   {.kind = FaultKind::kCloseBefore, .at = 75}},
                        .connects = true});
  const Outcome outcome =
      RunVuser(Arguments({"--server", "--reconnect", "20"}));
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.ValueOf("reconnects: "), "2");
}

// Nothing is let pass because there were packets left to lose.
TEST_F(ReconnectTest, AServerThatAlwaysGoesWhenItHasStartedIsTold) {
  std::vector<backend_sim::Fault> faults;
  for (uint64_t at = 20; at < 20000; ++at) {
    faults.push_back({.kind = FaultKind::kCloseBefore, .at = at});
  }
  Server server(path_, {.faults = faults});
  const Outcome outcome = RunVuser(Arguments({"--reconnect", "0.5"}));
  EXPECT_EQ(outcome.code, 1);
  EXPECT_THAT(outcome.LastLine(), HasSubstr("verdict: FAIL (the back-end "));
}

TEST_F(ReconnectTest, WithoutTheOptionTheFirstLossEndsTheRun) {
  Server server(path_,
                {.faults = {{.kind = FaultKind::kCloseAfter, .at = 40}}});
  const Outcome outcome = RunVuser(Arguments({}));
  EXPECT_EQ(outcome.code, 1);
  EXPECT_THAT(outcome.LastLine(), HasSubstr("verdict: FAIL ("));
}

TEST_F(ReconnectTest, AServerThatStaysAwayIsToldWithItsTime) {
  Server server(path_, {.faults = {{.kind = FaultKind::kCloseAfter, .at = 40}},
                        .sessions = 1});
  const Outcome outcome = RunVuser(Arguments({"--reconnect", "0.3"}));
  EXPECT_EQ(outcome.code, 1);
  EXPECT_THAT(outcome.LastLine(),
              HasSubstr("the back-end did not come back in 0.3 s: nobody "
                        "serves " +
                        path_));
}

TEST_F(ReconnectTest, AServerThatComesBackWithFewerFeaturesIsTold) {
  Personality poorer = Personality::Conforming();
  poorer.features &= ~backend_sim::Bit(backend_sim::kBitMrgRxbuf);
  Server server(path_, {.faults = {{.kind = FaultKind::kCloseAfter, .at = 40}},
                        .later = poorer});
  const Outcome outcome = RunVuser(Arguments({"--reconnect", "20"}));
  EXPECT_EQ(outcome.code, 1);
  EXPECT_THAT(outcome.LastLine(), HasSubstr("the new back-end does not offer "
                                            "VIRTIO_NET_F_MRG_RXBUF (bit 15)"));
}

TEST_F(ReconnectTest, AServerThatComesBackWithFewerPairsIsTold) {
  Personality poorer = Personality::Conforming();
  poorer.max_pairs = 1;
  poorer.queue_num = 1;
  Server server(path_, {.faults = {{.kind = FaultKind::kCloseAfter, .at = 40}},
                        .later = poorer});
  const Outcome outcome = RunVuser(Arguments({"--reconnect", "20"}));
  EXPECT_EQ(outcome.code, 1);
  EXPECT_THAT(outcome.LastLine(), HasSubstr("serves at most 1 queue pairs"));
}

// What the server said wrongly is not hidden by its going away.
TEST_F(ReconnectTest, AWrongAnswerIsNoLoss) {
  Server server(path_, {.faults = {{.kind = FaultKind::kReplyWrongRequest,
                                    .at = 30,
                                    .argument = 99}}});
  const Outcome outcome = RunVuser(Arguments({"--reconnect", "20"}));
  EXPECT_EQ(outcome.code, 1);
  EXPECT_THAT(outcome.LastLine(), HasSubstr("verdict: FAIL ("));
}

TEST_F(ReconnectTest, TheReportNamesEachTime) {
  Server server(path_,
                {.faults = {{.kind = FaultKind::kCloseBefore, .at = 45}}});
  const Outcome outcome =
      RunVuser(Arguments({"--reconnect", "20", "--json", "-"}));
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const auto document = nlohmann::json::parse(outcome.out);
  EXPECT_EQ(document["options"]["reconnect_ns"], 20'000'000'000);
  ASSERT_EQ(document["reconnects"].size(), 1u);
  EXPECT_GT(document["reconnects"][0]["away_ns"], 0);
  EXPECT_GT(document["reconnects"][0]["first_packet_ns"], 0);
}

}  // namespace
}  // namespace virtio_user::cli
