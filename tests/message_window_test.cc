// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/vhost_user/message_window.h"

#include <algorithm>
#include <functional>
#include <optional>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fakes/scripted_channel.h"
#include "virtio_user/vhost_user/message.h"

namespace virtio_user {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr Deadline kSoon = {std::chrono::seconds(1)};

// Answers every message that has bit 3 set with an ack.
class AckPeer final : public ScriptedPeer {
 public:
  std::vector<WireRequest> log;
  std::optional<size_t> nack;
  std::optional<size_t> close_before;
  std::function<void(size_t, WireAnswer&)> spoil;

  bool ClosesBefore(size_t index) override { return close_before == index; }
  bool DropsAnswersAfter(size_t) override { return false; }
  std::optional<WireAnswer> OnMessage(size_t index,
                                      const WireRequest& request) override {
    log.push_back(request);
    if ((request.flags & 8) == 0) return std::nullopt;
    WireAnswer answer = {
        .bytes = Message(request.request, 5, U64Payload(nack == index))};
    if (spoil) spoil(index, answer);
    return answer;
  }
};

enum class Ack { kNo, kYes };

class MessageWindowTest : public ::testing::Test {
 protected:
  MessageWindowTest() { EXPECT_TRUE(channel_.Attach().has_value()); }

  void Queue(uint16_t vring, Ack ack, std::vector<int> fds = {}) {
    QueuedMessage message = {.begin = window_.bytes().size(),
                             .request = VhostUserRequest::kSetVringKick,
                             .operation = BackendOperation::kSetVringKick,
                             .vring = vring,
                             .fd_count = fds.size()};
    std::ranges::copy(fds, message.fds.begin());
    MessageWriter(window_.bytes()).U64(message.request, vring);
    if (ack == Ack::kYes) {
      SetNeedReply(std::span(window_.bytes()).subspan(message.begin));
      message.reply_bytes = 8;
    }
    message.end = window_.bytes().size();
    window_.Enqueue(message);
  }
  void QueueAcked(size_t count) {
    for (size_t i = 0; i < count; ++i) {
      Queue(static_cast<uint16_t>(i), Ack::kYes);
    }
  }
  // An ack that is not 0 is a refusal.
  std::expected<void, CommitError> Exchange(Deadline deadline = kSoon) {
    return window_.Exchange(
        deadline,
        [this](size_t index,
               std::span<const std::byte> payload) -> Result<void> {
          answered_.push_back(index);
          if (Get(payload, 0, 8) == 0) return {};
          return Fail(ErrorCode::kRefused, "refused %zu", index);
        });
  }

  AckPeer peer_;
  ScriptedChannel channel_{peer_};
  MessageWindow window_{channel_};
  std::vector<size_t> answered_;
};

TEST_F(MessageWindowTest, AnEmptyQueueSendsNothing) {
  EXPECT_TRUE(Exchange().has_value());
  EXPECT_EQ(channel_.send_count(), 0u);
  EXPECT_TRUE(window_.in_step());
}

TEST_F(MessageWindowTest, AWholeWindowIsOneSendAndOneWait) {
  QueueAcked(200);
  ASSERT_TRUE(Exchange().has_value());
  EXPECT_EQ(channel_.send_count(), 1u);
  EXPECT_EQ(channel_.read_wait_count(), 1u);
  EXPECT_EQ(peer_.log.size(), 200u);
  ASSERT_EQ(answered_.size(), 200u);
  EXPECT_TRUE(std::ranges::is_sorted(answered_));
}

TEST_F(MessageWindowTest, NeverAreMoreThan200AnswersOutstanding) {
  for (const size_t count : {1, 199, 200, 201, 400, 401, 1500}) {
    AckPeer peer;
    ScriptedChannel channel(peer);
    ASSERT_TRUE(channel.Attach().has_value());
    MessageWindow window(channel);
    for (size_t i = 0; i < count; ++i) {
      QueuedMessage message = {.begin = window.bytes().size(),
                               .reply_bytes = 8};
      MessageWriter(window.bytes()).U64(message.request, 0);
      SetNeedReply(std::span(window.bytes()).subspan(message.begin));
      message.end = window.bytes().size();
      window.Enqueue(message);
    }
    size_t answers = 0;
    ASSERT_TRUE(window.Exchange(
        kSoon, [&](size_t, std::span<const std::byte>) -> Result<void> {
          ++answers;
          return {};
        }));
    EXPECT_EQ(answers, count);
    EXPECT_EQ(channel.most_unread_answers(), std::min<size_t>(count, 200));
    EXPECT_EQ(channel.read_wait_count(), (count + 199) / 200);
  }
}

TEST_F(MessageWindowTest, MessagesWithoutAnswerDoNotCount) {
  for (uint16_t i = 0; i < 1000; ++i) Queue(i, Ack::kNo);
  Queue(1000, Ack::kYes);
  ASSERT_TRUE(Exchange().has_value());
  EXPECT_EQ(channel_.send_count(), 1u);
  EXPECT_EQ(peer_.log.size(), 1001u);
  EXPECT_THAT(answered_, ElementsAre(1000));
}

TEST_F(MessageWindowTest, DescriptorsTravelWithTheirOwnMessage) {
  Queue(0, Ack::kNo, {10});
  Queue(1, Ack::kYes);
  Queue(2, Ack::kNo, {0, 12});
  Queue(3, Ack::kYes, {13});
  Queue(4, Ack::kYes, {14, 15, 16, 17, 18, 19, 20, 21});
  ASSERT_TRUE(Exchange().has_value());
  ASSERT_EQ(peer_.log.size(), 5u);
  EXPECT_THAT(peer_.log[0].fds, ElementsAre(10));
  EXPECT_THAT(peer_.log[1].fds, IsEmpty());
  EXPECT_THAT(peer_.log[2].fds, ElementsAre(0, 12));
  EXPECT_THAT(peer_.log[3].fds, ElementsAre(13));
  EXPECT_EQ(peer_.log[4].fds.size(), 8u);
  EXPECT_EQ(channel_.misplaced_fds(), 0u);
}

TEST_F(MessageWindowTest, AShortWriteAtAnyByteLosesAndRepeatsNothing) {
  const auto queue = [this] {
    Queue(0, Ack::kYes, {10});
    Queue(1, Ack::kNo);
    Queue(2, Ack::kYes, {12});
    Queue(3, Ack::kNo, {13, 14});
  };
  queue();
  ASSERT_TRUE(Exchange().has_value());
  const std::vector<WireRequest> whole = peer_.log;
  for (size_t at = 0; at < 4 * 20; ++at) {
    channel_.Detach();
    ASSERT_TRUE(channel_.Attach().has_value());
    peer_.log.clear();
    channel_.full_at = at;
    queue();
    ASSERT_TRUE(Exchange().has_value()) << at;
    ASSERT_EQ(peer_.log, whole) << at;
    ASSERT_EQ(channel_.misplaced_fds(), 0u) << at;
  }
}

TEST_F(MessageWindowTest, TheFirstRefusalIsKeptAndEveryAnswerIsRead) {
  peer_.nack = 3;
  QueueAcked(10);
  peer_.spoil = [](size_t index, WireAnswer& answer) {
    if (index == 7) answer.bytes[12] = std::byte{1};
  };
  const auto done = Exchange();
  ASSERT_FALSE(done.has_value());
  EXPECT_EQ(done.error().operation, BackendOperation::kSetVringKick);
  EXPECT_EQ(done.error().vring, 3);
  EXPECT_EQ(done.error().error.text(), "refused 3");
  EXPECT_EQ(answered_.size(), 10u);
  EXPECT_TRUE(window_.in_step());
}

TEST_F(MessageWindowTest, MessagesAfterARefusedOneInItsWindowWereSent) {
  peer_.nack = 3;
  QueueAcked(450);
  ASSERT_FALSE(Exchange().has_value());
  // The window ran to its end; the next two never began.
  EXPECT_EQ(peer_.log.size(), 200u);
  EXPECT_EQ(answered_.size(), 200u);
  EXPECT_TRUE(window_.messages().empty());
  EXPECT_TRUE(window_.bytes().empty());
}

TEST_F(MessageWindowTest, ARefusalStaysTheFirstFailureIfTheStreamThenBreaks) {
  peer_.nack = 3;
  peer_.spoil = [](size_t index, WireAnswer& answer) {
    if (index == 5) answer.bytes[0] = std::byte{99};
  };
  QueueAcked(10);
  const auto done = Exchange();
  ASSERT_FALSE(done.has_value());
  EXPECT_EQ(done.error().vring, 3);
  EXPECT_EQ(done.error().error.code(), ErrorCode::kRefused);
  EXPECT_FALSE(window_.in_step());
  EXPECT_EQ(answered_.size(), 5u);
}

TEST_F(MessageWindowTest, ABrokenAnswerIsNamedWithItsRing) {
  peer_.spoil = [](size_t index, WireAnswer& answer) {
    if (index == 5) answer.bytes[8] = std::byte{7};
  };
  QueueAcked(10);
  const auto done = Exchange();
  ASSERT_FALSE(done.has_value());
  EXPECT_EQ(done.error().vring, 5);
  EXPECT_EQ(done.error().error.code(), ErrorCode::kProtocol);
  EXPECT_FALSE(window_.in_step());
}

TEST_F(MessageWindowTest, MoreThanWasAskedForIsAnError) {
  peer_.spoil = [](size_t index, WireAnswer& answer) {
    if (index == 9) answer.bytes.push_back(std::byte{0});
  };
  QueueAcked(10);
  const auto done = Exchange();
  ASSERT_FALSE(done.has_value());
  EXPECT_EQ(done.error().error.code(), ErrorCode::kProtocol);
  EXPECT_FALSE(window_.in_step());
}

TEST_F(MessageWindowTest, APeerThatClosesAmidAWindowIsDisconnected) {
  peer_.close_before = 4;
  QueueAcked(10);
  const auto done = Exchange();
  ASSERT_FALSE(done.has_value());
  EXPECT_EQ(done.error().error.code(), ErrorCode::kDisconnected);
  EXPECT_FALSE(window_.in_step());
  EXPECT_TRUE(window_.messages().empty());
}

TEST_F(MessageWindowTest, ANewExchangeStartsInStep) {
  peer_.spoil = [](size_t index, WireAnswer& answer) {
    if (index == 0) answer.bytes[4] = std::byte{0};
  };
  QueueAcked(2);
  ASSERT_FALSE(Exchange().has_value());
  ASSERT_FALSE(window_.in_step());
  channel_.Detach();
  ASSERT_TRUE(channel_.Attach().has_value());
  answered_.clear();
  QueueAcked(2);
  EXPECT_TRUE(Exchange().has_value());
  EXPECT_TRUE(window_.in_step());
  EXPECT_THAT(answered_, ElementsAre(0, 1));
}

TEST_F(MessageWindowTest, TheDeadlineHoldsForTheWholeExchange_H2) {
  peer_.spoil = [](size_t, WireAnswer& answer) {
    answer.delay = std::chrono::milliseconds(400);
  };
  QueueAcked(600);
  const auto done = Exchange();
  ASSERT_FALSE(done.has_value());
  EXPECT_EQ(done.error().error.code(), ErrorCode::kDeadline);
  EXPECT_EQ(channel_.now(), kSoon.at);
  EXPECT_EQ(answered_.size(), 400u);
}

TEST_F(MessageWindowTest, WhatCameBeforeTheDeadlineGivesTheMoreExactReason) {
  // Shorter than promised: the wait for the rest ends at the deadline.
  peer_.spoil = [](size_t, WireAnswer& answer) {
    answer.bytes = Message(12, 5, FromInts({0}));
  };
  QueueAcked(1);
  const auto done = Exchange();
  ASSERT_FALSE(done.has_value());
  EXPECT_EQ(done.error().error.code(), ErrorCode::kProtocol);
}

// The rest of the window is still to come, and never does.
TEST_F(MessageWindowTest, AWholeWrongHeaderIsJudgedWithoutWaitingForTheRest) {
  peer_.spoil = [](size_t index, WireAnswer& answer) {
    answer.bytes = index == 3 ? Message(12, 5, FromInts({0})) : answer.bytes;
    if (index > 3) answer.bytes.clear();
  };
  QueueAcked(10);
  const auto done = Exchange();
  ASSERT_FALSE(done.has_value());
  EXPECT_EQ(done.error().error.code(), ErrorCode::kProtocol);
  EXPECT_EQ(done.error().vring, 3);
  EXPECT_LE(channel_.now(), std::chrono::milliseconds(100));
}

TEST_F(MessageWindowTest, AnswersThatCrawlInAreStillTaken) {
  peer_.spoil = [](size_t index, WireAnswer& answer) {
    answer.delay = std::chrono::milliseconds(index == 0 ? 0 : 900);
  };
  QueueAcked(10);
  EXPECT_TRUE(Exchange().has_value());
  EXPECT_EQ(answered_.size(), 10u);
}

TEST_F(MessageWindowTest, AnAnswerThatMayBeShorterIsNotWaitedForInVain) {
  QueuedMessage message = {.request = VhostUserRequest::kGetConfig,
                           .reply_bytes = 16,
                           .reply_may_be_shorter = true};
  for (const size_t size : {0, 1, 15, 16}) {
    peer_.spoil = [&](size_t, WireAnswer& answer) {
      answer.bytes = Message(24, 5, Bytes(size));
    };
    message.begin = 0;
    MessageWriter(window_.bytes()).Empty(message.request);
    SetNeedReply(window_.bytes());
    message.end = window_.bytes().size();
    window_.Enqueue(message);
    size_t got = SIZE_MAX;
    ASSERT_TRUE(window_.Exchange(
        kSoon, [&](size_t, std::span<const std::byte> payload) -> Result<void> {
          got = payload.size();
          return {};
        }));
    EXPECT_EQ(got, size);
    EXPECT_EQ(channel_.now().count(), 0);
  }
}

TEST_F(MessageWindowTest, ClearForgetsTheQueue) {
  QueueAcked(3);
  window_.Clear();
  EXPECT_TRUE(Exchange().has_value());
  EXPECT_EQ(channel_.send_count(), 0u);
}

}  // namespace
}  // namespace virtio_user
