// SPDX-License-Identifier: BSD-3-Clause
//
// What the personality "lib-vhost" does with messages, as lib/vhost's handlers
// do, where the model by itself does otherwise.

#include "backend_sim/personality.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/sim/model_session.h"
#include "tests/sim/packet_rig.h"

namespace {

using ::backend_sim::Personality;
using ::backend_sim::Rule;
using ::sim_test::kModern;
using ::sim_test::kMultiqueue;
using ::sim_test::kNeedReply;
using ::sim_test::Pattern;
using ::sim_test::Payload;
using ::sim_test::RulesOf;
using ::sim_test::State;
using ::sim_test::U64;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Rig = ::sim_test::PacketRig;

// MQ, REPLY_ACK, STATUS.
constexpr uint64_t kProtocol = 0x10009;

class LibVhostTest : public ::sim_test::ModelSession {
 protected:
  static backend_sim::SimWorldOptions Options() {
    backend_sim::SimWorldOptions options;
    options.personality = Personality::LibVhost();
    return options;
  }
  LibVhostTest() : ModelSession(Options()) {}
};

TEST_F(LibVhostTest, QueueNumIs128) {
  Negotiate(kMultiqueue, kProtocol);
  EXPECT_EQ(client_.Ask({.request = 17})->value(), 128u);
}

TEST_F(LibVhostTest, ARingIndexThatCannotBeClosesEvenWithNeedReply) {
  Negotiate(kMultiqueue, kProtocol);
  ExpectClose({.request = 8, .payload = State(257, 16), .flags = kNeedReply},
              Rule::kRingIndex);
}

TEST_F(LibVhostTest, OtherErrorsAreANackWithNeedReplyAndTheEndWithout) {
  Negotiate(kMultiqueue, kProtocol);
  ExpectNack({.request = 8, .payload = State(0, 17)}, Rule::kRingSize);
  ExpectClose({.request = 8, .payload = State(0, 17)}, Rule::kRingSize);
}

TEST_F(LibVhostTest, NeedReplyIsAnsweredBeforeReplyAckWasNegotiated) {
  const auto answer = client_.Ask({.request = 3, .flags = kNeedReply});
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->value(), 0u);
}

TEST_F(LibVhostTest, TheVersionIsNotLookedAt) {
  EXPECT_TRUE(client_.Ask({.request = 1, .flags = 0x2}).has_value());
  EXPECT_FALSE(client_.closed());
}

TEST_F(LibVhostTest, WhatItDoesNotHaveIsRefusedAllTheSame) {
  Negotiate(kMultiqueue, kProtocol);
  Payload config;
  config.U32(0).U32(6).U32(0).Zeros(6);
  ExpectNack({.request = 24, .payload = config}, Rule::kNotServed);
  ExpectNack({.request = 34}, Rule::kNotServed);  // RESET_DEVICE
}

TEST_F(LibVhostTest, ARefusedSetFeaturesTakesFeaturesOkAwayUntilTheNext) {
  Negotiate(kMultiqueue, kProtocol);
  EXPECT_EQ(AckOf({.request = 39, .payload = U64(0x0b)}), 0u);
  ExpectNack({.request = 2, .payload = U64(kMultiqueue | 1ull << 38)},
             Rule::kFeaturesNotOffered);
  EXPECT_EQ(client_.Ask({.request = 40})->value(), 0x03u);
  EXPECT_EQ(AckOf({.request = 39, .payload = U64(0x0b)}), 0u);
  EXPECT_EQ(client_.Ask({.request = 40})->value(), 0x03u);
  EXPECT_EQ(AckOf({.request = 2, .payload = U64(kMultiqueue)}), 0u);
  EXPECT_EQ(AckOf({.request = 39, .payload = U64(0x0b)}), 0u);
  EXPECT_EQ(client_.Ask({.request = 40})->value(), 0x0bu);
}

TEST_F(LibVhostTest, AStatusOf0StopsNoRing) {
  Negotiate(kMultiqueue, kProtocol);
  ::sim_test::PairRig pair(client_, 0);
  pair.Start();
  EXPECT_EQ(AckOf({.request = 39, .payload = U64(0)}), 0u);
  EXPECT_TRUE(world_.model().rings()[0].started());
  EXPECT_TRUE(world_.model().rings()[0].enabled());
}

TEST_F(LibVhostTest, GetVringBaseClosesKickAndCallAndLeavesEnable) {
  Negotiate(kMultiqueue, kProtocol);
  ::sim_test::PairRig pair(client_, 0);
  pair.Start();
  const size_t open = world_.server_fds().open_count();
  EXPECT_TRUE(client_.Ask({.request = 11, .payload = State(0, 0)}).has_value());
  EXPECT_EQ(world_.server_fds().open_count(), open - 2);
  EXPECT_TRUE(world_.model().rings()[0].enabled());
  EXPECT_FALSE(world_.model().rings()[0].addresses().has_value());
}

TEST_F(LibVhostTest, FeaturesWithoutMqFreeTheRingsBehindTheFirstPair) {
  client_.Negotiate(kMultiqueue, kProtocol);
  EXPECT_EQ(AckOf({.request = 8, .payload = State(3, 16)}), 0u);
  EXPECT_EQ(AckOf({.request = 2, .payload = U64(kModern)}), 0u);
  EXPECT_EQ(world_.model().rings()[3].num(), 0u);
}

// ADDR before the region is there: nothing is said, and the ring is served
// once it can be reached.
TEST_F(LibVhostTest, AddressesThatCannotBeTranslatedAreNoError) {
  const auto second = world_.memory().AddRegion(4096);
  ASSERT_TRUE(second.has_value());
  Negotiate(kModern, kProtocol);
  const int kick = *world_.fds().CreateEvent();
  EXPECT_EQ(AckOf({.request = 8, .payload = State(0, 16)}), 0u);
  EXPECT_EQ(AckOf({.request = 10, .payload = State(0, 0)}), 0u);
  Payload nowhere;
  nowhere.U32(0).U32(0).U64(0x1000).U64(0x3000).U64(0x2000).U64(0);
  EXPECT_EQ(AckOf({.request = 9, .payload = nowhere}), 0u);
  EXPECT_EQ(AckOf({.request = 12, .payload = U64(0), .fds = {kick}}), 0u);
  EXPECT_FALSE(world_.model().rings()[0].started());
  world_.fds().Close(kick);
}

TEST_F(LibVhostTest, TheSameTableWithOtherFilesIsNotLookedAt) {
  Negotiate(kModern, kProtocol);
  ::sim_test::RawMessage table = client_.MemTable();
  const size_t open = world_.server_fds().open_count();
  const int wrong = *world_.fds().CreateEvent();
  std::ranges::fill(table.fds, wrong);
  EXPECT_EQ(AckOf(table), 0u);
  EXPECT_EQ(world_.server_fds().open_count(), open);
  world_.fds().Close(wrong);
}

TEST_F(LibVhostTest, ASplitRingStartsAtItsUsedIndexWhateverWasSaid) {
  Negotiate(kModern, kProtocol);
  ::sim_test::PairRig pair(client_, 0);
  pair.Configure(pair.rx, 7);
  EXPECT_FALSE(client_.closed());
  ASSERT_TRUE(world_.model().rings()[0].started());
  EXPECT_EQ(world_.model().rings()[0].queue()->next_avail().index, 0);
  EXPECT_THAT(RulesOf(world_.violations()), ElementsAre(Rule::kRingBase));
}

TEST(LibVhostPacketsTest, ADisabledTxRingIsNotRead) {
  Rig rig(kModern, "lib-vhost");
  rig.client.Send({.request = 18, .payload = State(1, 0)});
  rig.pair.PostRx(2048);
  rig.Send(Pattern(60, 1));
  rig.Run();
  EXPECT_EQ(rig.pair.ReapTx(), 0u);
  rig.client.Send({.request = 18, .payload = State(1, 1)});
  rig.Run();
  EXPECT_EQ(rig.pair.ReapTx(), 1u);
  EXPECT_EQ(rig.Receive(), Pattern(60, 1));
}

TEST(LibVhostPacketsTest, NothingIsServedBeforeTheFirstTwoRingsAreReady) {
  Rig rig(kMultiqueue, "lib-vhost");
  ::sim_test::PairRig second(rig.client, 1);
  second.Start();
  rig.client.Send({.request = 18, .payload = State(0, 0)});
  second.PostRx(2048);
  second.SendTx(::sim_test::Header(12), Pattern(60, 2));
  rig.Run();
  EXPECT_EQ(second.ReapTx(), 0u);
  rig.client.Send({.request = 18, .payload = State(0, 1)});
  rig.Run();
  EXPECT_EQ(second.ReapTx(), 1u);
}

}  // namespace
