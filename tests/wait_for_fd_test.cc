// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/os/wait_for_fd.h"

#include <gtest/gtest.h>
#include <sys/syscall.h>

#include <cerrno>
#include <chrono>

#include "tests/support/failing_syscall.h"
#include "tests/support/fd_balance.h"
#include "tests/support/raw_socket.h"
#include "tests/support/stopwatch.h"
#include "virtio_user/os/monotonic_clock.h"

namespace virtio_user {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing_support::ConnectedPair;

class WaitForFdTest : public testing_support::FdBalanceTest {};

TEST_F(WaitForFdTest, ReadableOnceSomethingIsThere) {
  const auto [ours, peer] = ConnectedPair();
  ASSERT_TRUE(testing_support::SendBytes(peer.get(), 1));

  const Result<bool> ready =
      WaitForFd(ours.get(), FdEvent::kReadable, DeadlineAfter(seconds(10)));

  ASSERT_TRUE(ready.has_value());
  EXPECT_TRUE(*ready);
}

TEST_F(WaitForFdTest, NothingThereTakesTheBudgetAndIsFalse) {
  const auto [ours, peer] = ConnectedPair();
  const testing_support::Stopwatch watch;

  const Result<bool> ready = WaitForFd(ours.get(), FdEvent::kReadable,
                                       DeadlineAfter(milliseconds(40)));

  ASSERT_TRUE(ready.has_value());
  EXPECT_FALSE(*ready);
  EXPECT_GE(watch.elapsed(), milliseconds(40));
  EXPECT_LT(watch.elapsed(), seconds(2));
}

TEST_F(WaitForFdTest, APassedDeadlineLooksOnce) {
  const auto [ours, peer] = ConnectedPair();

  const Result<bool> ready =
      WaitForFd(ours.get(), FdEvent::kWritable, Deadline{});

  ASSERT_TRUE(ready.has_value());
  EXPECT_TRUE(*ready);
}

TEST_F(WaitForFdTest, AHangUpEndsTheWait) {
  auto [ours, peer] = ConnectedPair();
  peer.Reset();

  const Result<bool> ready =
      WaitForFd(ours.get(), FdEvent::kReadable, DeadlineAfter(seconds(10)));

  ASSERT_TRUE(ready.has_value());
  EXPECT_TRUE(*ready);
}

TEST_F(WaitForFdTest, APeerThatIsThereHasNotClosedWhateverItSent) {
  const auto [ours, peer] = ConnectedPair();
  ASSERT_TRUE(testing_support::SendBytes(peer.get(), 1));

  const Result<bool> closed =
      WaitForFd(ours.get(), FdEvent::kClosed, Deadline{});

  ASSERT_TRUE(closed.has_value());
  EXPECT_FALSE(*closed);
}

TEST_F(WaitForFdTest, APeerThatClosedHasClosedWhateverItSent) {
  auto [ours, peer] = ConnectedPair();
  ASSERT_TRUE(testing_support::SendBytes(peer.get(), 1));
  peer.Reset();

  const Result<bool> closed =
      WaitForFd(ours.get(), FdEvent::kClosed, Deadline{});

  ASSERT_TRUE(closed.has_value());
  EXPECT_TRUE(*closed);
}

TEST_F(WaitForFdTest, AKernelThatRefusesIsAnError) {
  const bool ran = testing_support::WithFailingSyscall({SYS_ppoll, ENOMEM}, [] {
    const Result<bool> ready =
        WaitForFd(0, FdEvent::kReadable, DeadlineAfter({}));
    ASSERT_FALSE(ready.has_value());
    EXPECT_EQ(ready.error().sys_errno(), ENOMEM);
  });
  if (!ran) GTEST_SKIP() << "no seccomp filters here";
}

}  // namespace
}  // namespace virtio_user
