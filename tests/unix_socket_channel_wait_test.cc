// SPDX-License-Identifier: BSD-3-Clause

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>

#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "tests/attached_channel.h"
#include "tests/support/raw_socket.h"
#include "tests/support/stopwatch.h"
#include "tests/support/syscall_count.h"
#include "virtio_user/os/unix_socket_channel.h"

namespace virtio_user {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing_support::SendBytes;
using testing_support::Stopwatch;

using UnixSocketChannelWaitTest = AttachedChannelTest;

TEST_F(UnixSocketChannelWaitTest, DescriptorsAreToldWithTheirAckAfterAWaitToo) {
  const int fds[] = {peer_.get()};
  ASSERT_TRUE(SendBytes(peer_.get(), 20));
  ASSERT_TRUE(
      testing_support::SendAll(peer_.get(), std::span(buffer_).first(20), fds));
  ASSERT_TRUE(SendBytes(peer_.get(), 20));

  ASSERT_TRUE(WaitReadable(60, seconds(20)).has_value());

  EXPECT_EQ(Receive(20)->fd_count, 0u);
  EXPECT_EQ(Receive(20)->fd_count, 1u);
  EXPECT_EQ(Receive(20)->fd_count, 0u);
}

TEST_F(UnixSocketChannelWaitTest, WaitingLeavesTheBytesToBeReceived) {
  ASSERT_TRUE(SendBytes(peer_.get(), 45));

  ASSERT_TRUE(WaitReadable(40, seconds(20)).has_value());

  EXPECT_EQ(Receive(20)->bytes, 20u);
  EXPECT_EQ(Receive(100)->bytes, 20u);
  EXPECT_EQ(Receive(100)->bytes, 5u);
}

TEST_F(UnixSocketChannelWaitTest, WhatWasWaitedForAlreadyIsNotWaitedForAgain) {
  ASSERT_TRUE(SendBytes(peer_.get(), 40));
  ASSERT_TRUE(WaitReadable(40, seconds(20)).has_value());

  EXPECT_TRUE(WaitReadable(40, Duration::zero()).has_value());
  EXPECT_EQ(Receive(20)->bytes, 20u);
  ASSERT_TRUE(SendBytes(peer_.get(), 20));
  EXPECT_TRUE(WaitReadable(40, seconds(20)).has_value());
  EXPECT_EQ(Receive(100)->bytes, 40u);
}

TEST_F(UnixSocketChannelWaitTest,
       AWaitForMoreThanTheBufferHoldsEndsWithItFull) {
  ASSERT_TRUE(SendBytes(peer_.get(), ReceiveBuffer::kBytes + 1));

  ASSERT_TRUE(WaitReadable(2 * ReceiveBuffer::kBytes, seconds(20)).has_value());

  EXPECT_EQ(Receive(8192)->bytes, ReceiveBuffer::kBytes);
  EXPECT_EQ(Receive(8192)->bytes, 1u);
}

TEST_F(UnixSocketChannelWaitTest, APassedDeadlineStillSeesWhatIsThere) {
  ASSERT_TRUE(SendBytes(peer_.get(), 20));

  EXPECT_TRUE(channel_->WaitReadable(20, Deadline{}).has_value());
}

// What is missing counts, of what was asked for: neither what was taken out
// before nor what the buffer holds at most.
TEST_F(UnixSocketChannelWaitTest, APassedDeadlineTellsHowManyBytesAreMissing) {
  ASSERT_TRUE(SendBytes(peer_.get(), 10));
  ASSERT_EQ(Receive(3)->bytes, 3u);

  const Result<void> waited = channel_->WaitReadable(5000, Deadline{});

  ASSERT_FALSE(waited.has_value());
  EXPECT_EQ(waited.error().code(), ErrorCode::kDeadline);
  EXPECT_THAT(std::string(waited.error().text()),
              testing::HasSubstr("4993 bytes"));
}

// Without a number, one byte is waited for.
TEST_F(UnixSocketChannelWaitTest, APassedDeadlineWithNothingThereMissesAByte) {
  const Result<void> waited = channel_->WaitReadable(0, Deadline{});

  ASSERT_FALSE(waited.has_value());
  EXPECT_THAT(std::string(waited.error().text()),
              testing::HasSubstr("at least 1 bytes"));
}

// Channel: a wrong answer is judged long before the deadline.
TEST_F(UnixSocketChannelWaitTest, BytesThatStayTooFewAreHandedOutEarly) {
  ASSERT_TRUE(SendBytes(peer_.get(), 7));
  const Stopwatch watch;

  const Result<void> waited = WaitReadable(40, seconds(20));

  EXPECT_LT(watch.elapsed(), seconds(5));
  ASSERT_TRUE(waited.has_value());
  EXPECT_EQ(Receive(40)->bytes, 7u);
}

TEST_F(UnixSocketChannelWaitTest, H2_ASilentPeerCostsTheDeadlineNoMore) {
  const Stopwatch watch;

  const Result<void> waited = WaitReadable(20, milliseconds(250));

  ASSERT_FALSE(waited.has_value());
  EXPECT_EQ(waited.error().code(), ErrorCode::kDeadline);
  EXPECT_GE(watch.elapsed(), milliseconds(250));
  EXPECT_LT(watch.elapsed(), seconds(2));
}

TEST_F(UnixSocketChannelWaitTest, H2_APeerThatTricklesCannotMoveTheDeadline) {
  std::atomic<bool> stop = false;
  std::thread other([&] {
    while (!stop && SendBytes(peer_.get(), 1)) {
      std::this_thread::sleep_for(milliseconds(3));
    }
  });
  const Stopwatch watch;
  const Deadline deadline = channel_->After(milliseconds(250));

  size_t received = 0;
  const auto wait = [&] {
    Result<void> waited = channel_->WaitReadable(4000 - received, deadline);
    received += Receive(4000)->bytes;
    return waited;
  };
  Result<void> waited = wait();
  while (waited && received < 4000) waited = wait();

  EXPECT_GE(watch.elapsed(), milliseconds(250));
  EXPECT_LT(watch.elapsed(), seconds(2));
  stop = true;
  other.join();
  ASSERT_FALSE(waited.has_value());
  EXPECT_EQ(waited.error().code(), ErrorCode::kDeadline);
  // What came is kept.
  EXPECT_GT(received, 0u);
}

TEST_F(UnixSocketChannelWaitTest, APeerThatAnswersInPiecesIsWaitedFor) {
  std::thread other([&] {
    for (int i = 0; i < 20; ++i) {
      SendBytes(peer_.get(), 1);
      std::this_thread::sleep_for(milliseconds(2));
    }
  });

  size_t received = 0;
  while (received < 20) {
    ASSERT_TRUE(WaitReadable(20 - received, seconds(20)).has_value());
    received += Receive(20)->bytes;
  }

  other.join();
  EXPECT_EQ(received, 20u);
}

TEST_F(UnixSocketChannelWaitTest, F22_AnAnswerThatComesLateIsWaitedFor) {
  std::thread other([&] {
    // Longer than one slice of a wait.
    std::this_thread::sleep_for(milliseconds(150));
    SendBytes(peer_.get(), 20);
  });

  const Result<void> waited = WaitReadable(20, seconds(20));

  other.join();
  EXPECT_TRUE(waited.has_value());
}

TEST_F(UnixSocketChannelWaitTest, APeerThatClosesEndsAWait) {
  std::thread other([&] {
    std::this_thread::sleep_for(milliseconds(20));
    SendBytes(peer_.get(), 7);
    peer_.Reset();
  });

  const Result<void> waited = WaitReadable(20, seconds(20));

  other.join();
  ASSERT_TRUE(waited.has_value());
  EXPECT_EQ(Receive(20)->bytes, 7u);
  ASSERT_FALSE(Receive(20).has_value());
  EXPECT_EQ(Receive(20).error().code(), ErrorCode::kDisconnected);
}

extern "C" void DoNothing(int) {}

class SignalStorm {
 public:
  SignalStorm() {
    struct sigaction action{};
    action.sa_handler = DoNothing;  // Without SA_RESTART.
    ::sigaction(SIGUSR1, &action, &before_);
    thread_ = std::thread([this, target = ::pthread_self()] {
      while (!stop_) {
        ::pthread_kill(target, SIGUSR1);
        std::this_thread::sleep_for(microseconds(500));
      }
    });
  }
  ~SignalStorm() {
    stop_ = true;
    thread_.join();
    ::sigaction(SIGUSR1, &before_, nullptr);
  }

 private:
  struct sigaction before_{};
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

TEST_F(UnixSocketChannelWaitTest, H2_SignalsNeitherEndAWaitNorMakeItLonger) {
  const SignalStorm storm;
  const Stopwatch watch;

  const Result<void> waited = WaitReadable(20, milliseconds(250));

  ASSERT_FALSE(waited.has_value());
  EXPECT_EQ(waited.error().code(), ErrorCode::kDeadline);
  EXPECT_GE(watch.elapsed(), milliseconds(250));
  EXPECT_LT(watch.elapsed(), seconds(2));
}

TEST_F(UnixSocketChannelWaitTest, H2_AnAnswerAmongSignalsIsReceived) {
  const SignalStorm storm;
  std::thread other([&] {
    std::this_thread::sleep_for(milliseconds(40));
    SendBytes(peer_.get(), 20);
  });

  const Result<void> waited = WaitReadable(20, seconds(20));

  other.join();
  ASSERT_TRUE(waited.has_value());
  EXPECT_EQ(Receive(20)->bytes, 20u);
}

TEST_F(UnixSocketChannelWaitTest, AFullSocketIsWaitedForUntilTheDeadline) {
  const std::vector<std::byte> much(1 << 20);
  const SendChunk chunk{much, {}};
  ASSERT_GT(channel_->Send({&chunk, 1}, 0).value(), 0u);
  const Stopwatch watch;

  const Result<void> waited =
      channel_->WaitWritable(channel_->After(milliseconds(60)));

  ASSERT_FALSE(waited.has_value());
  EXPECT_EQ(waited.error().code(), ErrorCode::kDeadline);
  EXPECT_GE(watch.elapsed(), milliseconds(60));
  EXPECT_LT(watch.elapsed(), seconds(2));
}

TEST_F(UnixSocketChannelWaitTest, AFullSocketThatThePeerReadsBecomesWritable) {
  const std::vector<std::byte> much(1 << 20);
  const SendChunk chunk{much, {}};
  const size_t sent = channel_->Send({&chunk, 1}, 0).value();
  std::thread other([&] {
    size_t left = sent;
    while (left > 0) {
      left -= testing_support::ReceiveNow(peer_.get(), 65536).bytes.size();
    }
  });

  const Result<void> waited =
      channel_->WaitWritable(channel_->After(seconds(20)));

  other.join();
  ASSERT_TRUE(waited.has_value());
  EXPECT_GT(channel_->Send({&chunk, 1}, sent).value(), 0u);
}

TEST_F(UnixSocketChannelWaitTest, APeerThatClosesEndsAWaitToSend) {
  const std::vector<std::byte> much(1 << 20);
  const SendChunk chunk{much, {}};
  ASSERT_GT(channel_->Send({&chunk, 1}, 0).value(), 0u);
  peer_.Reset();

  EXPECT_TRUE(channel_->WaitWritable(channel_->After(seconds(20))).has_value());
  EXPECT_EQ(channel_->Send({&chunk, 1}, 0).error().code(),
            ErrorCode::kDisconnected);
}

TEST_F(UnixSocketChannelWaitTest, TwoHundredAcksAreOneWaitAndNotOneEach) {
  const Stopwatch watch;
  const auto counts = testing_support::CountSyscalls(
      [&] { return WaitReadable(4000, seconds(60)).has_value(); },
      [&] {
        for (int i = 0; i < 200; ++i) {
          SendBytes(peer_.get(), 20);
          std::this_thread::sleep_for(microseconds(50));
        }
      });

  if (!counts) GTEST_SKIP() << "ptrace is not permitted here";
  int all = 0;
  for (const auto& [number, count] : *counts) all += count;
  // One to set the bound, one to wait, one to exit; and one more for each
  // 100 ms that a busy machine takes to send.
  EXPECT_LE(all, 4 + watch.elapsed() / milliseconds(100));
  EXPECT_LE(counts->at(SYS_setsockopt), 1);
}

}  // namespace
}  // namespace virtio_user
