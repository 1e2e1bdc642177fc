// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/os/socket_timeout.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <cerrno>
#include <chrono>

#include "tests/support/fd_balance.h"
#include "tests/support/raw_socket.h"
#include "tests/support/stopwatch.h"

namespace virtio_user {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing_support::ConnectedPair;

class SocketTimeoutTest : public testing_support::FdBalanceTest {
 protected:
  // What the kernel has; it keeps ticks, so up to 10 ms more than was asked.
  static std::chrono::microseconds TimeoutOf(int fd, int option) {
    timeval value{};
    socklen_t bytes = sizeof(value);
    EXPECT_EQ(::getsockopt(fd, SOL_SOCKET, option, &value, &bytes), 0);
    return seconds(value.tv_sec) + std::chrono::microseconds(value.tv_usec);
  }
};

TEST_F(SocketTimeoutTest, EachDirectionHasItsOwn) {
  const auto [ours, peer] = ConnectedPair();

  ASSERT_TRUE(SetSendTimeout(ours.get(), milliseconds(2500)).has_value());
  ASSERT_TRUE(SetReceiveTimeout(ours.get(), milliseconds(700)).has_value());

  EXPECT_GE(TimeoutOf(ours.get(), SO_SNDTIMEO), milliseconds(2500));
  EXPECT_LE(TimeoutOf(ours.get(), SO_SNDTIMEO), milliseconds(2510));
  EXPECT_GE(TimeoutOf(ours.get(), SO_RCVTIMEO), milliseconds(700));
  EXPECT_LE(TimeoutOf(ours.get(), SO_RCVTIMEO), milliseconds(710));
}

TEST_F(SocketTimeoutTest, ZeroMeansAtOnceAndNotNever) {
  const auto [ours, peer] = ConnectedPair();
  ASSERT_TRUE(SetReceiveTimeout(ours.get(), Duration::zero()).has_value());
  const testing_support::Stopwatch watch;
  char byte = 0;

  EXPECT_EQ(::recv(ours.get(), &byte, 1, 0), -1);

  EXPECT_EQ(errno, EAGAIN);
  EXPECT_LT(watch.elapsed(), seconds(1));
}

TEST_F(SocketTimeoutTest, ADescriptorThatIsNoneIsAnError) {
  const Result<void> set = SetReceiveTimeout(-1, seconds(1));

  ASSERT_FALSE(set.has_value());
  EXPECT_EQ(set.error().code(), ErrorCode::kSystem);
  EXPECT_EQ(set.error().sys_errno(), EBADF);
}

}  // namespace
}  // namespace virtio_user
