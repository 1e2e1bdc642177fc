// SPDX-License-Identifier: BSD-3-Clause
//
// The fake itself: a channel that hid a mistake would make its users blind.

#include "tests/fakes/scripted_channel.h"

#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fakes/vhost_peer.h"

namespace virtio_user {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class ScriptedChannelTest : public ::testing::Test {
 protected:
  ScriptedChannelTest() { EXPECT_TRUE(channel_.Attach().has_value()); }
  size_t Send(const Bytes& bytes, std::vector<int> fds = {}, size_t skip = 0) {
    const SendChunk chunk = {.bytes = bytes, .fds = fds};
    const auto sent = channel_.Send(std::span(&chunk, 1), skip);
    return sent.value_or(SIZE_MAX);
  }
  Received Receive(size_t most) {
    inbox_.assign(most, std::byte{0});
    auto got = channel_.Receive(inbox_);
    EXPECT_TRUE(got.has_value());
    inbox_.resize(got->bytes);
    return *std::move(got);
  }

  VhostPeer peer_;
  ScriptedChannel channel_{peer_};
  Bytes inbox_;
  const Bytes get_features_ = Message(kReqGetFeatures, 1, {});
};

TEST_F(ScriptedChannelTest, AMessageIsReadOnlyOnceItIsWhole) {
  EXPECT_EQ(Send({get_features_.begin(), get_features_.begin() + 11}), 11u);
  EXPECT_THAT(peer_.log, IsEmpty());
  EXPECT_EQ(channel_.partial_bytes(), 11u);
  EXPECT_EQ(Send(get_features_, {}, 11), 1u);
  EXPECT_THAT(peer_.log, SizeIs(1));
  EXPECT_EQ(Receive(100).bytes, 20u);
  EXPECT_EQ(inbox_, Message(kReqGetFeatures, 5, U64Payload(peer_.features)));
}

TEST_F(ScriptedChannelTest, DescriptorsGoWithTheFirstByteAndOnlyOnce) {
  const Bytes kick = Message(kReqSetVringKick, 1, U64Payload(0));
  channel_.send_limits = {1};
  EXPECT_EQ(Send(kick, {7}), 1u);
  EXPECT_EQ(Send(kick, {7}, 1), kick.size() - 1);
  EXPECT_THAT(peer_.log[0].fds, ElementsAre(7));
  EXPECT_EQ(channel_.open_copies(), 1u);
  channel_.Detach();
  EXPECT_EQ(channel_.open_copies(), 0u);
}

TEST_F(ScriptedChannelTest, DescriptorsAmidAMessageAreMisplaced) {
  const Bytes kick = Message(kReqSetVringKick, 1, U64Payload(0));
  EXPECT_EQ(Send({kick.begin(), kick.begin() + 5}), 5u);
  EXPECT_EQ(Send({kick.begin() + 5, kick.end()}, {7}), kick.size() - 5);
  EXPECT_EQ(channel_.misplaced_fds(), 1u);
  EXPECT_THAT(peer_.violations, SizeIs(1));
}

TEST_F(ScriptedChannelTest, PiecesArriveAMillisecondApartAndTheClockFollows) {
  peer_.spoil = [](size_t, const WireRequest&, WireAnswer& answer) {
    answer.delay = std::chrono::milliseconds(5);
    answer.piece_bytes = 15;
  };
  EXPECT_EQ(Send(get_features_), 12u);
  EXPECT_EQ(Receive(100).bytes, 0u);
  const Deadline deadline = channel_.After(std::chrono::seconds(1));
  EXPECT_TRUE(channel_.WaitReadable(1, deadline).has_value());
  EXPECT_EQ(channel_.now(), std::chrono::milliseconds(5));
  EXPECT_EQ(Receive(100).bytes, 15u);
  EXPECT_TRUE(channel_.WaitReadable(5, deadline).has_value());
  EXPECT_EQ(channel_.now(), std::chrono::milliseconds(6));
  EXPECT_EQ(Receive(100).bytes, 5u);
}

TEST_F(ScriptedChannelTest, AWaitForWhatDoesNotComeEndsAtItsDeadline) {
  const Deadline deadline = channel_.After(std::chrono::seconds(1));
  const auto waited = channel_.WaitReadable(1, deadline);
  ASSERT_FALSE(waited.has_value());
  EXPECT_EQ(waited.error().code(), ErrorCode::kDeadline);
  EXPECT_EQ(channel_.now(), std::chrono::seconds(1));
}

TEST_F(ScriptedChannelTest, AfterAClosePeersAnswersAreReadAndThenNothing) {
  peer_.close_before = 1;
  EXPECT_EQ(Send(get_features_), 12u);
  EXPECT_EQ(Send(get_features_), SIZE_MAX);
  EXPECT_EQ(Receive(100).bytes, 20u);
  EXPECT_TRUE(channel_.WaitReadable(1, {}).has_value());
  EXPECT_EQ(channel_.Receive(inbox_).error().code(), ErrorCode::kDisconnected);
  EXPECT_EQ(channel_.Poll(), LinkState::kDown);
}

TEST_F(ScriptedChannelTest, AnswerDescriptorsAreCountedAndClosed) {
  peer_.spoil = [](size_t, const WireRequest&, WireAnswer& answer) {
    answer.fd_count = 3;
  };
  EXPECT_EQ(Send(get_features_), 12u);
  EXPECT_EQ(channel_.open_copies(), 3u);
  EXPECT_EQ(Receive(4).fd_count, 3u);
  EXPECT_EQ(Receive(100).fd_count, 0u);
  EXPECT_EQ(channel_.open_copies(), 0u);
}

TEST_F(ScriptedChannelTest, AFullSocketTakesNothingUntilSomebodyWaits) {
  channel_.full_at = 4;
  EXPECT_EQ(Send(get_features_), 4u);
  EXPECT_EQ(Send(get_features_, {}, 4), 0u);
  EXPECT_TRUE(channel_.WaitWritable({}).has_value());
  EXPECT_EQ(Send(get_features_, {}, 4), 8u);
}

TEST_F(ScriptedChannelTest, ThePeerNotesWhatBreaksTheProtocol) {
  const std::vector<Bytes> bad = {
      Message(99, 1, {}),
      Message(kReqGetFeatures, 1, FromInts({1})),
      Message(kReqGetFeatures, 0, {}),
      Message(kReqSetFeatures, 9, U64Payload(0)),
      Message(kReqSetFeatures, 1, U64Payload(1)),
      Message(kReqSetVringEnable, 1, StatePayload(0, 1)),
      Message(kReqGetStatus, 1, {}),
      Message(kReqGetQueueNum, 1, {}),
      Message(kReqSetVringKick, 1, U64Payload(0)),
      Message(kReqSetProtocolFeatures, 1, U64Payload(2)),
  };
  for (const Bytes& message : bad) {
    peer_.violations.clear();
    EXPECT_EQ(Send(message), message.size());
    EXPECT_THAT(peer_.violations, SizeIs(1));
  }
}

}  // namespace
}  // namespace virtio_user
