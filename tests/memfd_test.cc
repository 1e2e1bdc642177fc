// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/os/memfd.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "tests/support/failing_syscall.h"
#include "tests/support/fd_balance.h"
#include "tests/support/raw_socket.h"
#include "tests/support/without_stdin.h"

namespace virtio_user {
namespace {

using testing_support::RealFdOps;

class MemfdTest : public testing_support::FdBalanceTest {
 protected:
  void ExpectFailure(const testing_support::FailingSyscall& failing) {
    const bool ran = testing_support::WithFailingSyscall(failing, [&] {
      const Result<FileDescriptor> made = MakeSealedMemfd(RealFdOps(), 4096);
      ASSERT_FALSE(made.has_value());
      EXPECT_EQ(made.error().code(), ErrorCode::kSystem);
      EXPECT_EQ(made.error().sys_errno(), failing.sys_errno);
    });
    if (!ran) GTEST_SKIP() << "no seccomp filters here";
  }
};

TEST_F(MemfdTest, ItHasTheSizeThatWasAskedFor) {
  const Result<FileDescriptor> made = MakeSealedMemfd(RealFdOps(), 12288);

  ASSERT_TRUE(made.has_value());
  struct stat found{};
  ASSERT_EQ(::fstat(made->get(), &found), 0);
  EXPECT_EQ(found.st_size, 12288);
  EXPECT_EQ(::fcntl(made->get(), F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
}

TEST_F(MemfdTest, Descriptor0IsADescriptor) {
  const testing_support::WithoutStdin without_stdin;
  const Result<FileDescriptor> made = MakeSealedMemfd(RealFdOps(), 4096);

  ASSERT_TRUE(made.has_value());
  EXPECT_EQ(made->get(), 0);
}

TEST_F(MemfdTest, APeerCanNeitherShortenNorLengthenIt) {
  const Result<FileDescriptor> made = MakeSealedMemfd(RealFdOps(), 8192);

  ASSERT_TRUE(made.has_value());
  EXPECT_EQ(::ftruncate(made->get(), 4096), -1);
  EXPECT_EQ(errno, EPERM);
  EXPECT_EQ(::ftruncate(made->get(), 16384), -1);
  EXPECT_EQ(errno, EPERM);
  EXPECT_EQ(::fcntl(made->get(), F_ADD_SEALS, F_SEAL_WRITE), -1);
}

TEST_F(MemfdTest, WithoutADescriptorThereIsNone) {
  ExpectFailure({SYS_memfd_create, EMFILE});
}

TEST_F(MemfdTest, S23_WithoutASizeTheDescriptorIsClosed) {
  ExpectFailure({SYS_ftruncate, EFBIG});
}

TEST_F(MemfdTest, S23_WithoutItsSealsTheDescriptorIsClosed) {
  ExpectFailure({SYS_fcntl, EPERM, F_ADD_SEALS});
}

}  // namespace
}  // namespace virtio_user
