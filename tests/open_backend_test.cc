// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/os/open_backend.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <thread>

#include "tests/support/failing_syscall.h"
#include "tests/support/fd_balance.h"
#include "tests/support/raw_socket.h"
#include "tests/support/temp_dir.h"

namespace virtio_user {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing_support::BindAt;
using testing_support::RealFdOps;

using Opened = Result<std::unique_ptr<VhostBackend>>;

Opened Open(OpenBackendOptions options) {
  return OpenBackend(RealFdOps(), options);
}

void ExpectRefused(const Opened& opened, ErrorCode code,
                   const std::string& words) {
  ASSERT_FALSE(opened.has_value());
  EXPECT_EQ(opened.error().code(), code) << opened.error().text();
  EXPECT_THAT(std::string(opened.error().text()), HasSubstr(words));
}

class OpenBackendTest : public testing_support::FdBalanceTest {
 protected:
  testing_support::TempDir dir_;
  const std::string path_ = dir_.Join("sock");
};

TEST_F(OpenBackendTest, ASocketIsAVhostUserServerThatIsNotConnectedToYet) {
  const FileDescriptor listener = BindAt(path_, 1);

  const Opened opened = Open({.path = path_});

  ASSERT_TRUE(opened.has_value()) << opened.error().text();
  EXPECT_EQ((*opened)->link().Poll(), LinkState::kDown);
  EXPECT_EQ((*opened)->link().fd(), -1);
}

// vhost-net's device is opened once for each pair.
TEST_F(OpenBackendTest, WhoSaysNothingOfPairsWantsOne) {
  EXPECT_EQ(OpenBackendOptions{}.queue_pairs, 1);
}

TEST_F(OpenBackendTest, ALinkToASocketIsThatSocket) {
  const FileDescriptor listener = BindAt(path_, 1);
  fs::create_symlink(path_, dir_.Join("link"));

  EXPECT_TRUE(Open({.path = dir_.Join("link")}).has_value());
}

TEST_F(OpenBackendTest, F41_S34_AClientsMissingPathIsNamed) {
  const Opened opened = Open({.path = path_});

  ExpectRefused(opened, ErrorCode::kDisconnected, path_);
  EXPECT_EQ(opened.error().sys_errno(), ENOENT);
}

TEST_F(OpenBackendTest, AMissingVdpaDeviceIsToldHowToMakeOne) {
  ExpectRefused(Open({.path = "/dev/vhost-vdpa-99999"}),
                ErrorCode::kDisconnected, "vdpa dev add");
}

TEST_F(OpenBackendTest, F41_AServersMissingPathBecomesASocketOfItsOwn) {
  Opened opened = Open({.path = path_, .role = SocketRole::kServer});

  ASSERT_TRUE(opened.has_value()) << opened.error().text();
  EXPECT_TRUE(fs::is_socket(path_));
  EXPECT_EQ((*opened)->link().Poll(), LinkState::kDown);
  EXPECT_GE((*opened)->link().fd(), 0);
  const FileDescriptor client = testing_support::TryConnect(path_);
  EXPECT_EQ((*opened)->link().Poll(), LinkState::kPeerWaiting);
  opened->reset();
  EXPECT_FALSE(fs::exists(path_));
}

TEST_F(OpenBackendTest, S39_AServerLeavesASocketThatIsServed) {
  const FileDescriptor listener = BindAt(path_, 1);

  ExpectRefused(Open({.path = path_, .role = SocketRole::kServer}),
                ErrorCode::kInvalidArgument, "served by somebody");
}

TEST_F(OpenBackendTest, ARegularFileIsNoBackendInEitherRole) {
  std::ofstream(path_) << "text";

  ExpectRefused(Open({.path = path_}), ErrorCode::kInvalidArgument,
                "a regular file");
  ExpectRefused(Open({.path = path_, .role = SocketRole::kServer}),
                ErrorCode::kInvalidArgument, "a regular file");
  EXPECT_EQ(fs::file_size(path_), 4u);
}

TEST_F(OpenBackendTest, AFolderIsNoBackend) {
  ExpectRefused(Open({.path = dir_.path()}), ErrorCode::kInvalidArgument,
                "a directory");
}

TEST_F(OpenBackendTest, AFifoIsNoBackend) {
  ASSERT_EQ(::mkfifo(path_.c_str(), 0600), 0);

  ExpectRefused(Open({.path = path_}), ErrorCode::kInvalidArgument, "a FIFO");
}

TEST_F(OpenBackendTest, ABlockDeviceIsNoBackend) {
  if (::mknod(path_.c_str(), S_IFBLK | 0600, makedev(7, 0)) != 0) {
    GTEST_SKIP() << "mknod takes root";
  }

  ExpectRefused(Open({.path = path_}), ErrorCode::kInvalidArgument,
                "a block device");
}

TEST_F(OpenBackendTest, AnEmptyPathIsRefused) {
  ExpectRefused(Open({.path = ""}), ErrorCode::kInvalidArgument, "empty");
}

TEST_F(OpenBackendTest, S33_APathThatIsTooLongIsRefusedWithTheLimit) {
  ExpectRefused(Open({.path = "/tmp/" + std::string(200, 'x')}),
                ErrorCode::kInvalidArgument, "107");
}

TEST_F(OpenBackendTest, TheKernelsVhostNetIsThatBackendAndNotOpenedYet) {
  if (::mknod(path_.c_str(), S_IFCHR | 0600, makedev(10, 238)) != 0) {
    GTEST_SKIP() << "mknod takes root";
  }

  const Opened opened = Open({.path = path_,
                              .ifname = "vm%d",
                              .queue_pairs = 4,
                              .mac = MacAddress{{2, 0, 0, 0, 0, 1}}});

  ASSERT_TRUE(opened.has_value()) << opened.error().text();
  EXPECT_EQ((*opened)->link().Poll(), LinkState::kDown);
  EXPECT_EQ((*opened)->caps().queue_pair_limit, 4u);
  EXPECT_FALSE((*opened)->caps().link_state);
  ExpectRefused(Open({.path = path_, .role = SocketRole::kServer}),
                ErrorCode::kInvalidArgument, "nobody connects");
  ExpectRefused(Open({.path = path_, .ifname = "a-name-of-17-chars"}),
                ErrorCode::kInvalidArgument, "more than 15");
  ExpectRefused(Open({.path = path_, .queue_pairs = 257}),
                ErrorCode::kInvalidArgument, "1 to 256");
}

// /proc/devices as a kernel with the driver has it, for the thread alone.
bool WithProcDevices(const std::string& file,
                     const std::function<void()>& body) {
  bool mounted = false;
  std::thread thread([&] {
    mounted =
        ::unshare(CLONE_FS | CLONE_NEWNS) == 0 &&
        ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
        ::mount(file.c_str(), "/proc/devices", nullptr, MS_BIND, nullptr) == 0;
    if (mounted) body();
  });
  thread.join();
  return mounted;
}

TEST_F(OpenBackendTest, AVhostVdpaDeviceIsABackendThatIsNotOpenYet) {
  std::ofstream(dir_.Join("devices"))
      << "Character devices:\n 10 misc\n234 vhost-vdpa\n";
  if (::mknod(path_.c_str(), S_IFCHR | 0600, makedev(234, 0)) != 0) {
    GTEST_SKIP() << "mknod takes root";
  }

  const bool ran = WithProcDevices(dir_.Join("devices"), [&] {
    const Opened opened = Open({.path = path_});
    ASSERT_TRUE(opened.has_value()) << opened.error().text();
    EXPECT_EQ((*opened)->caps().addresses, AddressSpace::kIova);
    EXPECT_EQ((*opened)->link().Poll(), LinkState::kDown);
    // Nobody drives major 234 here.
    (*opened)->BeginCall(kDefaultCallBudget);
    const auto attached = (*opened)->link().Attach();
    ASSERT_FALSE(attached.has_value());
    EXPECT_THAT(std::string(attached.error().text()), HasSubstr(path_));
    ExpectRefused(Open({.path = path_, .role = SocketRole::kServer}),
                  ErrorCode::kInvalidArgument, "server mode");
    ExpectRefused(Open({.path = path_, .ifname = "tap0"}),
                  ErrorCode::kInvalidArgument, "ifname");
  });

  if (!ran) GTEST_SKIP() << "a mount namespace takes root";
}

TEST_F(OpenBackendTest, F41_ACharacterDeviceOfNoVhostDriverIsRefused) {
  ExpectRefused(Open({.path = "/dev/null"}), ErrorCode::kInvalidArgument,
                "(1:3)");
}

TEST_F(OpenBackendTest, AnotherMiscellaneousDeviceIsNotTakenForVhostNet) {
  if (::mknod(path_.c_str(), S_IFCHR | 0600, makedev(10, 200)) != 0) {
    GTEST_SKIP() << "mknod takes root";
  }

  ExpectRefused(Open({.path = path_}), ErrorCode::kInvalidArgument, "(10:200)");
}

TEST_F(OpenBackendTest, S34_F41_APathThatCannotBeExaminedIsNotGuessedAt) {
  for (const int why : {EACCES, EIO, ELOOP}) {
    const bool ran =
        testing_support::WithFailingSyscall({SYS_newfstatat, why}, [&] {
          for (const SocketRole role :
               {SocketRole::kClient, SocketRole::kServer}) {
            const Opened opened = Open({.path = path_, .role = role});
            ExpectRefused(opened, ErrorCode::kSystem, path_);
            EXPECT_EQ(opened.error().sys_errno(), why);
          }
        });
    if (!ran) GTEST_SKIP() << "no seccomp filters here";
  }
}

TEST_F(OpenBackendTest, ALoopOfLinksIsReportedWithItsErrno) {
  fs::create_symlink(path_, path_);

  const Opened opened = Open({.path = path_});

  ExpectRefused(opened, ErrorCode::kSystem, path_);
  EXPECT_EQ(opened.error().sys_errno(), ELOOP);
}

TEST_F(OpenBackendTest, S24_ATapNameDoesNotGoWithASocket) {
  const FileDescriptor listener = BindAt(path_, 1);

  ExpectRefused(Open({.path = path_, .ifname = "tap7"}),
                ErrorCode::kInvalidArgument, "tap7");
}

TEST_F(OpenBackendTest, S37_WhatLiesAtThePathLaterIsNotLookedAtAgain) {
  FileDescriptor listener = BindAt(path_, 1);
  const Opened opened = Open({.path = path_});
  ASSERT_TRUE(opened.has_value());
  ASSERT_TRUE((*opened)->link().Attach().has_value());

  ASSERT_EQ(::unlink(path_.c_str()), 0);

  EXPECT_EQ((*opened)->link().Poll(), LinkState::kUp);
}

TEST_F(OpenBackendTest, S11_ConnectedOrNotIsAStateAndNotAGuess) {
  FileDescriptor listener = BindAt(path_, 1);
  const Opened opened = Open({.path = path_});
  ASSERT_TRUE(opened.has_value());
  listener.Reset();

  const Result<void> attached = (*opened)->link().Attach();

  ASSERT_FALSE(attached.has_value());
  EXPECT_EQ(attached.error().code(), ErrorCode::kDisconnected);
  EXPECT_EQ((*opened)->link().Poll(), LinkState::kDown);
}

}  // namespace
}  // namespace virtio_user
