// SPDX-License-Identifier: BSD-3-Clause
//
// A back-end that closes before, instead of reading, or after every single
// message of a complete session, with the answers delivered or lost.

#include <cctype>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fakes/vhost_user_rig.h"
#include "virtio_user/vhost_user/vhost_user_backend.h"

namespace virtio_user {
namespace {

using ::testing::IsEmpty;

constexpr uint64_t kVersion1 = uint64_t{1} << 32;

// What kind of peer the session is led with.
struct Kind {
  const char* name;
  uint64_t features;
  uint64_t protocol;
  size_t messages;  // Of a complete session.
};

constexpr Kind kKinds[] = {
    {"everything", kVersion1 | kBit30, kProtoAll, 30},
    {"no REPLY_ACK", kVersion1 | kBit30, kProtoAll & ~kProtoReplyAck, 36},
    {"only REPLY_ACK", kVersion1 | kBit30, kProtoReplyAck, 22},
    {"no bit 30", kVersion1, 0, 18},
};

void Become(VhostPeer& peer, const Kind& kind) {
  peer.features = kind.features;
  peer.protocol = kind.protocol;
}

void BehaveAgain(VhostPeer& peer) {
  peer.close_before.reset();
  peer.close_instead_of.reset();
  peer.drop_answers_after.reset();
}

std::vector<WireRequest> HealthySession(const Kind& kind) {
  VhostUserRig rig;
  Become(rig.peer, kind);
  EXPECT_TRUE(rig.RunSession().has_value());
  return rig.peer.log;
}

// The session ended with kDisconnected and left nothing behind: the peer is
// detached, every descriptor is back, and the next session with a healthy peer
// is a complete one.
void ExpectCleanLoss(VhostUserRig& rig, const Result<void>& ended,
                     const std::vector<WireRequest>& healthy) {
  ASSERT_FALSE(ended.has_value());
  EXPECT_EQ(ended.error().code(), ErrorCode::kDisconnected)
      << ended.error().text();
  EXPECT_FALSE(rig.channel.attached());
  EXPECT_EQ(rig.channel.open_copies(), 0u);
  // Nothing that it knew about the peer leads to another message.
  const auto after = rig.backend.SetVringNum(0, 8);
  ASSERT_FALSE(after.has_value());
  EXPECT_EQ(after.error().code(), ErrorCode::kDisconnected);
  BehaveAgain(rig.peer);
  rig.peer.log.clear();
  EXPECT_TRUE(rig.RunSession().has_value());
  EXPECT_EQ(rig.peer.log, healthy);
  EXPECT_THAT(rig.peer.violations, IsEmpty());
  EXPECT_EQ(rig.channel.misplaced_fds(), 0u);
}

class VhostUserCloseTest : public ::testing::TestWithParam<Kind> {};

TEST_P(VhostUserCloseTest, ACompleteSessionHasAllItsMessages) {
  EXPECT_EQ(HealthySession(GetParam()).size(), GetParam().messages);
}

TEST_P(VhostUserCloseTest, ClosingBeforeAnyMessageIsACleanLoss_S17) {
  const auto healthy = HealthySession(GetParam());
  for (size_t k = 0; k < healthy.size(); ++k) {
    SCOPED_TRACE(k);
    VhostUserRig rig;
    Become(rig.peer, GetParam());
    rig.peer.close_before = k;
    const auto ended = rig.RunSession();
    EXPECT_EQ(rig.peer.log.size(), k);
    ExpectCleanLoss(rig, ended, healthy);
  }
}

TEST_P(VhostUserCloseTest, ClosingInsteadOfReadingAnyMessageIsACleanLoss) {
  const auto healthy = HealthySession(GetParam());
  for (size_t k = 0; k < healthy.size(); ++k) {
    SCOPED_TRACE(k);
    VhostUserRig rig;
    Become(rig.peer, GetParam());
    rig.peer.close_instead_of = k;
    // Its last message may have nothing to answer.
    auto ended = rig.RunSession();
    if (ended) ended = rig.backend.SetVringNum(0, 8);
    EXPECT_EQ(rig.peer.log.size(), k);
    ExpectCleanLoss(rig, ended, healthy);
  }
}

TEST_P(VhostUserCloseTest,
       ClosingAfterAnyMessageWithItsAnswerLostIsACleanLoss) {
  const auto healthy = HealthySession(GetParam());
  for (size_t k = 0; k < healthy.size(); ++k) {
    SCOPED_TRACE(k);
    VhostUserRig rig;
    Become(rig.peer, GetParam());
    rig.peer.drop_answers_after = k;
    auto ended = rig.RunSession();
    if (ended) ended = rig.backend.SetVringNum(0, 8);
    EXPECT_EQ(rig.peer.log.size(), k + 1);
    ExpectCleanLoss(rig, ended, healthy);
  }
}

TEST_P(VhostUserCloseTest, ClosingAfterTheLastAnswerIsNoticedByTheNextMessage) {
  const auto healthy = HealthySession(GetParam());
  VhostUserRig rig;
  Become(rig.peer, GetParam());
  rig.peer.close_before = healthy.size();
  ASSERT_TRUE(rig.RunSession().has_value());
  EXPECT_TRUE(rig.channel.attached());
  ExpectCleanLoss(rig, rig.backend.SetVringNum(0, 8), healthy);
}

TEST_P(VhostUserCloseTest, EveryShortWriteIsTakenUpWhereItStopped) {
  const auto healthy = HealthySession(GetParam());
  size_t bytes = 0;
  for (const auto& request : healthy) bytes += 12 + request.payload.size();
  // The socket is full once, at each place of the stream.
  for (size_t cut = 0; cut < bytes; ++cut) {
    VhostUserRig rig;
    Become(rig.peer, GetParam());
    rig.channel.full_at = cut;
    ASSERT_TRUE(rig.RunSession().has_value()) << cut;
    ASSERT_EQ(rig.peer.log, healthy) << cut;
    ASSERT_FALSE(rig.channel.full_at.has_value()) << cut;
    ASSERT_EQ(rig.channel.misplaced_fds(), 0u) << cut;
  }
}

TEST_P(VhostUserCloseTest, EveryByteByItselfMakesTheSameSession) {
  const auto healthy = HealthySession(GetParam());
  VhostUserRig rig;
  Become(rig.peer, GetParam());
  rig.channel.send_limits.assign(5000, 1);
  rig.channel.short_waits = true;
  ASSERT_TRUE(rig.RunSession().has_value());
  EXPECT_EQ(rig.peer.log, healthy);
  EXPECT_EQ(rig.channel.misplaced_fds(), 0u);
}

std::string NameOf(const ::testing::TestParamInfo<Kind>& info) {
  std::string name = info.param.name;
  std::erase_if(name, [](char c) { return std::isalnum(c) == 0; });
  return name;
}

INSTANTIATE_TEST_SUITE_P(Peers, VhostUserCloseTest, ::testing::ValuesIn(kKinds),
                         NameOf);

}  // namespace
}  // namespace virtio_user
