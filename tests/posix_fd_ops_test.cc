// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/base/posix_fd_ops.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <string>

#include "tests/support/failing_syscall.h"
#include "tests/support/fd_balance.h"
#include "tests/support/without_stdin.h"

namespace virtio_user {
namespace {

class PosixFdOpsTest : public testing_support::FdBalanceTest {
 protected:
  FileDescriptor NewEvent() {
    auto made = FileDescriptor::CreateEvent(ops_);
    EXPECT_TRUE(made.has_value());
    return std::move(*made);
  }

  PosixFdOps ops_;
};

TEST_F(PosixFdOpsTest, AnEventIsCloseOnExecAndNonBlocking) {
  const FileDescriptor event = NewEvent();

  EXPECT_EQ(::fcntl(event.get(), F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
  EXPECT_EQ(::fcntl(event.get(), F_GETFL) & O_NONBLOCK, O_NONBLOCK);
}

TEST_F(PosixFdOpsTest, AnEventMayHaveTheNumberZero) {
  const testing_support::WithoutStdin without_stdin;

  const Result<int> made = ops_.CreateEvent();

  ASSERT_TRUE(made.has_value());
  EXPECT_EQ(*made, STDIN_FILENO);
}

TEST_F(PosixFdOpsTest, AnEventThatCannotBeMadeNamesTheLimit) {
  const bool ran =
      testing_support::WithFailingSyscall({SYS_eventfd2, EMFILE}, [&] {
        const Result<int> made = ops_.CreateEvent();
        ASSERT_FALSE(made.has_value());
        EXPECT_EQ(made.error().code(), ErrorCode::kSystem);
        EXPECT_EQ(made.error().sys_errno(), EMFILE);
        EXPECT_NE(made.error().text().find("RLIMIT_NOFILE"),
                  std::string_view::npos);
      });
  if (!ran) GTEST_SKIP() << "no seccomp filters here";
}

TEST_F(PosixFdOpsTest, SignalsAddUpAndADrainTakesThemAll) {
  const FileDescriptor event = NewEvent();
  ASSERT_TRUE(ops_.Signal(event.get()).has_value());
  ASSERT_TRUE(ops_.Signal(event.get()).has_value());
  ASSERT_TRUE(ops_.Signal(event.get()).has_value());

  EXPECT_EQ(ops_.Drain(event.get()), 3u);
  EXPECT_EQ(ops_.Drain(event.get()), 0u);
}

TEST_F(PosixFdOpsTest, AFullCounterTakesASignalForGranted) {
  const FileDescriptor event = NewEvent();
  // The largest value that eventfd(2) stores.
  const uint64_t full = 0xfffffffffffffffe;
  ASSERT_EQ(::write(event.get(), &full, sizeof(full)), 8);

  EXPECT_TRUE(ops_.Signal(event.get()).has_value());

  EXPECT_EQ(ops_.Drain(event.get()), full);
}

TEST_F(PosixFdOpsTest, SignallingAClosedDescriptorIsAnError) {
  const Result<void> signalled = ops_.Signal(999'999);

  ASSERT_FALSE(signalled.has_value());
  EXPECT_EQ(signalled.error().sys_errno(), EBADF);
}

TEST_F(PosixFdOpsTest, DrainingAClosedDescriptorIsAnError) {
  const Result<uint64_t> drained = ops_.Drain(999'999);

  ASSERT_FALSE(drained.has_value());
  EXPECT_EQ(drained.error().sys_errno(), EBADF);
}

TEST_F(PosixFdOpsTest, TwoMappingsOfAFileShareItsBytes) {
  const FileDescriptor file(ops_, ::memfd_create("test", MFD_CLOEXEC));
  ASSERT_EQ(::ftruncate(file.get(), 3 * 4096), 0);
  const auto whole = ops_.Map(file.get(), 0, 3 * 4096);
  const auto tail = ops_.Map(file.get(), 4096, 2 * 4096);
  ASSERT_TRUE(whole.has_value());
  ASSERT_TRUE(tail.has_value());
  EXPECT_EQ(tail->size(), 2u * 4096);

  (*tail)[5] = std::byte{0x42};

  EXPECT_EQ((*whole)[4096 + 5], std::byte{0x42});
  ops_.Unmap(*whole);
  ops_.Unmap(*tail);
}

TEST_F(PosixFdOpsTest, AnUnmappedSpanIsGone) {
  const FileDescriptor file(ops_, ::memfd_create("test", MFD_CLOEXEC));
  ASSERT_EQ(::ftruncate(file.get(), 4096), 0);
  const auto mapped = ops_.Map(file.get(), 0, 4096);
  ASSERT_TRUE(mapped.has_value());

  ops_.Unmap(*mapped);

  // msync(2): ENOMEM where the memory is not mapped.
  EXPECT_EQ(::msync(mapped->data(), mapped->size(), MS_ASYNC), -1);
  EXPECT_EQ(errno, ENOMEM);
}

// vhost-vdpa refuses any mapping that can be read, and any that is private.
TEST_F(PosixFdOpsTest, ADoorbellIsTheDevicesPageForStoresAlone) {
  const auto page = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  const FileDescriptor file(ops_, ::memfd_create("test", MFD_CLOEXEC));
  ASSERT_EQ(::ftruncate(file.get(), static_cast<off_t>(3 * page)), 0);
  const auto doorbell = ops_.MapDoorbell(file.get(), 2);
  ASSERT_TRUE(doorbell) << doorbell.error().text();
  EXPECT_EQ(doorbell->size(), page);
  (*doorbell)[0] = std::byte{7};
  std::byte there{0};
  ASSERT_EQ(::pread(file.get(), &there, 1, static_cast<off_t>(2 * page)), 1);
  EXPECT_EQ(there, std::byte{7});
  char begin[32];
  std::snprintf(begin, sizeof(begin), "%lx-",
                reinterpret_cast<unsigned long>(doorbell->data()));
  std::ifstream maps("/proc/self/maps");
  std::string line;
  while (std::getline(maps, line) && !line.starts_with(begin)) {
  }
  EXPECT_NE(line.find(" -w-s "), std::string::npos) << line;
  ops_.Unmap(*doorbell);
  const auto refused = ops_.MapDoorbell(NewEvent().get(), 0);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().sys_errno(), ENODEV);
}

TEST_F(PosixFdOpsTest, WhatCannotBeMappedIsAnErrorWithItsSize) {
  const FileDescriptor event = NewEvent();

  const auto mapped = ops_.Map(event.get(), 0, 12345);

  ASSERT_FALSE(mapped.has_value());
  EXPECT_EQ(mapped.error().sys_errno(), ENODEV);
  EXPECT_NE(mapped.error().text().find("12345"), std::string_view::npos);
}

TEST_F(PosixFdOpsTest, ACopyIsTheSameFileAndCloseOnExec) {
  const FileDescriptor event = NewEvent();

  const FileDescriptor copy(ops_, ops_.Dup(event.get()).value());

  ASSERT_TRUE(copy.Signal().has_value());
  EXPECT_EQ(event.Drain(), 1u);
  EXPECT_NE(copy.get(), event.get());
  EXPECT_EQ(::fcntl(copy.get(), F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
}

TEST_F(PosixFdOpsTest, AClosedDescriptorHasNoCopy) {
  const Result<int> copy = ops_.Dup(999'999);

  ASSERT_FALSE(copy.has_value());
  EXPECT_EQ(copy.error().sys_errno(), EBADF);
}

TEST_F(PosixFdOpsTest, AFileIsAsLongAsItWasMade) {
  const FileDescriptor file(ops_, ::memfd_create("test", MFD_CLOEXEC));
  ASSERT_EQ(::ftruncate(file.get(), 12345), 0);

  EXPECT_EQ(ops_.FileBytes(file.get()), 12345u);
  EXPECT_EQ(file.FileBytes(), 12345u);
}

TEST_F(PosixFdOpsTest, WhatIsNoRegularFileHasNoBytes) {
  EXPECT_EQ(ops_.FileBytes(NewEvent().get()), 0u);
}

TEST_F(PosixFdOpsTest, AClosedDescriptorHasNoLength) {
  const Result<uint64_t> bytes = ops_.FileBytes(999'999);

  ASSERT_FALSE(bytes.has_value());
  EXPECT_EQ(bytes.error().sys_errno(), EBADF);
}

}  // namespace
}  // namespace virtio_user
