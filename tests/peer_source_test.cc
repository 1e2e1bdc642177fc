// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/os/peer_source.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/failing_syscall.h"
#include "tests/support/faulty_fd_ops.h"
#include "tests/support/fd_balance.h"
#include "tests/support/raw_socket.h"
#include "tests/support/stopwatch.h"
#include "tests/support/temp_dir.h"
#include "tests/support/without_stdin.h"
#include "virtio_user/os/monotonic_clock.h"

namespace virtio_user {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;
using testing_support::ConnectedPair;
using testing_support::FailingSyscall;
using testing_support::RealFdOps;
using testing_support::Stopwatch;
using testing_support::WithFailingSyscall;

class PeerSourceTest : public testing_support::FdBalanceTest {
 protected:
  Result<FileDescriptor> Connect(Duration budget = seconds(5)) {
    auto source = MakeConnector(RealFdOps(), path_);
    if (!source) return Fail(source);
    return (*source)->Next(DeadlineAfter(budget));
  }
  // Fills the queue of connections that nobody accepts.
  std::vector<FileDescriptor> FillBacklog() {
    std::vector<FileDescriptor> clients;
    do {
      clients.push_back(testing_support::TryConnect(path_));
    } while (clients.back().valid());
    EXPECT_EQ(errno, EAGAIN);
    return clients;
  }

  testing_support::TempDir dir_;
  const std::string path_ = dir_.Join("sock");
};

void ExpectError(const Result<FileDescriptor>& result, ErrorCode code,
                 int sys_errno, const std::string& path) {
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().code(), code) << result.error().text();
  EXPECT_EQ(result.error().sys_errno(), sys_errno) << result.error().text();
  EXPECT_THAT(std::string(result.error().text()), HasSubstr(path));
}

TEST_F(PeerSourceTest, AConnectorGivesABlockingCloseOnExecConnection) {
  const FileDescriptor listener = testing_support::BindAt(path_, 1);

  const Result<FileDescriptor> made = Connect();

  ASSERT_TRUE(made.has_value()) << made.error().text();
  EXPECT_EQ(::fcntl(made->get(), F_GETFL) & O_NONBLOCK, 0);
  EXPECT_EQ(::fcntl(made->get(), F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
}

TEST_F(PeerSourceTest, Descriptor0IsADescriptor) {
  const FileDescriptor listener = testing_support::BindAt(path_, 1);
  const testing_support::WithoutStdin without_stdin;
  const Result<FileDescriptor> made = Connect();

  ASSERT_TRUE(made.has_value());
  EXPECT_EQ(made->get(), 0);
}

TEST_F(PeerSourceTest, AConnectorConnectsAnewEachTime) {
  const FileDescriptor listener = testing_support::BindAt(path_, 4);
  const auto source = MakeConnector(RealFdOps(), path_);
  ASSERT_TRUE(source.has_value());

  const auto first = (*source)->Next(DeadlineAfter(seconds(5)));
  const auto second = (*source)->Next(DeadlineAfter(seconds(5)));

  ASSERT_TRUE(first.has_value());
  ASSERT_TRUE(second.has_value());
  EXPECT_NE(first->get(), second->get());
  EXPECT_FALSE((*source)->Waiting());
  EXPECT_EQ((*source)->fd(), -1);
}

TEST_F(PeerSourceTest, F03_F41_AMissingPathIsNamed) {
  ExpectError(Connect(), ErrorCode::kDisconnected, ENOENT, path_);
}

TEST_F(PeerSourceTest, ASocketThatNobodyServesIsNamed) {
  testing_support::BindAt(path_, 1).Reset();

  ExpectError(Connect(), ErrorCode::kDisconnected, ECONNREFUSED, path_);
}

TEST_F(PeerSourceTest, ADatagramSocketIsAWrongArgument) {
  const FileDescriptor other = testing_support::BindAt(path_, -1, SOCK_DGRAM);

  ExpectError(Connect(), ErrorCode::kInvalidArgument, EPROTOTYPE, path_);
}

TEST_F(PeerSourceTest, AFileInPlaceOfAFolderIsReportedWithItsErrno) {
  std::ofstream(path_) << "text";
  const auto source = MakeConnector(RealFdOps(), path_ + "/sock");
  ASSERT_TRUE(source.has_value());

  ExpectError((*source)->Next(DeadlineAfter(seconds(5))), ErrorCode::kSystem,
              ENOTDIR, path_);
}

TEST_F(PeerSourceTest, NoPermissionIsReportedWithTheRemedy) {
  const FileDescriptor listener = testing_support::BindAt(path_, 1);
  const bool ran = WithFailingSyscall({SYS_connect, EACCES}, [&] {
    const Result<FileDescriptor> made = Connect();
    ExpectError(made, ErrorCode::kSystem, EACCES, path_);
    EXPECT_THAT(std::string(made.error().text()),
                HasSubstr("write permission"));
  });
  if (!ran) GTEST_SKIP() << "no seccomp filters here";
}

TEST_F(PeerSourceTest, WithoutAFreeDescriptorNothingIsLeftBehind) {
  const bool ran = WithFailingSyscall({SYS_socket, EMFILE}, [&] {
    const Result<FileDescriptor> made = Connect();
    ASSERT_FALSE(made.has_value());
    EXPECT_EQ(made.error().sys_errno(), EMFILE);
  });
  if (!ran) GTEST_SKIP() << "no seccomp filters here";
}

TEST_F(PeerSourceTest, H2_AServerThatAcceptsNobodyCostsTheDeadlineNoMore) {
  const FileDescriptor listener = testing_support::BindAt(path_, 0);
  const auto clients = FillBacklog();
  const Stopwatch watch;

  const Result<FileDescriptor> made = Connect(milliseconds(80));

  ExpectError(made, ErrorCode::kDeadline, EAGAIN, path_);
  EXPECT_GE(watch.elapsed(), milliseconds(80));
  EXPECT_LT(watch.elapsed(), seconds(2));
}

TEST_F(PeerSourceTest, ADeadlineThatHasPassedAlreadyMeansOneAttempt) {
  const FileDescriptor listener = testing_support::BindAt(path_, 0);
  const auto clients = FillBacklog();
  const Stopwatch watch;

  ExpectError(Connect(Duration::zero()), ErrorCode::kDeadline, EAGAIN, path_);

  EXPECT_LT(watch.elapsed(), seconds(1));
}

TEST_F(PeerSourceTest, AFullBacklogThatIsClearedInTimeIsWaitedFor) {
  const FileDescriptor listener = testing_support::BindAt(path_, 0);
  const auto clients = FillBacklog();
  std::thread server([&] {
    std::this_thread::sleep_for(milliseconds(30));
    testing_support::AcceptFrom(listener.get()).Reset();
  });

  const Result<FileDescriptor> made = Connect(seconds(20));

  EXPECT_TRUE(made.has_value());
  server.join();
}

extern "C" void IgnoreSignal(int) {}

TEST_F(PeerSourceTest, SignalsNeitherEndTheWaitNorMakeItLonger) {
  struct sigaction action{};
  struct sigaction before{};
  action.sa_handler = IgnoreSignal;
  ASSERT_EQ(::sigaction(SIGUSR1, &action, &before), 0);
  const FileDescriptor listener = testing_support::BindAt(path_, 0);
  const auto clients = FillBacklog();
  std::atomic<bool> stop = false;
  const pthread_t self = ::pthread_self();
  std::thread disturber([&] {
    while (!stop) {
      ::pthread_kill(self, SIGUSR1);
      std::this_thread::sleep_for(milliseconds(1));
    }
  });
  const Stopwatch watch;

  const Result<FileDescriptor> made = Connect(milliseconds(80));

  EXPECT_GE(watch.elapsed(), milliseconds(80));
  EXPECT_LT(watch.elapsed(), seconds(2));
  stop = true;
  disturber.join();
  ExpectError(made, ErrorCode::kDeadline, EAGAIN, path_);
  ::sigaction(SIGUSR1, &before, nullptr);
}

TEST_F(PeerSourceTest, ASingleSourceGivesItsConnectionOnce) {
  auto [ours, peer] = ConnectedPair();
  const int number = ours.get();
  const auto source = MakeSingleSource(RealFdOps(), std::move(ours));
  EXPECT_TRUE(source->Waiting());
  EXPECT_EQ(source->fd(), number);

  const Result<FileDescriptor> first = source->Next(Deadline{});
  const Result<FileDescriptor> second = source->Next(Deadline{});

  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(first->get(), number);
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().code(), ErrorCode::kDisconnected);
  EXPECT_FALSE(source->Waiting());
  EXPECT_EQ(source->fd(), -1);
}

TEST_F(PeerSourceTest, ASingleSourceThatNobodyTookIsClosed) {
  testing_support::FaultyFdOps ops;
  auto [ours, peer] = ConnectedPair();
  const int number = ours.Release();

  MakeSingleSource(ops, FileDescriptor(ops, number)).reset();

  EXPECT_EQ(ops.closed, std::vector<int>{number});
}

}  // namespace
}  // namespace virtio_user
