// SPDX-License-Identifier: BSD-3-Clause

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "backend_sim/wire_request.h"
#include "cli/message_tap.h"
#include "cli/probe.h"
#include "cli/sim_environment.h"

namespace virtio_user::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// GET_QUEUE_NUM's answer, or any message with one u64, by hand.
std::vector<std::byte> U64Message(uint32_t request, uint32_t flags,
                                  uint64_t value) {
  std::vector<std::byte> bytes;
  backend_sim::EncodeHeader({.request = request, .flags = flags, .size = 8},
                            bytes);
  for (int i = 0; i < 8; ++i) {
    bytes.push_back(static_cast<std::byte>(value >> (8 * i) & 0xff));
  }
  return bytes;
}

class MessageTapTest : public ::testing::Test {
 protected:
  std::vector<std::string> lines_;
  MessageTap tap_{[this](const std::string& line) { lines_.push_back(line); }};
};

TEST_F(MessageTapTest, MessageInSingleBytes_IsOneMessage) {
  for (const std::byte byte : U64Message(17, 5, 128)) {
    tap_.ToFrontend({&byte, 1}, 0);
  }
  EXPECT_THAT(lines_, ElementsAre("<- GET_QUEUE_NUM value=0x80"));
  EXPECT_EQ(tap_.counts().received, 1u);
  EXPECT_EQ(tap_.counts().bytes_received, 20u);
}

TEST_F(MessageTapTest, TwoMessagesAtOnce_AreTwo) {
  auto bytes = U64Message(backend_sim::kReqSetStatus, 1, 0);
  const auto second = U64Message(backend_sim::kReqSetStatus, 9, 1);
  bytes.insert(bytes.end(), second.begin(), second.end());
  tap_.ToBackend(bytes, 0);
  ASSERT_EQ(lines_.size(), 2u);
  EXPECT_THAT(lines_[0], HasSubstr("-> SET_STATUS"));
  EXPECT_THAT(lines_[1], HasSubstr("need_reply"));
  EXPECT_EQ(tap_.counts().sent, 2u);
}

TEST_F(MessageTapTest, Descriptors_BelongToTheMessageTheyCameWith) {
  tap_.ToBackend(U64Message(backend_sim::kReqSetVringKick, 1, 3), 1);
  tap_.ToBackend(U64Message(backend_sim::kReqSetVringKick, 1, 4), 0);
  ASSERT_EQ(lines_.size(), 2u);
  EXPECT_THAT(lines_[0], HasSubstr("1 fd"));
  EXPECT_THAT(lines_[1], ::testing::Not(HasSubstr("1 fd")));
}

TEST_F(MessageTapTest, LastAnswer_IsTheNewestU64) {
  EXPECT_EQ(tap_.LastAnswer(backend_sim::kReqGetQueueNum), std::nullopt);
  tap_.ToFrontend(U64Message(backend_sim::kReqGetQueueNum, 5, 2), 0);
  tap_.ToFrontend(U64Message(backend_sim::kReqGetQueueNum, 5, 9), 0);
  EXPECT_EQ(tap_.LastAnswer(backend_sim::kReqGetQueueNum), 9u);
}

TEST_F(MessageTapTest, SizeThatNoMessageHas_IsNotWaitedForForEver) {
  std::vector<std::byte> bytes;
  backend_sim::EncodeHeader({.request = 1, .flags = 5, .size = 0xffffffff},
                            bytes);
  bytes.resize(bytes.size() + backend_sim::kWireMaxPayload);
  tap_.ToFrontend(bytes, 0);
  EXPECT_EQ(tap_.counts().received, 1u);
}

TEST_F(MessageTapTest, Disconnect_ForgetsHalfAMessage) {
  const auto message = U64Message(backend_sim::kReqGetQueueNum, 5, 2);
  tap_.ToFrontend(std::span(message).first(15), 0);
  tap_.Disconnected();
  tap_.ToFrontend(message, 0);
  EXPECT_EQ(tap_.counts().received, 1u);
}

TEST(TracingChannelTest, Counts_AreThoseOfTheChannelItself) {
  EnvironmentOptions options;
  options.backend = "sim";
  SimEnvironment environment(options, backend_sim::Personality::Conforming());
  ASSERT_TRUE(Probe(environment, kDefaultCallBudget).has_value());
  const MessageCounts& counts = environment.tap().counts();
  const backend_sim::ChannelStats stats = environment.world().channel().stats();
  EXPECT_EQ(counts.attach_calls, stats.attaches);
  EXPECT_EQ(counts.send_calls, stats.sends);
  EXPECT_EQ(counts.receive_calls, stats.receives);
  EXPECT_EQ(counts.wait_calls, stats.readable_waits + stats.writable_waits);
  EXPECT_EQ(counts.bytes_sent, stats.bytes_sent);
  EXPECT_EQ(counts.bytes_received, stats.bytes_received);
  EXPECT_EQ(counts.sent, stats.messages);
  EXPECT_EQ(counts.received, stats.answers);
}

}  // namespace
}  // namespace virtio_user::cli
