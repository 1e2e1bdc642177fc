// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/os/unix_socket_listener.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/failing_syscall.h"
#include "tests/support/fd_balance.h"
#include "tests/support/raw_socket.h"
#include "tests/support/stopwatch.h"
#include "tests/support/temp_dir.h"
#include "virtio_user/os/monotonic_clock.h"

namespace virtio_user {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;
using testing_support::BindAt;
using testing_support::RealFdOps;
using testing_support::TryConnect;
using testing_support::WithFailingSyscall;

class UnixSocketListenerTest : public testing_support::FdBalanceTest {
 protected:
  Result<std::unique_ptr<UnixSocketListener>> Listen() {
    return UnixSocketListener::Create(RealFdOps(), path_);
  }
  FileDescriptor LockFolder() {
    FileDescriptor folder(RealFdOps(),
                          ::open(dir_.path().c_str(), O_RDONLY | O_CLOEXEC));
    EXPECT_EQ(::flock(folder.get(), LOCK_EX), 0);
    return folder;
  }
  void ExpectRefused(ErrorCode code, const std::string& words) {
    const auto made = Listen();
    ASSERT_FALSE(made.has_value());
    EXPECT_EQ(made.error().code(), code) << made.error().text();
    EXPECT_THAT(std::string(made.error().text()), HasSubstr(path_));
    EXPECT_THAT(std::string(made.error().text()), HasSubstr(words));
  }

  testing_support::TempDir dir_;
  const std::string path_ = dir_.Join("sock");
};

TEST_F(UnixSocketListenerTest, APeerThatConnectsIsAccepted) {
  const auto listener = Listen();
  ASSERT_TRUE(listener.has_value()) << listener.error().text();
  EXPECT_FALSE((*listener)->Waiting());
  const FileDescriptor client = TryConnect(path_);
  ASSERT_TRUE(client.valid());
  EXPECT_TRUE((*listener)->Waiting());

  const auto peer = (*listener)->Next(DeadlineAfter(seconds(5)));

  ASSERT_TRUE(peer.has_value());
  EXPECT_FALSE((*listener)->Waiting());
  ASSERT_TRUE(testing_support::SendBytes(client.get(), 3));
  EXPECT_EQ(testing_support::ReceiveNow(peer->get(), 8).bytes.size(), 3u);
}

TEST_F(UnixSocketListenerTest, APeerThatStillWaitsAtTheEndSeesAnOrderlyEnd) {
  auto listener = Listen();
  ASSERT_TRUE(listener.has_value());
  const FileDescriptor peer = TryConnect(path_);
  ASSERT_TRUE(peer.valid());

  listener->reset();

  std::byte byte{};
  EXPECT_EQ(::read(peer.get(), &byte, sizeof(byte)), 0) << errno;
}

TEST_F(UnixSocketListenerTest, F22_TheConnectionIsBlockingAndCloseOnExec) {
  const auto listener = Listen();
  ASSERT_TRUE(listener.has_value());
  const FileDescriptor client = TryConnect(path_);

  const auto peer = (*listener)->Next(DeadlineAfter(seconds(5)));

  ASSERT_TRUE(peer.has_value());
  EXPECT_EQ(::fcntl(peer->get(), F_GETFL) & O_NONBLOCK, 0);
  EXPECT_EQ(::fcntl(peer->get(), F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
  EXPECT_EQ(::fcntl((*listener)->fd(), F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
}

TEST_F(UnixSocketListenerTest, NobodyConnectingCostsTheDeadlineNoMore) {
  const auto listener = Listen();
  ASSERT_TRUE(listener.has_value());
  const testing_support::Stopwatch watch;

  const auto peer = (*listener)->Next(DeadlineAfter(milliseconds(50)));

  ASSERT_FALSE(peer.has_value());
  EXPECT_EQ(peer.error().code(), ErrorCode::kDeadline);
  EXPECT_THAT(std::string(peer.error().text()), HasSubstr(path_));
  EXPECT_GE(watch.elapsed(), milliseconds(50));
  EXPECT_LT(watch.elapsed(), seconds(2));
}

TEST_F(UnixSocketListenerTest, APeerThatConnectsLateIsWaitedFor) {
  const auto listener = Listen();
  ASSERT_TRUE(listener.has_value());
  FileDescriptor client;
  std::thread other([&] {
    std::this_thread::sleep_for(milliseconds(30));
    client = TryConnect(path_);
  });

  EXPECT_TRUE((*listener)->Next(DeadlineAfter(seconds(20))).has_value());

  other.join();
}

TEST_F(UnixSocketListenerTest, H16_TheFileIsRemovedAtTheEnd) {
  ASSERT_TRUE(Listen().has_value());

  EXPECT_FALSE(fs::exists(path_));
}

TEST_F(UnixSocketListenerTest, H16_ASetUpThatFailsAfterBindLeavesNoFile) {
  const bool ran = WithFailingSyscall({SYS_listen, EADDRINUSE}, [&] {
    ExpectRefused(ErrorCode::kSystem, "cannot listen");
  });
  if (!ran) GTEST_SKIP() << "no seccomp filters here";

  EXPECT_FALSE(fs::exists(path_));
}

TEST_F(UnixSocketListenerTest, H16_AStaleSocketIsRemovedAndTheNameTaken) {
  BindAt(path_, 1).Reset();
  ASSERT_TRUE(fs::exists(path_));

  const auto listener = Listen();

  ASSERT_TRUE(listener.has_value()) << listener.error().text();
  EXPECT_TRUE(TryConnect(path_).valid());
}

// The other starter has the folder locked and is about to take the name.
TEST_F(UnixSocketListenerTest, H16_TheSocketOfAQuickerStarterIsNotRemoved) {
  BindAt(path_, 1).Reset();
  FileDescriptor lock = LockFolder();
  FileDescriptor other;
  std::thread starter([&] {
    std::this_thread::sleep_for(milliseconds(30));
    ::unlink(path_.c_str());
    other = BindAt(path_, 1);
    lock.Reset();
  });

  ExpectRefused(ErrorCode::kInvalidArgument, "served by somebody");

  starter.join();
  EXPECT_TRUE(TryConnect(path_).valid());
}

TEST_F(UnixSocketListenerTest, H16_OfManyStartersAtAStaleSocketOneIsServed) {
  for (int round = 0; round < 50; ++round) {
    BindAt(path_, 1).Reset();
    std::array<std::unique_ptr<UnixSocketListener>, 4> made;
    std::vector<std::thread> starters;
    for (auto& mine : made) {
      starters.emplace_back([&] {
        if (auto listener = Listen()) mine = std::move(*listener);
      });
    }
    for (std::thread& starter : starters) starter.join();

    EXPECT_EQ(std::count(made.begin(), made.end(), nullptr), 3)
        << "round " << round;
    EXPECT_TRUE(TryConnect(path_).valid()) << "round " << round;
  }
}

TEST_F(UnixSocketListenerTest, AFolderThatCannotBeLockedIsReported) {
  BindAt(path_, 1).Reset();
  const bool ran = WithFailingSyscall({SYS_flock, ENOLCK}, [&] {
    ExpectRefused(ErrorCode::kSystem, "by hand");
  });
  if (!ran) GTEST_SKIP() << "no seccomp filters here";

  EXPECT_TRUE(fs::exists(path_));
}

TEST_F(UnixSocketListenerTest, AFolderThatStaysLockedMattersToNoFreeName) {
  const FileDescriptor lock = LockFolder();

  EXPECT_TRUE(Listen().has_value());
}

TEST_F(UnixSocketListenerTest, S39_AServedSocketIsLeftToItsServer) {
  const FileDescriptor other = BindAt(path_, 1);

  ExpectRefused(ErrorCode::kInvalidArgument, "served by somebody");

  EXPECT_TRUE(TryConnect(path_).valid());
}

TEST_F(UnixSocketListenerTest, S39_AServedSocketWithAFullQueueIsServedToo) {
  const FileDescriptor other = BindAt(path_, 0);
  const FileDescriptor waiting = TryConnect(path_);
  ASSERT_FALSE(TryConnect(path_).valid());
  ASSERT_EQ(errno, EAGAIN);

  ExpectRefused(ErrorCode::kInvalidArgument, "served by somebody");

  EXPECT_TRUE(fs::exists(path_));
}

TEST_F(UnixSocketListenerTest, S39_ASocketThatDoesNotListenYetIsServedToo) {
  const FileDescriptor other = BindAt(path_, -1);

  ExpectRefused(ErrorCode::kInvalidArgument, "served by somebody");

  EXPECT_TRUE(fs::exists(path_));
}

TEST_F(UnixSocketListenerTest, ADatagramSocketIsLeftAlone) {
  const FileDescriptor other = BindAt(path_, -1, SOCK_DGRAM);

  ExpectRefused(ErrorCode::kInvalidArgument, "served by somebody");

  EXPECT_TRUE(fs::exists(path_));
}

TEST_F(UnixSocketListenerTest, ARegularFileIsLeftAlone) {
  std::ofstream(path_) << "precious";

  ExpectRefused(ErrorCode::kInvalidArgument, "not a socket");

  EXPECT_EQ(fs::file_size(path_), 8u);
}

TEST_F(UnixSocketListenerTest, ALinkIsNotFollowed) {
  BindAt(dir_.Join("target"), 1).Reset();
  fs::create_symlink(dir_.Join("target"), path_);

  ExpectRefused(ErrorCode::kInvalidArgument, "not a socket");

  EXPECT_TRUE(fs::exists(dir_.Join("target")));
}

TEST_F(UnixSocketListenerTest, ASocketThatCannotBeProbedIsLeftAlone) {
  BindAt(path_, 1).Reset();
  const bool ran = WithFailingSyscall({SYS_connect, EACCES}, [&] {
    ExpectRefused(ErrorCode::kSystem, "by hand");
  });
  if (!ran) GTEST_SKIP() << "no seccomp filters here";

  EXPECT_TRUE(fs::exists(path_));
}

TEST_F(UnixSocketListenerTest, AStaleSocketThatCannotBeRemovedIsReported) {
  BindAt(path_, 1).Reset();
  const bool ran = WithFailingSyscall({SYS_unlinkat, EPERM}, [&] {
    ExpectRefused(ErrorCode::kSystem, "EPERM");
  });
  if (!ran) GTEST_SKIP() << "no seccomp filters here";
}

TEST_F(UnixSocketListenerTest, S39_AFileThatTookTheNameIsNotRemoved) {
  auto listener = Listen();
  ASSERT_TRUE(listener.has_value());
  ASSERT_EQ(::unlink(path_.c_str()), 0);
  const FileDescriptor other = BindAt(path_, 1);

  listener->reset();

  EXPECT_TRUE(TryConnect(path_).valid());
}

TEST_F(UnixSocketListenerTest, S39_AFileThatIsGoneAlreadyIsNoProblem) {
  auto listener = Listen();
  ASSERT_TRUE(listener.has_value());
  ASSERT_EQ(::unlink(path_.c_str()), 0);

  listener->reset();

  EXPECT_FALSE(fs::exists(path_));
}

TEST_F(UnixSocketListenerTest, S39_AFileThatWasRenamedIsNotHunted) {
  auto listener = Listen();
  ASSERT_TRUE(listener.has_value());
  fs::rename(path_, dir_.Join("moved"));
  std::ofstream(path_) << "somebody else's";

  listener->reset();

  EXPECT_TRUE(fs::exists(dir_.Join("moved")));
  EXPECT_TRUE(fs::exists(path_));
}

TEST_F(UnixSocketListenerTest, S39_ARelativePathSurvivesAChangeOfFolder) {
  const fs::path before = fs::current_path();
  fs::current_path(dir_.path());
  auto listener = UnixSocketListener::Create(RealFdOps(), "relative");
  ASSERT_TRUE(listener.has_value()) << listener.error().text();
  EXPECT_TRUE(fs::exists(dir_.Join("relative")));
  fs::current_path(before);

  listener->reset();

  EXPECT_FALSE(fs::exists(dir_.Join("relative")));
}

TEST_F(UnixSocketListenerTest, APathThatEndsInASlashIsRefused) {
  const auto made = UnixSocketListener::Create(RealFdOps(), dir_.Join(""));

  ASSERT_FALSE(made.has_value());
  EXPECT_EQ(made.error().code(), ErrorCode::kInvalidArgument);
}

TEST_F(UnixSocketListenerTest, S33_APathThatIsTooLongIsRefused) {
  const auto made =
      UnixSocketListener::Create(RealFdOps(), dir_.Join(std::string(108, 'x')));

  ASSERT_FALSE(made.has_value());
  EXPECT_EQ(made.error().code(), ErrorCode::kInvalidArgument);
}

TEST_F(UnixSocketListenerTest, AMissingFolderIsReportedWithItsErrno) {
  const auto made =
      UnixSocketListener::Create(RealFdOps(), dir_.Join("none/sock"));

  ASSERT_FALSE(made.has_value());
  EXPECT_EQ(made.error().code(), ErrorCode::kSystem);
  EXPECT_EQ(made.error().sys_errno(), ENOENT);
}

// Each system call of the set-up in turn; the fixture counts descriptors.
TEST_F(UnixSocketListenerTest, S21_AFailureAtAnyStepLeavesNothingBehind) {
  for (const long call : {SYS_openat, SYS_newfstatat, SYS_socket, SYS_bind}) {
    const bool ran = WithFailingSyscall({call, EIO}, [&] {
      const auto made = Listen();
      ASSERT_FALSE(made.has_value()) << call;
      EXPECT_EQ(made.error().sys_errno(), EIO) << call;
    });
    if (!ran) GTEST_SKIP() << "no seccomp filters here";
    EXPECT_FALSE(fs::exists(path_)) << call;
  }
}

TEST_F(UnixSocketListenerTest, H16_AFailedAcceptLeavesNothingBehind) {
  const auto listener = Listen();
  ASSERT_TRUE(listener.has_value());
  const FileDescriptor client = TryConnect(path_);
  const bool ran = WithFailingSyscall({SYS_accept4, EMFILE}, [&] {
    const auto peer = (*listener)->Next(DeadlineAfter(seconds(5)));
    ASSERT_FALSE(peer.has_value());
    EXPECT_EQ(peer.error().sys_errno(), EMFILE);
  });
  if (!ran) GTEST_SKIP() << "no seccomp filters here";
}

TEST_F(UnixSocketListenerTest, AFailedWaitIsReported) {
  const auto listener = Listen();
  ASSERT_TRUE(listener.has_value());
  const bool ran = WithFailingSyscall({SYS_ppoll, ENOMEM}, [&] {
    const auto peer = (*listener)->Next(DeadlineAfter(seconds(5)));
    ASSERT_FALSE(peer.has_value());
    EXPECT_EQ(peer.error().sys_errno(), ENOMEM);
    EXPECT_FALSE((*listener)->Waiting());
  });
  if (!ran) GTEST_SKIP() << "no seccomp filters here";
}

}  // namespace
}  // namespace virtio_user
