// SPDX-License-Identifier: BSD-3-Clause
//
// What a conforming session is.

#include "backend_sim/vhost_model.h"

#include "backend_sim/sim_world.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/sim/model_session.h"
#include "tests/sim/pair_rig.h"
#include "tests/sim/raw_client.h"

namespace {

using ::backend_sim::Personality;
using ::backend_sim::Rule;
using ::sim_test::kAllProtocol;
using ::sim_test::kBit30;
using ::sim_test::kModern;
using ::sim_test::kMultiqueue;
using ::sim_test::kNeedReply;
using ::sim_test::kReplyAck;
using ::sim_test::PairRig;
using ::sim_test::Payload;
using ::sim_test::RawAnswer;
using ::sim_test::RawMessage;
using ::sim_test::RulesOf;
using ::sim_test::State;
using ::sim_test::U64;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

using VhostModelTest = ::sim_test::ModelSession;
using LegacyVhostModelTest = ::sim_test::LegacySession;
using LenientVhostModelTest = ::sim_test::LenientSession;

TEST_F(VhostModelTest, AConformingSessionBreaksNothing) {
  Negotiate(kMultiqueue, kAllProtocol);
  PairRig pair(client_, 1);
  pair.Start();
  EXPECT_EQ(AckOf({.request = 39, .payload = U64(0x0b)}), 0u);
  EXPECT_EQ(client_.Ask({.request = 40})->value(), 0x0bu);
  EXPECT_EQ(AckOf({.request = 39, .payload = U64(0x0f)}), 0u);
  EXPECT_EQ(client_.Ask({.request = 17})->value(), 128u);
  EXPECT_EQ(AckOf({.request = 20, .payload = U64(1500)}), 0u);
  EXPECT_TRUE(client_.Ask({.request = 11, .payload = State(2, 0)}).has_value());
  EXPECT_TRUE(client_.Ask({.request = 11, .payload = State(3, 0)}).has_value());
  EXPECT_EQ(AckOf({.request = 39, .payload = U64(0)}), 0u);
  EXPECT_THAT(world_.violations(), IsEmpty());
}

TEST_F(VhostModelTest, AnswersCarryTheRequestAndFlags5) {
  const std::optional<RawAnswer> answer = client_.Ask({.request = 1});
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->request, 1u);
  EXPECT_EQ(answer->flags, 5u);
  EXPECT_EQ(answer->value(), Personality::Conforming().features);
}

TEST_F(VhostModelTest, NeedReplyChangesNothingWhereThereIsAnAnswerAnyhow) {
  Negotiate();
  const auto answer = client_.Ask({.request = 1, .flags = kNeedReply});
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->value(), Personality::Conforming().features);
  EXPECT_FALSE(client_.Answer().has_value());
}

TEST_F(VhostModelTest, GetConfigAnswersWithTheBytesThatWereAsked) {
  Negotiate(kModern, kAllProtocol);
  const auto answer = client_.Ask(
      {.request = 24, .payload = Payload().U32(0).U32(6).U32(0).Zeros(6)});
  ASSERT_TRUE(answer.has_value());
  ASSERT_EQ(answer->payload.size(), 18u);
  EXPECT_EQ(answer->payload[12], std::byte{0x02});
  EXPECT_EQ(answer->payload[17], std::byte{0x72});
}

TEST_F(VhostModelTest, SetStatus0ForgetsRingsAndFeaturesButNotBit30) {
  Negotiate(kModern, kAllProtocol);
  PairRig pair(client_, 0);
  pair.Start();
  ASSERT_TRUE(world_.model().AnyStarted());
  EXPECT_EQ(AckOf({.request = 39, .payload = U64(0)}), 0u);
  EXPECT_FALSE(world_.model().AnyStarted());
  EXPECT_EQ(world_.model().session().features, kBit30);
  EXPECT_FALSE(world_.model().rings()[0].enabled());
}

TEST_F(VhostModelTest, ResetDeviceStopsEveryRing) {
  Negotiate(kModern, kAllProtocol);
  PairRig pair(client_, 0);
  pair.Start();
  EXPECT_EQ(AckOf({.request = 34}), 0u);
  EXPECT_FALSE(world_.model().AnyStarted());
}

TEST_F(VhostModelTest, GetVringBaseForgetsAllButWhetherTheRingIsEnabled) {
  Negotiate();
  PairRig pair(client_, 0);
  pair.Start();
  client_.Ask({.request = 11, .payload = State(0, 0)});
  const backend_sim::RingModel& ring = world_.model().rings()[0];
  EXPECT_FALSE(ring.started());
  EXPECT_FALSE(ring.call_given());
  EXPECT_EQ(ring.num(), 0u);
  EXPECT_TRUE(ring.enabled());
}

TEST_F(VhostModelTest, TheMemoryTableMayChangeUnderARunningRing) {
  Negotiate();
  PairRig pair(client_, 0);
  pair.Start();
  ASSERT_TRUE(world_.memory().AddRegion(8192).has_value());
  client_.Send(client_.MemTable());
  EXPECT_TRUE(world_.model().rings()[0].started());
  EXPECT_EQ(world_.model().memory().Descriptions().size(), 3u);
  EXPECT_EQ(world_.server_fds().mapped_count(), 3u);
  EXPECT_THAT(world_.violations(), IsEmpty());
}

TEST_F(VhostModelTest, RegionsComeAndGoOneByOne) {
  client_.Negotiate(kModern, kAllProtocol);
  EXPECT_EQ(client_.Ask({.request = 36})->value(), 509u);
  const int fd =
      *world_.fds().Install(backend_sim::SimFile::Memory(16384), "a test");
  const Payload region =
      Payload().U64(0).U64(0x10000).U64(8192).U64(0x20000).U64(4096);
  EXPECT_EQ(AckOf({.request = 37, .payload = region, .fds = {fd}}), 0u);
  EXPECT_TRUE(world_.model().memory().FromGuest(0x10000, 8192).has_value());
  EXPECT_FALSE(world_.model().memory().FromGuest(0x10001, 8192).has_value());
  EXPECT_EQ(AckOf({.request = 38, .payload = region}), 0u);
  EXPECT_TRUE(world_.model().memory().empty());
  ExpectNack({.request = 38, .payload = region}, Rule::kRegionUnknown);
  world_.fds().Close(fd);
}

TEST_F(VhostModelTest, GivesEverythingBackWhenTheSessionEnds) {
  Negotiate();
  PairRig pair(client_, 0);
  pair.Start();
  EXPECT_NE(world_.server_fds().open_count(), 0u);
  world_.channel().Detach();
  EXPECT_EQ(world_.server_fds().Balance(), "");
  EXPECT_THAT(world_.server_fds().violations(), IsEmpty());
}

TEST_F(VhostModelTest, AMapThatFailsHereIsRefusedAndNobodysFault) {
  client_.Negotiate(kModern, kReplyAck);
  world_.server_fds().FailCall(backend_sim::FdCall::kMap, 2);
  RawMessage table = client_.MemTable();
  table.flags = kNeedReply;
  EXPECT_EQ(client_.Ask(table)->value(), 1u);
  EXPECT_THAT(world_.violations(), IsEmpty());
  EXPECT_EQ(world_.server_fds().mapped_count(), 0u);
}

TEST_F(LegacyVhostModelTest, SetFeaturesWithoutBit30EnablesEveryRing) {
  client_.Negotiate(0, 0);
  EXPECT_TRUE(world_.model().rings()[0].enabled());
  EXPECT_TRUE(world_.model().rings()[1].enabled());
}

// --- Notes -------------------------------------------------------------------

TEST_F(LenientVhostModelTest, WritesABreachDownAndGoesOn) {
  Negotiate();
  EXPECT_EQ(AckOf({.request = 3}), 0u);
  EXPECT_THAT(RulesOf(world_.violations()), ElementsAre(Rule::kOwnerTwice));
  EXPECT_FALSE(client_.closed());
}

TEST_F(LenientVhostModelTest, StillRefusesWhatCannotBeCarriedOut) {
  Negotiate();
  EXPECT_EQ(AckOf({.request = 8, .payload = State(0, 3)}), 1u);
}

TEST_F(VhostModelTest, AViolationNamesMessageDetailAndClause) {
  Negotiate();
  AckOf({.request = 8, .payload = State(0, 3)});
  ASSERT_EQ(world_.violations().size(), 1u);
  EXPECT_EQ(world_.violations()[0].Text(),
            "SET_VRING_NUM (message 6): 3; virtio, Split Virtqueues: a size "
            "is a power of 2 and at most 32768; Packed Virtqueues: 1 to 32768");
}

}  // namespace
