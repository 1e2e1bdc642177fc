// SPDX-License-Identifier: BSD-3-Clause

#include <gtest/gtest.h>
#include <poll.h>

#include <array>
#include <chrono>
#include <filesystem>
#include <string>

#include "tests/support/fd_balance.h"
#include "tests/support/raw_socket.h"
#include "tests/support/stopwatch.h"
#include "tests/support/temp_dir.h"
#include "virtio_user/os/unix_socket_channel.h"

namespace virtio_user {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing_support::BindAt;
using testing_support::RealFdOps;
using testing_support::SendBytes;
using testing_support::Stopwatch;
using testing_support::TryConnect;

// Client and server mode at a path.
class UnixSocketChannelPathTest : public testing_support::FdBalanceTest {
 protected:
  bool Readable(int fd) {
    pollfd watched{fd, POLLIN, 0};
    return ::poll(&watched, 1, 0) == 1;
  }

  testing_support::TempDir dir_;
  const std::string path_ = dir_.Join("sock");
};

TEST_F(UnixSocketChannelPathTest, AClientAttachesDetachesAndAttachesAgain) {
  const FileDescriptor listener = BindAt(path_, 4);
  auto channel = UnixSocketChannel::Client(RealFdOps(), path_);
  ASSERT_TRUE(channel.has_value());
  EXPECT_EQ((*channel)->fd(), -1);
  EXPECT_EQ((*channel)->Poll(), LinkState::kDown);

  ASSERT_TRUE((*channel)->Attach().has_value());
  EXPECT_GE((*channel)->fd(), 0);
  EXPECT_EQ((*channel)->Poll(), LinkState::kUp);
  (*channel)->Detach();
  EXPECT_EQ((*channel)->Poll(), LinkState::kDown);
  EXPECT_TRUE((*channel)->Attach().has_value());
}

TEST_F(UnixSocketChannelPathTest, ANewConnectionStartsWithAnEmptyBuffer) {
  const FileDescriptor listener = BindAt(path_, 4);
  auto channel = UnixSocketChannel::Client(RealFdOps(), path_);
  ASSERT_TRUE((*channel)->Attach().has_value());
  const FileDescriptor first = testing_support::AcceptFrom(listener.get());
  ASSERT_TRUE(SendBytes(first.get(), 40));
  ASSERT_TRUE(
      (*channel)->WaitReadable(40, (*channel)->After(seconds(20))).has_value());

  (*channel)->Detach();
  ASSERT_TRUE((*channel)->Attach().has_value());

  std::array<std::byte, 64> into{};
  EXPECT_EQ((*channel)->Receive(into)->bytes, 0u);
}

TEST_F(UnixSocketChannelPathTest, H12_AFailedAttachLeavesTheLinkDown) {
  auto channel = UnixSocketChannel::Client(RealFdOps(), path_);
  ASSERT_TRUE(channel.has_value());

  const Result<void> attached = (*channel)->Attach();

  ASSERT_FALSE(attached.has_value());
  EXPECT_EQ(attached.error().code(), ErrorCode::kDisconnected);
  EXPECT_EQ((*channel)->Poll(), LinkState::kDown);
  EXPECT_EQ((*channel)->fd(), -1);
}

TEST_F(UnixSocketChannelPathTest, H2_AttachObeysItsDeadline) {
  auto channel = UnixSocketChannel::Server(RealFdOps(), path_);
  ASSERT_TRUE(channel.has_value());
  (*channel)->SetAttachDeadline((*channel)->After(milliseconds(50)));
  const Stopwatch watch;

  const Result<void> attached = (*channel)->Attach();

  ASSERT_FALSE(attached.has_value());
  EXPECT_EQ(attached.error().code(), ErrorCode::kDeadline);
  EXPECT_GE(watch.elapsed(), milliseconds(50));
  EXPECT_LT(watch.elapsed(), seconds(2));
  EXPECT_EQ((*channel)->Poll(), LinkState::kDown);
}

TEST_F(UnixSocketChannelPathTest, AServerSaysThatAPeerWaits) {
  auto channel = UnixSocketChannel::Server(RealFdOps(), path_);
  ASSERT_TRUE(channel.has_value());
  EXPECT_EQ((*channel)->Poll(), LinkState::kDown);
  EXPECT_GE((*channel)->fd(), 0);
  EXPECT_FALSE(Readable((*channel)->fd()));

  const FileDescriptor client = TryConnect(path_);

  EXPECT_TRUE(Readable((*channel)->fd()));
  EXPECT_EQ((*channel)->Poll(), LinkState::kPeerWaiting);
  ASSERT_TRUE((*channel)->Attach().has_value());
  EXPECT_EQ((*channel)->Poll(), LinkState::kUp);
}

TEST_F(UnixSocketChannelPathTest, F45_ASecondClientWaitsItsTurnUnseen) {
  auto channel = UnixSocketChannel::Server(RealFdOps(), path_);
  ASSERT_TRUE(channel.has_value());
  FileDescriptor first = TryConnect(path_);
  ASSERT_TRUE((*channel)->Attach().has_value());
  const FileDescriptor second = TryConnect(path_);
  ASSERT_TRUE(second.valid());

  EXPECT_EQ((*channel)->Poll(), LinkState::kUp);
  EXPECT_FALSE(Readable((*channel)->fd()));

  first.Reset();
  EXPECT_EQ((*channel)->Poll(), LinkState::kDown);
  (*channel)->Detach();
  EXPECT_EQ((*channel)->Poll(), LinkState::kPeerWaiting);
  EXPECT_TRUE((*channel)->Attach().has_value());
}

TEST_F(UnixSocketChannelPathTest, S39_AServerRemovesItsFileAtTheEnd) {
  ASSERT_TRUE(UnixSocketChannel::Server(RealFdOps(), path_).has_value());

  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(UnixSocketChannelPathTest, S33_APathThatIsTooLongIsRefusedInBothModes) {
  const std::string path = dir_.Join(std::string(108, 'x'));

  EXPECT_EQ(UnixSocketChannel::Client(RealFdOps(), path).error().code(),
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(UnixSocketChannel::Server(RealFdOps(), path).error().code(),
            ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace virtio_user
