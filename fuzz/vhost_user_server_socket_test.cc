// SPDX-License-Identifier: BSD-3-Clause
//
// The inputs of vhost_user_server_fuzz once more, on a real socket with real
// descriptors: the server ends each session in time, leaves no descriptor, and
// answers what it answers in process.

#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "backend_sim/fault_plan.h"
#include "backend_sim/socket_server.h"
#include "backend_sim/trace.h"
#include "fuzz/front_end_input.h"
#include "fuzz/watched_server.h"
#include "tests/support/fd_balance.h"
#include "tests/support/raw_socket.h"

namespace fuzz {
namespace {

namespace fs = std::filesystem;

using testing_support::RealFdOps;
using virtio_user::FileDescriptor;

const char* const kCorpus = "fuzz/corpus/vhost_user_server_fuzz";
// Of a session that has lost its front-end; more is a server that hangs.
constexpr std::chrono::seconds kPatience(20);

std::vector<std::byte> ReadFile(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

FileDescriptor MemoryOf(size_t bytes) {
  FileDescriptor fd(RealFdOps(), ::memfd_create("front-end", MFD_CLOEXEC));
  EXPECT_EQ(::ftruncate(fd.get(), static_cast<off_t>(bytes)), 0);
  return fd;
}

// A server in a thread of its own and the front-end of one input.
class SocketRun {
 public:
  explicit SocketRun(uint16_t server)
      : memory_(MemoryOf(kFrontEndBytes)),
        small_(MemoryOf(kSmallFileBytes)),
        event_(RealFdOps(), ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
        server_({.personality = ServerFor(server),
                 .packets = {.burst = 8, .source_frames = 32},
                 .make_memory = MakeMemory},
                RealFdOps(), trace_, faults_) {
    Begin();
  }
  ~SocketRun() { End(); }

  void Do(const FrontEndAction& action) {
    switch (action.what) {
      case FrontEndDoes::kSend:
        Send(action);
        break;
      case FrontEndDoes::kWrite: {
        const size_t at = action.at % kFrontEndBytes;
        const size_t count = std::min(action.bytes.size(), kFrontEndBytes - at);
        EXPECT_EQ(::pwrite(memory_.get(), action.bytes.data(), count,
                           static_cast<off_t>(at)),
                  static_cast<ssize_t>(count));
        break;
      }
      case FrontEndDoes::kKick:
        EXPECT_TRUE(event_.Signal().has_value());
        break;
      case FrontEndDoes::kReconnect:
        End();
        Begin();
        break;
      case FrontEndDoes::kServe:
      case FrontEndDoes::kFailMap:  // The kernel cannot be told to.
        break;
    }
    Hear();
  }

  // The front-end goes; the server has to follow.
  void End() {
    if (!thread_.joinable()) return;
    ::shutdown(client_.get(), SHUT_WR);
    const auto end = std::chrono::steady_clock::now() + kPatience;
    while (!served_ && std::chrono::steady_clock::now() < end) {
      Hear();
      std::this_thread::sleep_for(std::chrono::microseconds(100));
    }
    EXPECT_TRUE(served_) << "the session does not end";
    stop_ = true;
    thread_.join();
    Hear();
    client_.Reset();
  }

  const std::vector<std::vector<std::byte>>& answers() const {
    return answers_;
  }

 private:
  static virtio_user::Result<FileDescriptor> MakeMemory(size_t bytes) {
    if (bytes > kMostMadeBytes) {
      return virtio_user::Fail(virtio_user::ErrorCode::kSystem, "too much");
    }
    return MemoryOf(bytes);
  }

  void Begin() {
    auto [near, far] = testing_support::ConnectedPair();
    client_ = std::move(near);
    stop_ = served_ = false;
    answers_.emplace_back();
    thread_ = std::thread([this, socket = std::move(far)]() mutable {
      backend_sim::SocketServer server(server_, RealFdOps());
      const auto served = server.Serve(std::move(socket), stop_);
      EXPECT_TRUE(served.has_value());
      served_ = true;
    });
  }

  void Send(const FrontEndAction& action) {
    auto [near, far] = testing_support::ConnectedPair();
    std::vector<int> fds;
    for (const PassedFile file : action.fds) {
      fds.push_back(file == PassedFile::kMemory      ? memory_.get()
                    : file == PassedFile::kEvent     ? event_.get()
                    : file == PassedFile::kSmallFile ? small_.get()
                                                     : far.get());
    }
    // The server may be gone by now.
    (void)testing_support::SendAll(client_.get(), action.bytes, fds);
  }

  // What there is, so that the server never waits for room.
  void Hear() {
    constexpr size_t kMost = 4096;
    while (true) {
      const auto received = testing_support::ReceiveNow(client_.get(), kMost);
      if (received.bytes.empty()) return;
      answers_.back().insert(answers_.back().end(), received.bytes.begin(),
                             received.bytes.end());
    }
  }

  FileDescriptor memory_;
  FileDescriptor small_;
  FileDescriptor event_;
  backend_sim::Trace trace_;
  backend_sim::FaultPlan faults_;
  backend_sim::VhostUserServer server_;
  FileDescriptor client_;
  std::thread thread_;
  std::atomic<bool> stop_ = false;
  std::atomic<bool> served_ = false;
  std::vector<std::vector<std::byte>> answers_;
};

// Nothing where the answers may depend on more than the messages.
std::optional<std::vector<std::vector<std::byte>>> InProcess(
    const FrontEndInput& input) {
  WatchedServer server(input.server);
  bool map_fails = false;
  for (const FrontEndAction& action : input.actions) {
    server.Do(action);
    map_fails = map_fails || action.what == FrontEndDoes::kFailMap;
  }
  server.End();
  if (server.ring_has_run() || map_fails) return std::nullopt;
  return server.answers();
}

class VhostUserServerSocketTest : public testing_support::FdBalanceTest {};

TEST_F(VhostUserServerSocketTest, EachInput_EndsAndAnswersAsInProcess) {
  size_t inputs = 0;
  size_t compared = 0;
  for (const auto& entry : fs::recursive_directory_iterator(kCorpus)) {
    if (!entry.is_regular_file()) continue;
    SCOPED_TRACE(entry.path());
    const FrontEndInput input = FrontEndInputOf(ReadFile(entry.path()));
    SocketRun run(input.server);
    for (const FrontEndAction& action : input.actions) run.Do(action);
    run.End();
    ++inputs;
    const auto expected = InProcess(input);
    if (!expected) continue;
    EXPECT_EQ(run.answers(), *expected);
    ++compared;
  }
  EXPECT_GE(inputs, 90u);
  EXPECT_GE(compared, 40u);
}

TEST_F(VhostUserServerSocketTest, AFrontEndThatGoesAtOnce_LeavesNothing) {
  for (int i = 0; i < 50; ++i) SocketRun run(0);
}

}  // namespace
}  // namespace fuzz
