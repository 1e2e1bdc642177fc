// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/os/socket_receive.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <array>
#include <cerrno>
#include <string>
#include <vector>

#include "tests/support/failing_syscall.h"
#include "tests/support/faulty_fd_ops.h"
#include "tests/support/fd_balance.h"
#include "tests/support/raw_socket.h"
#include "virtio_user/os/socket_timeout.h"

namespace virtio_user {
namespace {

using testing_support::ConnectedPair;
using testing_support::OpenFdCount;
using testing_support::SendAll;
using testing_support::SendBytes;

class SocketReceiveTest : public testing_support::FdBalanceTest {
 protected:
  Result<SocketRead> ReceiveNow(size_t bytes = 64) {
    return ReceiveOnce(ops_, pair_.first.get(), std::span(buffer_).first(bytes),
                       ReceiveMode::kNow);
  }
  bool SendByteWithFds(size_t fd_count) {
    const std::vector<int> fds(fd_count, pair_.second.get());
    return SendAll(pair_.second.get(), std::span(buffer_).first(1), fds);
  }

  testing_support::FaultyFdOps ops_;
  testing_support::FdPair pair_ = ConnectedPair();
  std::array<std::byte, 8192> buffer_{};
};

TEST_F(SocketReceiveTest, NothingThereIsNoErrorAndNoEnd) {
  const Result<SocketRead> read = ReceiveNow();

  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->bytes, 0u);
  EXPECT_FALSE(read->closed);
}

TEST_F(SocketReceiveTest, WhatIsThereIsTakenUpToTheRoom) {
  ASSERT_TRUE(SendBytes(pair_.second.get(), 10));

  EXPECT_EQ(ReceiveNow(8)->bytes, 8u);
  EXPECT_EQ(ReceiveNow(8)->bytes, 2u);
}

TEST_F(SocketReceiveTest, APeerThatClosedIsTheEnd) {
  ASSERT_TRUE(SendBytes(pair_.second.get(), 1));
  pair_.second.Reset();

  EXPECT_EQ(ReceiveNow()->bytes, 1u);
  EXPECT_TRUE(ReceiveNow()->closed);
}

TEST_F(SocketReceiveTest, APeerThatClosedWithoutReadingIsTheEndToo) {
  // unix(7) peers see ECONNRESET where unread data was thrown away.
  ASSERT_TRUE(SendBytes(pair_.first.get(), 1));
  pair_.second.Reset();

  EXPECT_TRUE(ReceiveNow()->closed);
  EXPECT_TRUE(ReceiveNow()->closed);
}

TEST_F(SocketReceiveTest, H3_DescriptorsAreCountedAndAllButTheFirstClosed) {
  const size_t before = OpenFdCount();
  ASSERT_TRUE(SendByteWithFds(3));

  {
    const Result<SocketRead> read = ReceiveNow();

    ASSERT_TRUE(read.has_value());
    EXPECT_EQ(read->bytes, 1u);
    EXPECT_EQ(read->fd_count, 3u);
    EXPECT_TRUE(read->fd.valid());
    EXPECT_EQ(OpenFdCount(), before + 1);
    EXPECT_EQ(ops_.closed.size(), 2u);
  }

  EXPECT_EQ(OpenFdCount(), before);
}

TEST_F(SocketReceiveTest, AsManyDescriptorsAsOneMessageCanCarryAreCounted) {
  ASSERT_TRUE(SendByteWithFds(253));

  EXPECT_EQ(ReceiveNow()->fd_count, 253u);
}

TEST_F(SocketReceiveTest, DescriptorsThatOurTableCannotHoldAreCountedAsOne) {
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  ASSERT_TRUE(SendByteWithFds(4));
  const rlimit none{0, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);

  const Result<SocketRead> read = ReceiveNow();

  ::setrlimit(RLIMIT_NOFILE, &before);
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->bytes, 1u);
  EXPECT_EQ(read->fd_count, 1u);
}

TEST_F(SocketReceiveTest, OtherAncillaryDataIsNoDescriptor) {
  const int on = 1;
  ASSERT_EQ(
      ::setsockopt(pair_.first.get(), SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)),
      0);
  ASSERT_TRUE(SendBytes(pair_.second.get(), 1));

  const Result<SocketRead> read = ReceiveNow();

  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->bytes, 1u);
  EXPECT_EQ(read->fd_count, 0u);
}

TEST_F(SocketReceiveTest, WaitingGathersUntilTheBufferIsFull) {
  ASSERT_TRUE(SetReceiveTimeout(pair_.first.get(), std::chrono::seconds(20))
                  .has_value());
  ASSERT_TRUE(SendBytes(pair_.second.get(), 20));
  ASSERT_TRUE(SendBytes(pair_.second.get(), 30));

  const Result<SocketRead> read =
      ReceiveOnce(ops_, pair_.first.get(), std::span(buffer_).first(50),
                  ReceiveMode::kWaitFull);

  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->bytes, 50u);
}

TEST_F(SocketReceiveTest, WaitingEndsWithTheTimeoutOfTheSocket) {
  ASSERT_TRUE(
      SetReceiveTimeout(pair_.first.get(), std::chrono::milliseconds(20))
          .has_value());

  const Result<SocketRead> read =
      ReceiveOnce(ops_, pair_.first.get(), std::span(buffer_).first(50),
                  ReceiveMode::kWaitFull);

  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->bytes, 0u);
  EXPECT_FALSE(read->closed);
}

TEST_F(SocketReceiveTest, DescriptorsEndAWaitEarly) {
  ASSERT_TRUE(SetReceiveTimeout(pair_.first.get(), std::chrono::seconds(20))
                  .has_value());
  ASSERT_TRUE(SendBytes(pair_.second.get(), 20));
  ASSERT_TRUE(SendByteWithFds(1));
  ASSERT_TRUE(SendBytes(pair_.second.get(), 20));

  const Result<SocketRead> read =
      ReceiveOnce(ops_, pair_.first.get(), std::span(buffer_).first(50),
                  ReceiveMode::kWaitFull);

  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->bytes, 21u);
  EXPECT_EQ(read->fd_count, 1u);
}

TEST_F(SocketReceiveTest, AnyOtherErrorIsReported) {
  const bool ran =
      testing_support::WithFailingSyscall({SYS_recvmsg, ENOMEM}, [&] {
        const Result<SocketRead> read = ReceiveNow();
        ASSERT_FALSE(read.has_value());
        EXPECT_EQ(read.error().sys_errno(), ENOMEM);
      });
  if (!ran) GTEST_SKIP() << "no seccomp filters here";
}

}  // namespace
}  // namespace virtio_user
