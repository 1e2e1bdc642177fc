// SPDX-License-Identifier: BSD-3-Clause
//
// The back-end's requests over real sockets: a server that waits for the
// answer to its own request before it reads on.

#include <atomic>
#include <chrono>
#include <memory>
#include <thread>
#include <vector>

#include "backend_sim/fault_plan.h"
#include "backend_sim/socket_server.h"
#include "backend_sim/trace.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/sim/raw_client.h"
#include "tests/support/fd_balance.h"
#include "tests/support/raw_socket.h"
#include "virtio_user/base/posix_fd_ops.h"
#include "virtio_user/os/unix_socket_channel.h"
#include "virtio_user/vhost_user/vhost_user_backend.h"

namespace virtio_user {
namespace {

using backend_sim::SocketServer;
using testing_support::ConnectedPair;

constexpr uint32_t kConfigChange = 2;

// A back-end that serves one connection in a thread of its own.
class Peer {
 public:
  explicit Peer(backend_sim::PlannedRequest planned) {
    auto [ours, theirs] = ConnectedPair();
    connection = std::move(ours);
    socket_.PlanRequest(std::move(planned));
    thread_ = std::thread([this, fd = std::move(theirs)]() mutable {
      result = socket_.Serve(std::move(fd), stop_);
    });
  }
  ~Peer() { Join(); }
  void Join() {
    if (thread_.joinable()) thread_.join();
  }
  const std::vector<std::byte>& answer() const {
    return socket_.request_answer();
  }

  FileDescriptor connection;
  Result<void> result;

 private:
  PosixFdOps fds_;
  backend_sim::Trace trace_;
  backend_sim::FaultPlan faults_;
  backend_sim::VhostUserServer server_{{}, fds_, trace_, faults_};
  SocketServer socket_{server_, fds_};
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

// SET_OWNER to GET_CONFIG, then a window of 40 messages and a question.
Result<void> Talk(VhostUserBackend& backend) {
  backend.BeginCall(std::chrono::seconds(5));
  if (auto done = backend.link().Attach(); !done) return done;
  if (auto done = backend.SetOwner(); !done) return done;
  const auto offered = backend.GetFeatures();
  if (!offered) return Fail(offered);
  auto set = backend.SetFeatures(*offered);
  if (!set) return set;
  Batch batch(backend);
  for (uint16_t ring = 0; ring < 40; ++ring) {
    if (auto done = backend.SetVringNum(ring, 8); !done) return done;
  }
  if (const auto done = batch.Commit(); !done) {
    return std::unexpected(done.error().error);
  }
  const auto status = backend.GetStatus();
  return status ? Result<void>() : Fail(status);
}

TEST(VhostUserRequestsTest, AWaitOnTheMainChannelAnswersTheOtherOne) {
  // In the middle of the window; before its first; before the question.
  for (const uint64_t k : {7, 8, 25, 49}) {
    SCOPED_TRACE(k);
    const size_t before = testing_support::OpenFdCount();
    {
      Peer peer({.before_message = k,
                 .bytes = sim_test::Encode({.request = kConfigChange,
                                            .flags = sim_test::kNeedReply})});
      PosixFdOps fds;
      VhostUserBackend backend(
          UnixSocketChannel::Connected(fds, std::move(peer.connection)));
      const auto begin = std::chrono::steady_clock::now();

      const Result<void> talked = Talk(backend);

      const auto took = std::chrono::steady_clock::now() - begin;
      ASSERT_TRUE(talked) << talked.error().text();
      EXPECT_LT(took, std::chrono::seconds(2));
      EXPECT_GE(backend.news_fd(), 0);
      EXPECT_TRUE(backend.TakeNews().config_changed);
      backend.link().Detach();
      peer.Join();
      EXPECT_TRUE(peer.result);
      ASSERT_EQ(peer.answer().size(), 20u);
      EXPECT_EQ(peer.answer()[0], std::byte{kConfigChange});
      EXPECT_EQ(peer.answer()[4], std::byte{5});
      EXPECT_EQ(peer.answer()[12], std::byte{0});
    }
    EXPECT_EQ(testing_support::OpenFdCount(), before);
  }
}

}  // namespace
}  // namespace virtio_user
