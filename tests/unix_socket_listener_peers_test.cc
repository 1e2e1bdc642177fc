// SPDX-License-Identifier: BSD-3-Clause
//
// Peers that come and go before anybody attaches them.

#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <memory>
#include <string>
#include <thread>

#include "tests/support/failing_syscall.h"
#include "tests/support/fd_balance.h"
#include "tests/support/raw_socket.h"
#include "tests/support/stopwatch.h"
#include "tests/support/temp_dir.h"
#include "virtio_user/base/posix_fd_ops.h"
#include "virtio_user/os/monotonic_clock.h"
#include "virtio_user/os/unix_socket_listener.h"

namespace virtio_user {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing_support::RealFdOps;
using testing_support::Stopwatch;
using testing_support::TryConnect;

class UnixSocketListenerPeersTest : public testing_support::FdBalanceTest {
 protected:
  void SetUp() override {
    auto made = UnixSocketListener::Create(RealFdOps(), path_);
    ASSERT_TRUE(made.has_value()) << made.error().text();
    listener_ = std::move(*made);
  }
  void ExpectNobodyComes() {
    const auto peer = listener_->Next(DeadlineAfter(milliseconds(20)));
    ASSERT_FALSE(peer.has_value());
    EXPECT_EQ(peer.error().code(), ErrorCode::kDeadline);
  }
  // Whether the next peer is the one whose end is `client`.
  void ExpectNextIs(const FileDescriptor& client) {
    const auto peer = listener_->Next(DeadlineAfter(seconds(5)));
    ASSERT_TRUE(peer.has_value()) << peer.error().text();
    ASSERT_TRUE(testing_support::SendBytes(client.get(), 3));
    EXPECT_EQ(testing_support::ReceiveNow(peer->get(), 8).bytes.size(), 3u);
  }

  testing_support::TempDir dir_;
  const std::string path_ = dir_.Join("sock");
  std::unique_ptr<UnixSocketListener> listener_;
};

TEST_F(UnixSocketListenerPeersTest, APeerThatHasLeftIsNotGiven) {
  TryConnect(path_).Reset();

  ExpectNobodyComes();
}

TEST_F(UnixSocketListenerPeersTest, APeerThatHasLeftDoesNotWait) {
  TryConnect(path_).Reset();

  EXPECT_FALSE(listener_->Waiting());
}

TEST_F(UnixSocketListenerPeersTest, WhatAPeerLeftUnreadDoesNotHideThatItLeft) {
  FileDescriptor client = TryConnect(path_);
  ASSERT_TRUE(testing_support::SendBytes(client.get(), 1));
  client.Reset();

  EXPECT_FALSE(listener_->Waiting());
}

TEST_F(UnixSocketListenerPeersTest, ThePeerBehindOneThatLeftIsGiven) {
  TryConnect(path_).Reset();
  const FileDescriptor client = TryConnect(path_);
  ASSERT_TRUE(client.valid());

  ExpectNextIs(client);
}

TEST_F(UnixSocketListenerPeersTest, ThePeerBehindOneThatLeftWaits) {
  TryConnect(path_).Reset();
  const FileDescriptor client = TryConnect(path_);
  ASSERT_TRUE(client.valid());

  EXPECT_TRUE(listener_->Waiting());
  EXPECT_TRUE(listener_->Waiting());
  ExpectNextIs(client);
}

TEST_F(UnixSocketListenerPeersTest, APeerThatLeavesWhileItWaitsIsForgotten) {
  FileDescriptor client = TryConnect(path_);
  ASSERT_TRUE(listener_->Waiting());

  client.Reset();

  EXPECT_FALSE(listener_->Waiting());
  ExpectNobodyComes();
}

TEST_F(UnixSocketListenerPeersTest, NextSkipsAPeerThatLeftWhileItWaited) {
  FileDescriptor first = TryConnect(path_);
  ASSERT_TRUE(listener_->Waiting());
  first.Reset();
  const FileDescriptor second = TryConnect(path_);

  ExpectNextIs(second);
}

TEST_F(UnixSocketListenerPeersTest, PeersAreGivenInTheOrderInWhichTheyCame) {
  const FileDescriptor first = TryConnect(path_);
  ASSERT_TRUE(listener_->Waiting());
  const FileDescriptor second = TryConnect(path_);

  ExpectNextIs(first);
  ExpectNextIs(second);
}

TEST_F(UnixSocketListenerPeersTest, APeerThatWasSeenWaitingSeesAnOrderlyEnd) {
  const FileDescriptor client = TryConnect(path_);
  ASSERT_TRUE(listener_->Waiting());

  listener_.reset();

  std::byte byte{};
  EXPECT_EQ(::read(client.get(), &byte, sizeof(byte)), 0) << errno;
}

TEST_F(UnixSocketListenerPeersTest, AnotherStarterThatLooksIsNoPeer) {
  ASSERT_FALSE(UnixSocketListener::Create(RealFdOps(), path_).has_value());

  const FileDescriptor first = TryConnect(path_);
  const FileDescriptor second = TryConnect(path_);
  // Backlog 1 has room for two: the look took none of it.
  EXPECT_TRUE(second.valid());
  ExpectNextIs(first);
}

TEST_F(UnixSocketListenerPeersTest, LookingWhileNextWaitsTakesNoPeerFromIt) {
  std::atomic<bool> stop = false;
  std::thread watcher([&] {
    while (!stop) listener_->Waiting();
  });
  FileDescriptor client;
  std::thread other([&] {
    std::this_thread::sleep_for(milliseconds(20));
    client = TryConnect(path_);
  });
  const Stopwatch watch;

  const auto peer = listener_->Next(DeadlineAfter(seconds(20)));

  EXPECT_LT(watch.elapsed(), seconds(10));
  EXPECT_TRUE(peer.has_value());
  stop = true;
  watcher.join();
  other.join();
}

TEST_F(UnixSocketListenerPeersTest, WhereAcceptFailsNextIsLeftToTellWhy) {
  const FileDescriptor client = TryConnect(path_);
  const bool ran =
      testing_support::WithFailingSyscall({SYS_accept4, EMFILE}, [&] {
        EXPECT_TRUE(listener_->Waiting());
        const auto peer = listener_->Next(DeadlineAfter(seconds(5)));
        ASSERT_FALSE(peer.has_value());
        EXPECT_EQ(peer.error().sys_errno(), EMFILE);
      });
  if (!ran) GTEST_SKIP() << "no seccomp filters here";
}

// Whenever a connection is dropped, the next peer has come and left already.
class EndlessPeersFdOps final : public FdOps {
 public:
  explicit EndlessPeersFdOps(const std::string& path) : path_(path) {}

  void ComeAndLeave() { TryConnect(path_).Reset(); }

  void Close(int fd) override {
    real_.Close(fd);
    ComeAndLeave();
  }
  Result<int> CreateEvent() override { return real_.CreateEvent(); }
  Result<void> Signal(int fd) override { return real_.Signal(fd); }
  Result<uint64_t> Drain(int fd) override { return real_.Drain(fd); }
  Result<std::span<std::byte>> Map(int fd, uint64_t offset,
                                   size_t bytes) override {
    return real_.Map(fd, offset, bytes);
  }
  void Unmap(std::span<std::byte> mapped) override { real_.Unmap(mapped); }
  Result<int> Dup(int fd) override { return real_.Dup(fd); }
  Result<uint64_t> FileBytes(int fd) override { return real_.FileBytes(fd); }

 private:
  const std::string path_;
  PosixFdOps real_;
};

class EndlessPeersTest : public testing_support::FdBalanceTest {
 protected:
  void SetUp() override {
    auto made = UnixSocketListener::Create(ops_, path_);
    ASSERT_TRUE(made.has_value()) << made.error().text();
    listener_ = std::move(*made);
    ops_.ComeAndLeave();
  }

  testing_support::TempDir dir_;
  const std::string path_ = dir_.Join("sock");
  EndlessPeersFdOps ops_{path_};
  std::unique_ptr<UnixSocketListener> listener_;
};

TEST_F(EndlessPeersTest, PeersThatLeaveCostTheDeadlineNoMore) {
  const Stopwatch watch;

  const auto peer = listener_->Next(DeadlineAfter(milliseconds(50)));

  ASSERT_FALSE(peer.has_value());
  EXPECT_EQ(peer.error().code(), ErrorCode::kDeadline);
  EXPECT_GE(watch.elapsed(), milliseconds(50));
  EXPECT_LT(watch.elapsed(), seconds(2));
}

TEST_F(EndlessPeersTest, LookingWhetherOneWaitsEnds) {
  EXPECT_FALSE(listener_->Waiting());
}

}  // namespace
}  // namespace virtio_user
