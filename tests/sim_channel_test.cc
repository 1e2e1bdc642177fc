// SPDX-License-Identifier: BSD-3-Clause

#include "backend_sim/sim_channel.h"

#include <algorithm>
#include <chrono>

#include "backend_sim/sim_world.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/sim/raw_client.h"

namespace {

using ::backend_sim::ChannelStats;
using ::backend_sim::Fault;
using ::backend_sim::FaultKind;
using ::backend_sim::ServerPace;
using ::backend_sim::SimWorld;
using ::backend_sim::SimWorldOptions;
using ::sim_test::Bytes;
using ::sim_test::Encode;
using ::sim_test::kNeedReply;
using ::sim_test::RawAnswer;
using ::sim_test::RawClient;
using ::sim_test::State;
using ::sim_test::U64;
using ::testing::IsEmpty;
using ::virtio_user::Deadline;
using ::virtio_user::Duration;
using ::virtio_user::ErrorCode;
using ::virtio_user::LinkState;
using ::virtio_user::SendChunk;

inline constexpr uint64_t kModern = 1ull << 32 | 1ull << 30;
inline constexpr uint64_t kReplyAck = 1 << 3;

// `count` times SET_VRING_BASE of ring 0, each asking for its ack, in chunks
// of one message.
std::vector<Bytes> ManyMessages(size_t count) {
  return std::vector<Bytes>(
      count,
      Encode({.request = 10, .payload = State(0, 0), .flags = kNeedReply}));
}

std::vector<SendChunk> Chunks(const std::vector<Bytes>& messages) {
  std::vector<SendChunk> chunks;
  for (const Bytes& message : messages)
    chunks.push_back({.bytes = message, .fds = {}});
  return chunks;
}

TEST(SimChannelTest, AFrontEndThatSendsAllBeforeItCollectsGetsStuck) {
  SimWorld world;
  RawClient client(world);
  client.Negotiate(kModern, kReplyAck);
  const std::vector<Bytes> messages = ManyMessages(1000);
  const std::vector<SendChunk> chunks = Chunks(messages);
  const Deadline deadline = world.channel().After(std::chrono::seconds(2));

  size_t done = 0;
  virtio_user::Result<void> room;
  while (done < chunks.size() && room) {
    const auto sent = world.channel().Send(std::span(chunks).subspan(done), 0);
    ASSERT_TRUE(sent.has_value());
    done += *sent / messages[0].size();
    room = world.channel().WaitWritable(deadline);
  }

  ASSERT_FALSE(room.has_value());
  EXPECT_EQ(room.error().code(), ErrorCode::kDeadline);
  // 278 acks that nobody read, and as many messages behind them.
  EXPECT_EQ(done, 278u + 278u);
  EXPECT_EQ(world.clock().now(), deadline.at);
}

TEST(SimChannelTest, AFrontEndThatCollectsEvery200AcksDoesNot) {
  SimWorld world;
  RawClient client(world);
  client.Negotiate(kModern, kReplyAck);
  const std::vector<Bytes> messages = ManyMessages(200);
  const std::vector<SendChunk> chunks = Chunks(messages);

  for (int window = 0; window < 5; ++window) {
    const auto sent = world.channel().Send(chunks, 0);
    ASSERT_TRUE(sent.has_value());
    EXPECT_EQ(*sent, 200 * messages[0].size());
    for (int i = 0; i < 200; ++i) ASSERT_TRUE(client.Answer().has_value());
  }
  EXPECT_EQ(world.clock().now(), Duration(0));
}

TEST(SimChannelTest, TimeStandsStillWhileAnswersComeAndJumpsWhereNoneDoes) {
  SimWorld world;
  RawClient client(world);
  EXPECT_TRUE(client.Ask({.request = 1}).has_value());
  EXPECT_EQ(world.clock().now(), Duration(0));
  const Deadline deadline = world.channel().After(std::chrono::seconds(3));
  const auto waited = world.channel().WaitReadable(1, deadline);
  EXPECT_EQ(waited.error().code(), ErrorCode::kDeadline);
  EXPECT_EQ(world.clock().now(), std::chrono::seconds(3));
}

TEST(SimChannelTest, AWaitForMoreThanThereIsHandsItOverAndEndsAtTheDeadline) {
  SimWorld world;
  RawClient client(world);
  client.Send({.request = 1});
  const auto now = world.clock().now();
  const Deadline deadline = world.channel().After(std::chrono::seconds(1));
  EXPECT_TRUE(world.channel().WaitReadable(20, deadline).has_value());
  EXPECT_EQ(world.clock().now(), now);
  for (int i = 1; i < 10; ++i) {
    ASSERT_TRUE(world.channel().WaitReadable(21, deadline).has_value());
    EXPECT_EQ(world.clock().now(), now + i * std::chrono::milliseconds(100));
  }
  EXPECT_EQ(world.channel().WaitReadable(21, deadline).error().code(),
            ErrorCode::kDeadline);
  EXPECT_EQ(world.clock().now(), deadline.at);
}

TEST(SimChannelTest, WithoutAConnectionEveryCallSaysSo) {
  SimWorld world;
  Bytes buffer(8);
  const SendChunk chunk{.bytes = buffer, .fds = {}};
  auto& channel = world.channel();
  EXPECT_EQ(channel.Send({&chunk, 1}, 0).error().code(),
            ErrorCode::kDisconnected);
  EXPECT_EQ(channel.Receive(buffer).error().code(), ErrorCode::kDisconnected);
  EXPECT_EQ(channel.WaitReadable(1, {}).error().code(),
            ErrorCode::kDisconnected);
  EXPECT_EQ(channel.WaitWritable({}).error().code(), ErrorCode::kDisconnected);
  EXPECT_EQ(channel.Poll(), LinkState::kDown);
  EXPECT_EQ(channel.fd(), -1);
  channel.Detach();
}

TEST(SimChannelTest, WhenThePeerClosesTheRestCanBeReadFirst) {
  SimWorld world;
  RawClient client(world);
  client.Send({.request = 1});
  world.channel().PeerCloses();
  EXPECT_EQ(world.channel().Poll(), LinkState::kDown);
  EXPECT_TRUE(client.Answer().has_value());
  Bytes buffer(8);
  EXPECT_EQ(world.channel().Receive(buffer).error().code(),
            ErrorCode::kDisconnected);
  EXPECT_FALSE(client.Send({.request = 1}));
}

TEST(SimChannelTest, ANewConnectionIsANewSession) {
  SimWorld world;
  RawClient client(world);
  client.Negotiate(kModern, kReplyAck);
  world.channel().Detach();
  ASSERT_TRUE(world.channel().Attach().has_value());
  client.Negotiate(kModern, kReplyAck);
  EXPECT_THAT(world.violations(), IsEmpty());
  EXPECT_EQ(world.channel().stats().attaches, 2u);
}

TEST(SimChannelTest, NobodyThereIsAnError) {
  SimWorldOptions options;
  options.channel.peer_present = false;
  SimWorld world(std::move(options));
  EXPECT_EQ(world.channel().Attach().error().code(), ErrorCode::kDisconnected);
  world.channel().PeerConnects();
  EXPECT_TRUE(world.channel().Attach().has_value());
}

TEST(SimChannelTest, AttachCanBeToldToFail) {
  SimWorld world({.faults = {{FaultKind::kAttachRefused, 0}}});
  EXPECT_EQ(world.channel().Attach().error().code(), ErrorCode::kDisconnected);
  EXPECT_TRUE(world.channel().Attach().has_value());
}

TEST(SimChannelTest, InServerModeAttachWaitsForAPeerUntilItsDeadline) {
  SimWorldOptions options;
  options.channel.server_mode = true;
  options.channel.peer_present = false;
  SimWorld world(std::move(options));
  auto& channel = world.channel();
  const int listener = channel.fd();
  EXPECT_GE(listener, 0);
  channel.SetAttachDeadline(channel.After(std::chrono::seconds(2)));
  EXPECT_EQ(channel.Attach().error().code(), ErrorCode::kDeadline);
  EXPECT_EQ(world.clock().now(), std::chrono::seconds(2));
  EXPECT_EQ(channel.Poll(), LinkState::kDown);

  channel.PeerConnects();
  EXPECT_EQ(channel.Poll(), LinkState::kPeerWaiting);
  EXPECT_TRUE(channel.Attach().has_value());
  EXPECT_EQ(channel.Poll(), LinkState::kUp);
  EXPECT_NE(channel.fd(), listener);
}

TEST(SimChannelTest, TheServerGetsDescriptorsOfItsOwn) {
  SimWorld world;
  RawClient client(world);
  client.Negotiate(kModern, kReplyAck);
  const int fd = *world.fds().CreateEvent();
  client.Send({.request = 13, .payload = U64(0), .fds = {fd}});
  EXPECT_EQ(world.server_fds().open_count(), 1u);
  world.fds().Close(fd);
  EXPECT_TRUE(world.model().rings()[0].call().Signal().has_value());
  world.channel().Detach();
  EXPECT_EQ(world.server_fds().Balance(), "");
  EXPECT_EQ(world.fds().Balance(), "");
}

TEST(SimChannelTest, DescriptorsThatTheServerHasNoRoomForAreLostOnTheWay) {
  SimWorld world;
  RawClient client(world);
  client.Negotiate(kModern, kReplyAck);
  const int fd = *world.fds().CreateEvent();
  world.server_fds().FailCall(backend_sim::FdCall::kReceive, 1);
  EXPECT_EQ(client
                .Ask({.request = 13,
                      .payload = U64(0),
                      .flags = kNeedReply,
                      .fds = {fd}})
                ->value(),
            1u);
  ASSERT_EQ(world.violations().size(), 1u);
  EXPECT_EQ(world.violations()[0].rule, backend_sim::Rule::kFdCount);
  world.fds().Close(fd);
}

TEST(SimChannelTest, ACallCanMoveNothingAndTheNextOneDoes) {
  SimWorld world({.faults = {{FaultKind::kSendNothing, 0},
                             {FaultKind::kReceiveNothing, 0}}});
  RawClient client(world);
  const Bytes message = Encode({.request = 1});
  const SendChunk chunk{.bytes = message, .fds = {}};
  EXPECT_EQ(world.channel().Send({&chunk, 1}, 0).value(), 0u);
  EXPECT_EQ(world.channel().Send({&chunk, 1}, 0).value(), 12u);
  Bytes buffer(20);
  EXPECT_EQ(world.channel().Receive(buffer)->bytes, 0u);
  EXPECT_EQ(world.channel().Receive(buffer)->bytes, 20u);
}

TEST(SimChannelTest, ABrokenConnectionLosesWhatNobodyHasRead) {
  for (const uint64_t reset : {0, 1}) {
    SimWorld world({.faults = {{FaultKind::kSendBroken, 1, reset}}});
    RawClient client(world);
    client.Send({.request = 1});
    const Bytes message = Encode({.request = 1});
    const SendChunk chunk{.bytes = message, .fds = {}};
    const auto sent = world.channel().Send({&chunk, 1}, 0);
    ASSERT_FALSE(sent.has_value());
    EXPECT_EQ(sent.error().code(), ErrorCode::kDisconnected);
    EXPECT_EQ(sent.error().sys_errno(), reset == 0 ? EPIPE : ECONNRESET);
    EXPECT_EQ(world.channel().Poll(), LinkState::kDown);
    EXPECT_FALSE(client.Answer().has_value());
  }
  SimWorld world({.faults = {{FaultKind::kReceiveBroken, 0}}});
  RawClient client(world);
  client.Send({.request = 1});
  Bytes buffer(20);
  EXPECT_EQ(world.channel().Receive(buffer).error().code(),
            ErrorCode::kDisconnected);
}

// SET_VRING_CALL with a descriptor that gets lost, gets company or is changed.
TEST(SimChannelTest, DescriptorsOfTheMessageThatIsMeantAreSpoiled) {
  const auto call_with = [](FaultKind kind, uint64_t argument) {
    SimWorld world({.faults = {{kind, 1, argument}}});
    RawClient client(world);
    client.Negotiate(kModern, kReplyAck);
    const int fd = *world.fds().CreateEvent();
    std::vector<uint64_t> acks;
    for (int i = 0; i < 3; ++i) {
      acks.push_back(client
                         .Ask({.request = 13,
                               .payload = U64(0),
                               .flags = kNeedReply,
                               .fds = {fd}})
                         ->value());
    }
    world.fds().Close(fd);
    return acks;
  };
  using ::testing::ElementsAre;
  EXPECT_THAT(call_with(FaultKind::kFdsLost, 0), ElementsAre(0, 1, 0));
  EXPECT_THAT(call_with(FaultKind::kFdsExtra, 0), ElementsAre(0, 1, 0));
  EXPECT_THAT(call_with(FaultKind::kFdsExtra, 1), ElementsAre(0, 1, 0));
  EXPECT_THAT(call_with(FaultKind::kFdsWrongKind, 0), ElementsAre(0, 0, 0));
}

TEST(SimChannelTest, ADescriptorOfTheWrongKindIsOfAnotherFile) {
  SimWorld world({.faults = {{FaultKind::kFdsWrongKind, 0},
                             {FaultKind::kFdsWrongKind, 1}}});
  RawClient client(world);
  client.Negotiate(kModern, kReplyAck);
  const int fd = *world.fds().CreateEvent();
  client.Send({.request = 13, .payload = U64(0), .fds = {fd}});
  EXPECT_FALSE(world.model().rings()[0].call().Signal().has_value());
  auto table = client.MemTable();
  table.flags = kNeedReply;
  EXPECT_EQ(client.Ask(table)->value(), 1u);
  EXPECT_EQ(world.violations().back().rule, backend_sim::Rule::kTableNotBacked);
  world.fds().Close(fd);
}

TEST(SimChannelTest, ADescriptorThatIsNotOpenCannotBeSent) {
  SimWorld world;
  RawClient client(world);
  EXPECT_FALSE(client.Send({.request = 13, .payload = U64(0), .fds = {99}}));
  EXPECT_EQ(world.fds().violations().size(), 1u);
}

TEST(SimChannelTest, ShortSendsAndReceivesLoseNothing) {
  SimWorldOptions options;
  options.channel.short_send_percent = 70;
  options.channel.short_receive_percent = 70;
  options.channel.pace = ServerPace::kRandom;
  SimWorld world(std::move(options));
  RawClient client(world);
  client.Negotiate(kModern, kReplyAck);
  client.Send(client.MemTable());
  for (int i = 0; i < 100; ++i) {
    const auto answer = client.Ask(
        {.request = 10, .payload = State(0, 7), .flags = kNeedReply});
    ASSERT_TRUE(answer.has_value());
    EXPECT_EQ(answer->value(), 0u);
  }
  EXPECT_THAT(world.violations(), IsEmpty());
  EXPECT_GT(world.channel().stats().sends, 105u);
}

TEST(SimChannelTest, ALazyServerReadsOnlyWhenSomebodyWaitsOrTheWorldSteps) {
  SimWorldOptions options;
  options.channel.pace = ServerPace::kLazy;
  SimWorld world(std::move(options));
  RawClient client(world);
  client.Send({.request = 3});
  EXPECT_EQ(world.server().message_count(), 0u);
  world.Step();
  EXPECT_EQ(world.server().message_count(), 1u);
}

TEST(SimChannelTest, CountsWhatItDoes) {
  SimWorld world;
  RawClient client(world);
  client.Ask({.request = 1});
  const ChannelStats stats = world.channel().stats();
  EXPECT_EQ(stats.attaches, 1u);
  EXPECT_EQ(stats.sends, 1u);
  EXPECT_EQ(stats.bytes_sent, 12u);
  EXPECT_EQ(stats.bytes_received, 20u);
  EXPECT_EQ(stats.messages, 1u);
  EXPECT_EQ(stats.answers, 1u);
  EXPECT_EQ(stats.readable_waits, 2u);
}

TEST(SimQuiescerTest, ABusyGateNeverBecomesIdle) {
  backend_sim::SimQuiescer quiescer;
  virtio_user::RingGate gate;
  const virtio_user::RingGate* const gates[] = {&gate};
  EXPECT_TRUE(quiescer.WaitIdle(gates, Duration(0)).has_value());
  gate.Open();
  EXPECT_EQ(quiescer.WaitIdle(gates, Duration(0)).error().code(),
            ErrorCode::kWrongState);
  ASSERT_TRUE(gate.Enter());
  gate.Close();
  EXPECT_EQ(quiescer.WaitIdle(gates, Duration(0)).error().code(),
            ErrorCode::kDeadline);
  gate.Leave();
  EXPECT_TRUE(quiescer.WaitIdle(gates, Duration(0)).has_value());
  EXPECT_EQ(quiescer.wait_count(), 4u);
}

}  // namespace
