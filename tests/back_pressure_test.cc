// SPDX-License-Identifier: BSD-3-Clause
//
// A default Unix socket holds 278 unread acks. A server that does not read
// ahead of its unsent acks, and a front-end that sends everything before it
// reads one, then wait for each other for ever.

#include <vector>

#include "gtest/gtest.h"
#include "tests/fakes/vhost_user_rig.h"
#include "virtio_user/vhost_user/message.h"
#include "virtio_user/vhost_user/vhost_user_backend.h"

namespace virtio_user {
namespace {

constexpr size_t kAcksThatFit = 278;
constexpr size_t kRequestBytesThatFit = 278 * 20;
constexpr uint16_t kPairs = 128;

class BackPressureTest : public ::testing::Test {
 protected:
  BackPressureTest() {
    rig_.peer.queue_num = kPairs;
    rig_.channel.answer_room = kAcksThatFit;
    rig_.channel.request_room = kRequestBytesThatFit;
  }

  VhostUserRig rig_;
};

TEST_F(BackPressureTest, SixMessagesForEachOf256RingsPassInEightWindows) {
  ASSERT_TRUE(rig_.Open().has_value());
  Batch batch(rig_.backend);
  for (uint16_t i = 0; i < 2 * kPairs; ++i) {
    ASSERT_TRUE(rig_.backend.SetVringCall(i, 40));
    ASSERT_TRUE(rig_.backend.SetVringNum(i, 256));
    ASSERT_TRUE(rig_.backend.SetVringBase(i, {}));
    ASSERT_TRUE(rig_.backend.SetVringAddr(i, {}));
    ASSERT_TRUE(rig_.backend.SetVringKick(i, 41));
  }
  ASSERT_TRUE(rig_.backend.SetFeatures({Feature::kVersion1}));
  for (uint16_t i = 0; i < 2 * kPairs; ++i) {
    ASSERT_TRUE(rig_.backend.SetVringEnable(i, VringEnable::kEnabled));
  }
  const size_t before = rig_.channel.read_wait_count();
  const auto done = batch.Commit();
  ASSERT_TRUE(done.has_value()) << done.error().error.text();
  EXPECT_EQ(rig_.peer.log.size(), 6u + 6u * 256u + 1u);
  EXPECT_TRUE(rig_.peer.violations.empty());
  EXPECT_LE(rig_.channel.most_unread_answers(), 200u);
  // 1,537 acked messages: eight windows, one wait each.
  EXPECT_EQ(rig_.channel.read_wait_count() - before, 8u);
  EXPECT_EQ(rig_.channel.now().count(), 0);
}

TEST_F(BackPressureTest, StoppingAll256RingsPasses) {
  ASSERT_TRUE(rig_.Open().has_value());
  std::vector<VringBaseQuery> queries(2 * kPairs);
  for (size_t i = 0; i < queries.size(); ++i) {
    queries[i].vring = static_cast<uint16_t>(i);
  }
  ASSERT_TRUE(rig_.backend.GetVringBases(queries).has_value());
  for (const VringBaseQuery& query : queries) EXPECT_TRUE(query.answered);
  EXPECT_LE(rig_.channel.most_unread_answers(), 200u);
}

// Shows that the fake can block at all, and so that the windows matter.
TEST_F(BackPressureTest, ASenderOf1500WithoutWindowsIsStuckForEver) {
  ASSERT_TRUE(rig_.Open().has_value());
  Bytes bytes;
  for (uint32_t i = 0; i < 1500; ++i) {
    const size_t begin = bytes.size();
    MessageWriter(bytes).State(VhostUserRequest::kSetVringNum, {i % 256, 8});
    SetNeedReply(std::span(bytes).subspan(begin));
  }
  const SendChunk all = {.bytes = bytes, .fds = {}};
  const Deadline deadline = rig_.channel.After(std::chrono::hours(1));
  size_t sent = 0;
  Result<void> room;
  while (sent < bytes.size() && room) {
    const auto moved = rig_.channel.Send(std::span(&all, 1), sent);
    ASSERT_TRUE(moved.has_value());
    sent += *moved;
    if (*moved == 0) room = rig_.channel.WaitWritable(deadline);
  }
  ASSERT_FALSE(room.has_value());
  EXPECT_EQ(room.error().code(), ErrorCode::kDeadline);
  // The server has read what it could answer, and no more.
  EXPECT_EQ(rig_.peer.log.size(), 6 + kAcksThatFit);
  EXPECT_EQ(rig_.channel.most_unread_answers(), kAcksThatFit);
  EXPECT_LT(sent, bytes.size());
}

}  // namespace
}  // namespace virtio_user
