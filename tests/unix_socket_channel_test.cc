// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/os/unix_socket_channel.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <functional>
#include <string>
#include <thread>

#include "tests/attached_channel.h"
#include "tests/support/failing_syscall.h"
#include "tests/support/fd_balance.h"
#include "tests/support/raw_socket.h"
#include "tests/support/without_stdin.h"

namespace virtio_user {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing_support::ConnectedPair;
using testing_support::RealFdOps;
using testing_support::SendBytes;

using UnixSocketChannelTest = AttachedChannelTest;

TEST_F(UnixSocketChannelTest, WhatIsSentArrives) {
  const std::string text = "hello";
  const SendChunk chunk{std::as_bytes(std::span(text)), {}};

  EXPECT_EQ(channel_->Send({&chunk, 1}, 0).value(), 5u);

  EXPECT_EQ(testing_support::ReceiveNow(peer_.get(), 64).bytes.size(), 5u);
}

TEST_F(UnixSocketChannelTest, WhatThePeerSentIsReceived) {
  ASSERT_TRUE(SendBytes(peer_.get(), 30));

  EXPECT_EQ(Receive(20)->bytes, 20u);
  EXPECT_EQ(Receive(20)->bytes, 10u);
  EXPECT_EQ(Receive(20)->bytes, 0u);
}

TEST_F(UnixSocketChannelTest, ReceivingIntoNothingIsNothing) {
  ASSERT_TRUE(SendBytes(peer_.get(), 1));

  const Result<Received> received = Receive(0);

  ASSERT_TRUE(received.has_value());
  EXPECT_EQ(received->bytes, 0u);
}

TEST_F(UnixSocketChannelTest, APeerThatClosedIsDisconnected) {
  peer_.Reset();

  const Result<Received> received = Receive(20);

  ASSERT_FALSE(received.has_value());
  EXPECT_EQ(received.error().code(), ErrorCode::kDisconnected);
}

TEST_F(UnixSocketChannelTest, H1_SendingToAPeerThatClosedIsDisconnected) {
  peer_.Reset();
  const SendChunk chunk{std::span(buffer_).first(1), {}};

  const Result<size_t> sent = channel_->Send({&chunk, 1}, 0);

  ASSERT_FALSE(sent.has_value());
  EXPECT_EQ(sent.error().code(), ErrorCode::kDisconnected);
}

TEST_F(UnixSocketChannelTest, H3_DescriptorsOfThePeerAreCountedAndOneIsKept) {
  const size_t before = testing_support::OpenFdCount();
  const int fds[] = {peer_.get(), peer_.get()};
  ASSERT_TRUE(
      testing_support::SendAll(peer_.get(), std::span(buffer_).first(20), fds));

  const Result<Received> received = Receive(20);

  ASSERT_TRUE(received.has_value());
  EXPECT_EQ(received->bytes, 20u);
  EXPECT_EQ(received->fd_count, 2u);
  EXPECT_TRUE(received->fd.valid());
  EXPECT_EQ(testing_support::OpenFdCount(), before + 1);
}

TEST_F(UnixSocketChannelTest, ADescriptorOutlivesTheWaitInWhichItCame) {
  const int fds[] = {peer_.get()};
  ASSERT_TRUE(
      testing_support::SendAll(peer_.get(), std::span(buffer_).first(20), fds));
  ASSERT_TRUE(WaitReadable(20, seconds(5)).has_value());

  const Result<Received> received = Receive(20);

  ASSERT_TRUE(received.has_value());
  EXPECT_TRUE(received->fd.valid());
}

TEST_F(UnixSocketChannelTest, ErrorsOfTheKernelArePassedOn) {
  struct Case {
    long call;
    std::function<Result<void>()> use;
  };
  const Case cases[] = {
      {SYS_setsockopt, [&] { return WaitReadable(1, seconds(1)); }},
      {SYS_recvmsg, [&] { return WaitReadable(1, seconds(1)); }},
      {SYS_ppoll, [&] { return channel_->WaitWritable(Deadline{}); }},
      {SYS_recvmsg,
       [&]() -> Result<void> {
         const Result<Received> received = Receive(1);
         if (!received) return Fail(received);
         return {};
       }},
  };
  for (const Case& each : cases) {
    const bool ran =
        testing_support::WithFailingSyscall({each.call, ENOMEM}, [&] {
          const Result<void> result = each.use();
          ASSERT_FALSE(result.has_value()) << each.call;
          EXPECT_EQ(result.error().sys_errno(), ENOMEM) << each.call;
        });
    if (!ran) GTEST_SKIP() << "no seccomp filters here";
  }
}

TEST_F(UnixSocketChannelTest, PollSeesThePeerAndConsumesNothing) {
  EXPECT_EQ(channel_->Poll(), LinkState::kUp);
  ASSERT_TRUE(SendBytes(peer_.get(), 5));

  EXPECT_EQ(channel_->Poll(), LinkState::kUp);
  EXPECT_EQ(channel_->Poll(), LinkState::kUp);

  EXPECT_EQ(Receive(20)->bytes, 5u);
}

TEST_F(UnixSocketChannelTest, PollTakesNoDescriptorsOutOfAMessage) {
  const int fds[] = {peer_.get()};
  ASSERT_TRUE(
      testing_support::SendAll(peer_.get(), std::span(buffer_).first(5), fds));
  const size_t before = testing_support::OpenFdCount();

  EXPECT_EQ(channel_->Poll(), LinkState::kUp);

  EXPECT_EQ(testing_support::OpenFdCount(), before);
  EXPECT_EQ(Receive(20)->fd_count, 1u);
}

TEST_F(UnixSocketChannelTest, S37_PollSeesThatThePeerIsGone) {
  peer_.Reset();

  EXPECT_EQ(channel_->Poll(), LinkState::kDown);
}

TEST_F(UnixSocketChannelTest, S37_UnreadBytesDoNotHideThatThePeerIsGone) {
  ASSERT_TRUE(SendBytes(peer_.get(), 1));
  peer_.Reset();

  EXPECT_EQ(channel_->Poll(), LinkState::kDown);
}

TEST_F(UnixSocketChannelTest, S37_APeerThatStoppedSendingIsGone) {
  ASSERT_EQ(::shutdown(peer_.get(), SHUT_WR), 0);

  EXPECT_EQ(channel_->Poll(), LinkState::kDown);
}

TEST_F(UnixSocketChannelTest, APeerThatIsGoneHasStillAnsweredWhatItAnswered) {
  ASSERT_TRUE(SendBytes(peer_.get(), 20));
  ASSERT_TRUE(WaitReadable(20, seconds(20)).has_value());
  ASSERT_TRUE(SendBytes(peer_.get(), 5));
  peer_.Reset();

  EXPECT_EQ(channel_->Poll(), LinkState::kDown);
  EXPECT_EQ(Receive(20)->bytes, 20u);
  EXPECT_EQ(Receive(20)->bytes, 5u);
}

TEST_F(UnixSocketChannelTest, F12_PollingInAnotherThreadDisturbsNoWait) {
  std::atomic<bool> stop = false;
  std::thread poller([&] {
    while (!stop) EXPECT_EQ(channel_->Poll(), LinkState::kUp);
  });
  std::thread slow([&] {
    for (int i = 0; i < 20; ++i) {
      std::this_thread::sleep_for(milliseconds(5));
      SendBytes(peer_.get(), 20);
    }
  });

  size_t received = 0;
  while (received < 400) {
    ASSERT_TRUE(WaitReadable(40, seconds(20)).has_value());
    received += Receive(40)->bytes;
  }

  stop = true;
  poller.join();
  slow.join();
  EXPECT_EQ(received, 400u);
  EXPECT_EQ(::fcntl(channel_->fd(), F_GETFL) & O_NONBLOCK, 0);
}

TEST_F(UnixSocketChannelTest, H10_PollingWhileThePeerIsDetachedIsSafe) {
  std::atomic<bool> stop = false;
  std::thread poller([&] {
    while (!stop) {
      channel_->Poll();
      channel_->fd();
    }
  });
  std::this_thread::sleep_for(milliseconds(5));

  channel_->Detach();

  std::this_thread::sleep_for(milliseconds(5));
  stop = true;
  poller.join();
  EXPECT_EQ(channel_->Poll(), LinkState::kDown);
  EXPECT_EQ(channel_->fd(), -1);
}

TEST_F(UnixSocketChannelTest, WithoutAPeerEveryOperationIsDisconnected) {
  channel_->Detach();
  const SendChunk chunk{std::span(buffer_).first(1), {}};

  EXPECT_EQ(channel_->Send({&chunk, 1}, 0).error().code(),
            ErrorCode::kDisconnected);
  EXPECT_EQ(Receive(1).error().code(), ErrorCode::kDisconnected);
  EXPECT_EQ(WaitReadable(1, seconds(1)).error().code(),
            ErrorCode::kDisconnected);
  EXPECT_EQ(channel_->WaitWritable(Deadline{}).error().code(),
            ErrorCode::kDisconnected);
  channel_->Detach();
}

TEST_F(UnixSocketChannelTest, AttachingTwiceIsTheWrongState) {
  const Result<void> again = channel_->Attach();

  ASSERT_FALSE(again.has_value());
  EXPECT_EQ(again.error().code(), ErrorCode::kWrongState);
  EXPECT_EQ(channel_->Poll(), LinkState::kUp);
}

TEST_F(UnixSocketChannelTest, AHandedOverConnectionIsAttachedOnce) {
  channel_->Detach();

  const Result<void> again = channel_->Attach();

  ASSERT_FALSE(again.has_value());
  EXPECT_EQ(again.error().code(), ErrorCode::kDisconnected);
}

TEST_F(UnixSocketChannelTest, F08_F32_AConnectionMayBeDescriptor0) {
  const testing_support::WithoutStdin without_stdin;
  auto [ours, peer] = ConnectedPair();
  ASSERT_EQ(ours.get(), 0);
  auto channel = UnixSocketChannel::Connected(RealFdOps(), std::move(ours));

  EXPECT_EQ(channel->Poll(), LinkState::kPeerWaiting);
  ASSERT_TRUE(channel->Attach().has_value());
  EXPECT_EQ(channel->Poll(), LinkState::kUp);
  EXPECT_EQ(channel->fd(), 0);
}

}  // namespace
}  // namespace virtio_user
