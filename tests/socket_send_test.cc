// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/os/socket_send.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <vector>

#include "tests/support/failing_syscall.h"
#include "tests/support/fd_balance.h"
#include "tests/support/raw_socket.h"
#include "tests/support/syscall_count.h"
#include "tests/support/without_stdin.h"

namespace virtio_user {
namespace {

using testing_support::ConnectedPair;
using testing_support::RealFdOps;
using testing_support::SameEvent;
using testing_support::SyscallCounts;
using testing_support::WithFailingSyscall;

class SocketSendTest : public testing_support::FdBalanceTest {
 protected:
  FileDescriptor NewEvent() {
    auto made = FileDescriptor::CreateEvent(RealFdOps());
    EXPECT_TRUE(made.has_value());
    return std::move(*made);
  }
  std::string ReceiveText(size_t bytes) {
    const auto got = testing_support::ReceiveNow(peer(), bytes);
    return {reinterpret_cast<const char*>(got.bytes.data()), got.bytes.size()};
  }
  int ours() const { return pair_.first.get(); }
  int peer() const { return pair_.second.get(); }

  testing_support::FdPair pair_ = ConnectedPair();
};

std::span<const std::byte> Bytes(std::string_view text) {
  return std::as_bytes(std::span(text));
}

TEST_F(SocketSendTest, ChunksArriveInOrder) {
  const SendChunk chunks[] = {{Bytes("abc"), {}}, {Bytes("defg"), {}}};

  const Result<size_t> sent = SendChunks(ours(), chunks, 0);

  ASSERT_TRUE(sent.has_value());
  EXPECT_EQ(*sent, 7u);
  EXPECT_EQ(ReceiveText(64), "abcdefg");
}

TEST_F(SocketSendTest, NoChunksAreNoBytes) {
  EXPECT_EQ(SendChunks(ours(), {}, 0).value(), 0u);
}

TEST_F(SocketSendTest, DescriptorsTravelWithTheFirstByteOfTheirChunk) {
  const FileDescriptor event = NewEvent();
  const int fds[] = {event.get()};
  const SendChunk chunks[] = {{Bytes("ab"), {}}, {Bytes("cd"), fds}};

  ASSERT_EQ(SendChunks(ours(), chunks, 0).value(), 4u);

  const auto first = testing_support::ReceiveNow(peer(), 2);
  const auto second = testing_support::ReceiveNow(peer(), 1);
  EXPECT_TRUE(first.fds.empty());
  ASSERT_EQ(second.fds.size(), 1u);
  EXPECT_TRUE(SameEvent(event.get(), second.fds[0].get()));
}

TEST_F(SocketSendTest, EachChunkKeepsItsOwnDescriptors) {
  const FileDescriptor a = NewEvent();
  const FileDescriptor b = NewEvent();
  const int first_fds[] = {a.get()};
  const int second_fds[] = {b.get(), a.get()};
  const SendChunk chunks[] = {{Bytes("ab"), first_fds},
                              {Bytes("cd"), second_fds}};

  ASSERT_EQ(SendChunks(ours(), chunks, 0).value(), 4u);

  const auto first = testing_support::ReceiveNow(peer(), 64);
  const auto second = testing_support::ReceiveNow(peer(), 64);
  ASSERT_EQ(first.fds.size(), 1u);
  ASSERT_EQ(second.fds.size(), 2u);
  EXPECT_TRUE(SameEvent(a.get(), first.fds[0].get()));
  EXPECT_TRUE(SameEvent(b.get(), second.fds[0].get()));
  EXPECT_TRUE(SameEvent(a.get(), second.fds[1].get()));
}

TEST_F(SocketSendTest, TheMostDescriptorsThatAMessageMayCarryArrive) {
  const FileDescriptor event = NewEvent();
  const std::vector<int> fds(8, event.get());
  const SendChunk chunk{Bytes("table"), fds};

  ASSERT_EQ(SendChunks(ours(), {&chunk, 1}, 0).value(), 5u);

  EXPECT_EQ(testing_support::ReceiveNow(peer(), 64).fds.size(), 8u);
}

TEST_F(SocketSendTest, SkippedBytesAndTheirDescriptorsAreNotSentAgain) {
  const FileDescriptor event = NewEvent();
  const int fds[] = {event.get()};
  const SendChunk chunks[] = {{Bytes("abcd"), fds}, {Bytes("ef"), {}}};

  ASSERT_EQ(SendChunks(ours(), chunks, 3).value(), 3u);

  const auto got = testing_support::ReceiveNow(peer(), 64);
  EXPECT_EQ(got.bytes.size(), 3u);
  EXPECT_TRUE(got.fds.empty());
}

TEST_F(SocketSendTest, F08_Descriptor0IsADescriptorLikeAnyOther) {
  const testing_support::WithoutStdin without_stdin;
  FileDescriptor event = NewEvent();
  ASSERT_EQ(event.get(), 0);
  const int fds[] = {0};
  const SendChunk chunk{Bytes("kick"), fds};

  ASSERT_EQ(SendChunks(ours(), {&chunk, 1}, 0).value(), 4u);

  const auto got = testing_support::ReceiveNow(peer(), 64);
  ASSERT_EQ(got.fds.size(), 1u);
  EXPECT_TRUE(SameEvent(0, got.fds[0].get()));
}

TEST_F(SocketSendTest, AFullSocketTakesWhatFitsAndThenNothing) {
  const std::string much(1 << 20, 'm');
  const SendChunk chunk{Bytes(much), {}};

  const size_t first = SendChunks(ours(), {&chunk, 1}, 0).value();

  EXPECT_GT(first, 0u);
  EXPECT_LT(first, much.size());
  EXPECT_EQ(SendChunks(ours(), {&chunk, 1}, first).value(), 0u);
}

// What was sent in pieces arrives whole, and every descriptor exactly once,
// wherever the socket filled up.
TEST_F(SocketSendTest, PartialSendsLoseAndRepeatNothing) {
  const FileDescriptor event = NewEvent();
  const int fds[] = {event.get()};
  std::vector<std::string> texts;
  for (int i = 0; i < 200; ++i) {
    texts.push_back(std::string(4096, static_cast<char>('a' + i % 26)));
  }
  std::vector<SendChunk> chunks;
  std::string expected;
  for (const std::string& text : texts) {
    chunks.push_back({Bytes(text), fds});
    expected += text;
  }
  std::string arrived;
  size_t fd_count = 0;
  size_t skip = 0;
  std::span<const SendChunk> rest = chunks;

  // Every round sends or receives something.
  while (arrived.size() < expected.size()) {
    const Result<size_t> sent = SendChunks(ours(), rest, skip);
    ASSERT_TRUE(sent.has_value()) << sent.error().text();
    skip += *sent;
    while (!rest.empty() && skip >= rest.front().bytes.size()) {
      skip -= rest.front().bytes.size();
      rest = rest.subspan(1);
    }
    const auto got = testing_support::ReceiveNow(peer(), 1500);
    fd_count += got.fds.size();
    arrived.append(reinterpret_cast<const char*>(got.bytes.data()),
                   got.bytes.size());
  }

  EXPECT_EQ(arrived, expected);
  EXPECT_EQ(fd_count, 200u);
}

TEST_F(SocketSendTest, H1_APeerThatIsGoneIsAnErrorAndNoSignal) {
  struct sigaction before{};
  struct sigaction fatal{};
  fatal.sa_handler = SIG_DFL;
  ASSERT_EQ(::sigaction(SIGPIPE, &fatal, &before), 0);
  pair_.second.Reset();
  const SendChunk chunk{Bytes("x"), {}};

  const Result<size_t> sent = SendChunks(ours(), {&chunk, 1}, 0);

  ::sigaction(SIGPIPE, &before, nullptr);
  ASSERT_FALSE(sent.has_value());
  EXPECT_EQ(sent.error().code(), ErrorCode::kDisconnected);
  EXPECT_EQ(sent.error().sys_errno(), EPIPE);
}

TEST_F(SocketSendTest, ADescriptorThatIsClosedIsOurErrorNotThePeers) {
  const int fds[] = {999'999};
  const SendChunk chunk{Bytes("x"), fds};

  const Result<size_t> sent = SendChunks(ours(), {&chunk, 1}, 0);

  ASSERT_FALSE(sent.has_value());
  EXPECT_EQ(sent.error().code(), ErrorCode::kSystem);
  EXPECT_EQ(sent.error().sys_errno(), EBADF);
}

TEST_F(SocketSendTest, TooManyDescriptorsUnderWayNamesTheLimit) {
  const bool ran = WithFailingSyscall({SYS_sendmmsg, ETOOMANYREFS}, [&] {
    const SendChunk chunk{Bytes("x"), {}};
    const Result<size_t> sent = SendChunks(ours(), {&chunk, 1}, 0);
    ASSERT_FALSE(sent.has_value());
    EXPECT_EQ(sent.error().code(), ErrorCode::kSystem);
    EXPECT_NE(sent.error().text().find("RLIMIT_NOFILE"),
              std::string_view::npos);
  });
  if (!ran) GTEST_SKIP() << "no seccomp filters here";
}

// A batch that went out counts although the one behind it failed: the error
// shows in the next call.
TEST_F(SocketSendTest, WhatWentOutBeforeAnErrorIsReportedFirst) {
  const int bad[] = {999'999};
  std::vector<SendChunk> chunks(64, SendChunk{Bytes("ab"), {}});
  chunks.push_back({Bytes("cd"), bad});

  const Result<size_t> first = SendChunks(ours(), chunks, 0);
  const Result<size_t> second =
      SendChunks(ours(), std::span(chunks).subspan(64), 0);

  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(*first, 128u);
  EXPECT_FALSE(second.has_value());
}

TEST_F(SocketSendTest, SixtyFourChunksWithDescriptorsAreOneSystemCall) {
  const FileDescriptor event = NewEvent();
  const int fds[] = {event.get()};
  const std::vector<SendChunk> chunks(64, SendChunk{Bytes("message"), fds});

  const auto counts = testing_support::CountSyscalls(
      [&] { return SendChunks(ours(), chunks, 0).value_or(0) == 7 * 64; });

  if (!counts) GTEST_SKIP() << "ptrace is not permitted here";
  EXPECT_EQ(counts->at(SYS_sendmmsg), 1);
}

TEST_F(SocketSendTest, TwoHundredMessagesTakeFourSystemCalls) {
  const std::vector<SendChunk> chunks(200, SendChunk{Bytes("message"), {}});

  const auto counts = testing_support::CountSyscalls(
      [&] { return SendChunks(ours(), chunks, 0).value_or(0) == 7 * 200; });

  if (!counts) GTEST_SKIP() << "ptrace is not permitted here";
  EXPECT_EQ(counts->at(SYS_sendmmsg), 4);
}

TEST(SocketSendDeathTest, MoreDescriptorsThanAMessageMayCarryIsOurOwnFault) {
  const std::vector<int> fds(9, 0);
  const SendChunk chunk{Bytes("x"), fds};

  EXPECT_DEATH((void)SendChunks(0, {&chunk, 1}, 0), "CHECK failed");
}

}  // namespace
}  // namespace virtio_user
