// SPDX-License-Identifier: BSD-3-Clause
//
// What a transport says names neither message nor ring; the reason that leaves
// a window does, and once.

#include <cerrno>
#include <functional>
#include <optional>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fakes/scripted_channel.h"
#include "virtio_user/vhost_user/message.h"
#include "virtio_user/vhost_user/message_window.h"

namespace virtio_user {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr Deadline kSoon = {std::chrono::seconds(1)};

using Spoil = std::function<void(size_t, WireAnswer&)>;

// Acks every message, or what `spoil` makes of its ack.
class SpoilingPeer final : public ScriptedPeer {
 public:
  std::optional<size_t> close_before;
  Spoil spoil = [](size_t, WireAnswer&) {};

  bool ClosesBefore(size_t index) override { return close_before == index; }
  bool DropsAnswersAfter(size_t) override { return false; }
  std::optional<WireAnswer> OnMessage(size_t index,
                                      const WireRequest& request) override {
    WireAnswer answer = {.bytes = Message(request.request, 5, U64Payload(0))};
    spoil(index, answer);
    return answer;
  }
};

// SET_VRING_KICK of rings 0 to `count` - 1, each of which wants an ack.
void QueueKicks(MessageWindow& window, uint16_t count) {
  for (uint16_t i = 0; i < count; ++i) {
    QueuedMessage message = {.begin = window.bytes().size(),
                             .request = VhostUserRequest::kSetVringKick,
                             .operation = BackendOperation::kSetVringKick,
                             .vring = i,
                             .reply_bytes = 8};
    MessageWriter(window.bytes()).U64(message.request, i);
    SetNeedReply(std::span(window.bytes()).subspan(message.begin));
    message.end = window.bytes().size();
    window.Enqueue(message);
  }
}

CommitError FailureOf(MessageWindow& window) {
  const auto done = window.Exchange(
      kSoon,
      [](size_t, std::span<const std::byte>) -> Result<void> { return {}; });
  EXPECT_FALSE(done.has_value());
  EXPECT_FALSE(window.in_step());
  return done ? CommitError{.error = Error::Make(ErrorCode::kSystem, "none")}
              : done.error();
}

// How ten kicks to `peer` fail.
CommitError LossOf(SpoilingPeer& peer) {
  ScriptedChannel channel(peer);
  EXPECT_TRUE(channel.Attach().has_value());
  MessageWindow window(channel);
  QueueKicks(window, 10);
  return FailureOf(window);
}

// Answer 5 with `value` at `offset`.
Spoil ByteOfAnswer5(size_t offset, uint8_t value) {
  return [=](size_t index, WireAnswer& answer) {
    if (index == 5) answer.bytes[offset] = std::byte{value};
  };
}

TEST(WindowReasons, EveryLossOfThePeerNamesTheMessageAndItsRingOnce) {
  const Spoil spoilings[] = {
      ByteOfAnswer5(0, 99),  // Another request.
      ByteOfAnswer5(4, 0),   // Another version.
      ByteOfAnswer5(4, 1),   // No reply flag.
      ByteOfAnswer5(8, 7),   // Another size.
      [](size_t index, WireAnswer& answer) {
        answer.fd_count = index == 5 ? 1 : 0;
      },
      // From here on silence.
      [](size_t index, WireAnswer& answer) {
        if (index >= 5) answer.bytes.clear();
      },
  };
  for (const Spoil& spoil : spoilings) {
    SpoilingPeer peer;
    peer.spoil = spoil;
    const CommitError lost = LossOf(peer);
    const std::string text(lost.error.text());
    EXPECT_EQ(lost.vring, 5) << text;
    EXPECT_THAT(text, StartsWith("SET_VRING_KICK of ring 5: "));
    EXPECT_THAT(text.substr(1), Not(HasSubstr("SET_VRING_KICK"))) << text;
    // The kernel has nothing to do with it: errno 0 is "Success".
    EXPECT_EQ(lost.error.sys_errno(), 0) << text;
    EXPECT_THAT(text, Not(HasSubstr("Success")));
  }
}

TEST(WindowReasons, APeerThatClosesInsteadOfAnsweringNamesTheMessage) {
  SpoilingPeer peer;
  peer.close_before = 10;
  peer.spoil = [](size_t index, WireAnswer& answer) {
    if (index >= 5) answer.bytes.clear();
  };
  const CommitError lost = LossOf(peer);
  EXPECT_EQ(lost.error.code(), ErrorCode::kDisconnected);
  EXPECT_THAT(std::string(lost.error.text()),
              StartsWith("SET_VRING_KICK of ring 5: "));
}

TEST(WindowReasons, AMessageWithoutARingIsNamedAlone) {
  SpoilingPeer peer;
  peer.close_before = 0;
  ScriptedChannel channel(peer);
  ASSERT_TRUE(channel.Attach().has_value());
  MessageWindow window(channel);
  QueuedMessage message = {.request = VhostUserRequest::kGetProtocolFeatures,
                           .operation = BackendOperation::kGetFeatures,
                           .reply_bytes = 8};
  MessageWriter(window.bytes()).Empty(message.request);
  message.end = window.bytes().size();
  window.Enqueue(message);
  EXPECT_THAT(std::string(FailureOf(window).error.text()),
              StartsWith("GET_PROTOCOL_FEATURES: "));
}

TEST(WindowReasons, AFailureToSendNamesTheFirstMessageThatWasNotSent) {
  // Messages 0 to 2 are read, and half of number 3 was sent.
  SpoilingPeer peer;
  peer.close_before = 3;
  ScriptedChannel channel(peer);
  channel.send_limits = {70};
  ASSERT_TRUE(channel.Attach().has_value());
  MessageWindow window(channel);
  QueueKicks(window, 10);
  const CommitError lost = FailureOf(window);
  EXPECT_EQ(lost.vring, 3);
  EXPECT_THAT(std::string(lost.error.text()),
              StartsWith("SET_VRING_KICK of ring 3: "));
}

// A channel on which nothing can be sent, as the kernel says.
class BrokenChannel final : public Channel {
 public:
  Result<void> Attach() override { return {}; }
  void Detach() override {}
  LinkState Poll() override { return LinkState::kUp; }
  int fd() const override { return -1; }
  Deadline After(Duration budget) override { return {budget}; }
  void SetAttachDeadline(Deadline) override {}
  Result<size_t> Send(std::span<const SendChunk>, size_t) override {
    return std::unexpected(
        Error::System(ErrorCode::kDisconnected, EPIPE, "cannot send"));
  }
  Result<Received> Receive(std::span<std::byte>) override { return Received{}; }
  Result<void> WaitWritable(Deadline) override { return {}; }
  Result<void> WaitReadable(size_t, Deadline) override { return {}; }
};

TEST(WindowReasons, ANamedReasonKeepsWhatTheKernelSaid) {
  BrokenChannel channel;
  MessageWindow window(channel);
  QueueKicks(window, 1);
  const CommitError lost = FailureOf(window);
  EXPECT_EQ(lost.error.code(), ErrorCode::kDisconnected);
  EXPECT_EQ(lost.error.sys_errno(), EPIPE);
  EXPECT_EQ(lost.error.text(),
            "SET_VRING_KICK of ring 0: cannot send: Broken pipe (EPIPE)");
}

}  // namespace
}  // namespace virtio_user
