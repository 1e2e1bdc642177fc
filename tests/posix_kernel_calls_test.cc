// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/os/posix_kernel_calls.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/ioctl.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <fstream>
#include <string>

#include "tests/support/fd_balance.h"
#include "tests/support/temp_dir.h"
#include "virtio_user/base/posix_fd_ops.h"

namespace virtio_user {
namespace {

using std::chrono::milliseconds;

class PosixKernelCallsTest : public testing_support::FdBalanceTest {
 protected:
  // A descriptor that the test closes by itself at its end.
  FileDescriptor Open(const std::string& path) {
    const int fd = calls_.Open(path);
    return fd < 0 ? FileDescriptor() : FileDescriptor(fds_, fd);
  }

  PosixFdOps fds_;
  PosixKernelCalls calls_{fds_};
};

TEST_F(PosixKernelCallsTest, Open_GivesADescriptorThatNeitherBlocksNorLeaks) {
  const FileDescriptor zero = Open("/dev/zero");

  ASSERT_TRUE(zero.valid());
  EXPECT_EQ(::fcntl(zero.get(), F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
  EXPECT_EQ(::fcntl(zero.get(), F_GETFL) & O_NONBLOCK, O_NONBLOCK);
  EXPECT_EQ(&calls_.fds(), &fds_);
}

TEST_F(PosixKernelCallsTest, EveryCallThatFails_AnswersTheErrnoBelowZero) {
  const FileDescriptor zero = Open("/dev/zero");
  int argument = 0;

  EXPECT_EQ(calls_.Open("/dev/there-is-none"), -ENOENT);
  EXPECT_EQ(calls_.Ioctl(zero.get(), TIOCGWINSZ, &argument), -ENOTTY);
  EXPECT_EQ(calls_.IoctlNumber(zero.get(), TCFLSH, 0), -ENOTTY);
  EXPECT_EQ(calls_.Read(-1, {}), -EBADF);
  EXPECT_EQ(calls_.Write(-1, {}), -EBADF);
}

TEST_F(PosixKernelCallsTest, ReadAndWrite_AnswerHowManyBytes) {
  const FileDescriptor zero = Open("/dev/zero");
  std::array<std::byte, 5> bytes;
  bytes.fill(std::byte{7});

  EXPECT_EQ(calls_.Write(zero.get(), bytes), 5);
  EXPECT_EQ(calls_.Read(zero.get(), bytes), 5);
  EXPECT_EQ(bytes[4], std::byte{0});
}

TEST_F(PosixKernelCallsTest, Poll_SaysWhetherItCameBeforeTheDeadline) {
  const FileDescriptor zero = Open("/dev/zero");
  const auto event = FileDescriptor::CreateEvent(fds_);
  ASSERT_TRUE(event);

  // A deadline that has passed is one look.
  EXPECT_EQ(calls_.Poll(zero.get(), KernelEvent::kReadable, Deadline{}), 1);
  EXPECT_EQ(calls_.Poll(event->get(), KernelEvent::kReadable, Deadline{}), 0);
  EXPECT_EQ(calls_.Poll(event->get(), KernelEvent::kWritable, Deadline{}), 1);
  EXPECT_EQ(calls_.Poll(zero.get(), KernelEvent::kFailure, Deadline{}), 0);
}

TEST_F(PosixKernelCallsTest, Sleep_EndsAtTheDeadline) {
  const Deadline deadline = calls_.After(milliseconds(20));
  EXPECT_FALSE(calls_.HasPassed(deadline));

  calls_.Sleep(deadline);

  EXPECT_TRUE(calls_.HasPassed(deadline));
  calls_.Sleep(deadline);
}

TEST_F(PosixKernelCallsTest, ReadText_GivesAWholeFileOrNothing) {
  const testing_support::TempDir dir;
  std::ofstream(dir.Join("parameter")) << "64\n";

  EXPECT_EQ(calls_.ReadText(dir.Join("parameter")), "64\n");
  EXPECT_EQ(calls_.ReadText(dir.Join("none")), "");
}

}  // namespace
}  // namespace virtio_user
