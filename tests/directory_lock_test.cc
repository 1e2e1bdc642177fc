// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/os/directory_lock.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/syscall.h>

#include <cerrno>
#include <chrono>
#include <optional>
#include <thread>

#include "tests/support/failing_syscall.h"
#include "tests/support/fd_balance.h"
#include "tests/support/raw_socket.h"
#include "tests/support/stopwatch.h"
#include "tests/support/syscall_count.h"
#include "tests/support/temp_dir.h"
#include "virtio_user/os/monotonic_clock.h"

namespace virtio_user {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing_support::RealFdOps;
using testing_support::Stopwatch;

class DirectoryLockTest : public testing_support::FdBalanceTest {
 protected:
  void SetUp() override {
    directory_ = FileDescriptor(
        RealFdOps(), ::open(dir_.path().c_str(), O_PATH | O_CLOEXEC));
  }
  Result<FileDescriptor> Lock(Duration budget) {
    return LockDirectory(RealFdOps(), directory_.get(), DeadlineAfter(budget));
  }

  testing_support::TempDir dir_;
  FileDescriptor directory_;
};

TEST_F(DirectoryLockTest, WhileItIsHeldNobodyElseHasIt) {
  const Result<FileDescriptor> first = Lock(seconds(5));
  ASSERT_TRUE(first.has_value()) << first.error().text();
  const Stopwatch watch;

  const Result<FileDescriptor> second = Lock(milliseconds(40));

  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().code(), ErrorCode::kSystem);
  EXPECT_EQ(second.error().sys_errno(), EWOULDBLOCK);
  EXPECT_GE(watch.elapsed(), milliseconds(40));
  EXPECT_LT(watch.elapsed(), seconds(2));
}

// The kernel cannot wake one who waits with a deadline.
TEST_F(DirectoryLockTest, BetweenTwoAttemptsItSleeps) {
  const auto counts = testing_support::CountSyscalls([this] {
    const Result<FileDescriptor> first = Lock(seconds(5));
    return first.has_value() && !Lock(milliseconds(500)).has_value();
  });
  if (!counts) GTEST_SKIP() << "no ptrace here";

  const auto count = [&](long call) {
    const auto found = counts->find(call);
    return found == counts->end() ? 0 : found->second;
  };
  // All but the one that succeeded and the last one.
  EXPECT_GT(count(SYS_flock), 2);
  EXPECT_EQ(count(SYS_clock_nanosleep), count(SYS_flock) - 2);
}

TEST_F(DirectoryLockTest, ItIsFreeOnceItsDescriptorIsClosed) {
  ASSERT_TRUE(Lock(Duration::zero()).has_value());

  EXPECT_TRUE(Lock(Duration::zero()).has_value());
}

TEST_F(DirectoryLockTest, OneThatIsGivenBackInTimeIsWaitedFor) {
  Result<FileDescriptor> first = Lock(seconds(5));
  ASSERT_TRUE(first.has_value());
  std::thread holder([&] {
    std::this_thread::sleep_for(milliseconds(30));
    first->Reset();
  });

  EXPECT_TRUE(Lock(seconds(20)).has_value());

  holder.join();
}

TEST_F(DirectoryLockTest, ErrorsOfTheKernelArePassedOnAndLeaveNothing) {
  for (const long call : {SYS_openat, SYS_flock}) {
    const bool ran = testing_support::WithFailingSyscall({call, EIO}, [&] {
      const Result<FileDescriptor> lock = Lock(seconds(5));
      ASSERT_FALSE(lock.has_value()) << call;
      EXPECT_EQ(lock.error().sys_errno(), EIO) << call;
    });
    if (!ran) GTEST_SKIP() << "no seccomp filters here";
  }
}

}  // namespace
}  // namespace virtio_user
