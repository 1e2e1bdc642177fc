// SPDX-License-Identifier: BSD-3-Clause
//
// The messages of VhostUserBackend about one vring, and its batches.

#include <array>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fakes/vhost_user_rig.h"
#include "virtio_user/vhost_user/vhost_user_backend.h"

namespace virtio_user {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string Text(const Error& error) { return std::string(error.text()); }

class VhostUserVringsTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(rig_.Open().has_value()); }
  ~VhostUserVringsTest() override {
    EXPECT_THAT(peer_.violations, IsEmpty());
    EXPECT_EQ(channel_.misplaced_fds(), 0u);
  }
  const WireRequest& Last() const { return peer_.log.back(); }
  static VringBaseQuery Query(uint16_t vring) { return {vring, {}, false}; }

  VhostUserRig rig_;
  VhostPeer& peer_ = rig_.peer;
  ScriptedChannel& channel_ = rig_.channel;
  VhostUserBackend& backend_ = rig_.backend;
};

TEST_F(VhostUserVringsTest, NumberAndBaseNameTheirRing) {
  ASSERT_TRUE(backend_.SetVringNum(255, 32768).has_value());
  EXPECT_EQ(Last().request, kReqSetVringNum);
  EXPECT_EQ(Last().payload, StatePayload(255, 32768));
  ASSERT_TRUE(backend_.SetVringBase(7, {.avail = 0xfffe}).has_value());
  EXPECT_EQ(Last().request, kReqSetVringBase);
  EXPECT_EQ(Last().payload, StatePayload(7, 0xfffe));
}

TEST_F(VhostUserVringsTest, AddressesAreSentAsTheyAre_F58) {
  ASSERT_TRUE(backend_
                  .SetVringAddr(3, {.desc = {0x1111111111111111},
                                    .avail = {0x2222222222222222},
                                    .used = {0x3333333333333333}})
                  .has_value());
  EXPECT_EQ(Last().request, kReqSetVringAddr);
  EXPECT_EQ(Get(Last().payload, 0, 8), 3u);
  EXPECT_EQ(Get(Last().payload, 8, 8), 0x1111111111111111u);
  EXPECT_EQ(Get(Last().payload, 16, 8), 0x3333333333333333u);
  EXPECT_EQ(Get(Last().payload, 24, 8), 0x2222222222222222u);
  EXPECT_EQ(Get(Last().payload, 32, 8), 0u);
}

TEST_F(VhostUserVringsTest, DescriptorZeroIsADescriptor_F08) {
  ASSERT_TRUE(backend_.SetVringKick(5, 0).has_value());
  EXPECT_EQ(Last().request, kReqSetVringKick);
  EXPECT_EQ(Last().payload, U64Payload(5));
  EXPECT_THAT(Last().fds, ElementsAre(0));
  ASSERT_TRUE(backend_.SetVringCall(255, 9).has_value());
  EXPECT_EQ(Last().request, kReqSetVringCall);
  EXPECT_EQ(Last().payload, U64Payload(255));
  EXPECT_THAT(Last().fds, ElementsAre(9));
}

TEST_F(VhostUserVringsTest, NoDescriptorIsBit8_F08) {
  ASSERT_TRUE(backend_.SetVringKick(5, -1).has_value());
  EXPECT_EQ(Last().payload, U64Payload(0x105));
  EXPECT_THAT(Last().fds, IsEmpty());
  ASSERT_TRUE(backend_.SetVringCall(6, -1).has_value());
  EXPECT_EQ(Last().payload, U64Payload(0x106));
  EXPECT_THAT(Last().fds, IsEmpty());
}

TEST_F(VhostUserVringsTest, EnableAndDisableAre1And0) {
  ASSERT_TRUE(backend_.SetFeatures({Feature::kVersion1}).has_value());
  ASSERT_TRUE(backend_.SetVringEnable(2, VringEnable::kEnabled).has_value());
  EXPECT_EQ(Last().payload, StatePayload(2, 1));
  ASSERT_TRUE(backend_.SetVringEnable(2, VringEnable::kDisabled).has_value());
  EXPECT_EQ(Last().payload, StatePayload(2, 0));
}

TEST_F(VhostUserVringsTest, RingsFrom256UpCannotBeNamed) {
  const size_t before = peer_.log.size();
  for (const uint16_t ring : {256, 257, 65535}) {
    std::vector<VringBaseQuery> queries = {Query(0), Query(ring)};
    const Result<void> all[] = {
        backend_.SetVringNum(ring, 8),
        backend_.SetVringBase(ring, {}),
        backend_.SetVringAddr(ring, {}),
        backend_.SetVringCall(ring, 1),
        backend_.SetVringKick(ring, 1),
        backend_.SetVringEnable(ring, VringEnable::kEnabled),
        backend_.GetVringBases(queries)};
    for (const Result<void>& result : all) {
      ASSERT_FALSE(result.has_value());
      EXPECT_EQ(result.error().code(), ErrorCode::kInvalidArgument);
      EXPECT_THAT(Text(result.error()),
                  HasSubstr("ring " + std::to_string(ring)));
    }
  }
  EXPECT_EQ(peer_.log.size(), before);
  // Nothing of it is left for the next message.
  ASSERT_TRUE(backend_.SetVringNum(0, 8).has_value());
  EXPECT_EQ(peer_.log.size(), before + 1);
}

// --- Where the rings stopped -------------------------------------------------

TEST_F(VhostUserVringsTest, EveryRingIsAskedWhereItStopped_S13_S15) {
  peer_.base_of = [](uint32_t ring) { return 1000 + ring; };
  std::vector<VringBaseQuery> queries = {Query(4), Query(0), Query(255)};
  ASSERT_TRUE(backend_.GetVringBases(queries).has_value());
  EXPECT_EQ(Last().request, kReqGetVringBase);
  EXPECT_EQ(Last().payload, StatePayload(255, 0));
  EXPECT_TRUE(queries[0].answered && queries[1].answered &&
              queries[2].answered);
  EXPECT_EQ(queries[0].base.avail, 1004);
  EXPECT_EQ(queries[1].base.avail, 1000);
  EXPECT_EQ(queries[2].base.avail, 1255);
}

TEST_F(VhostUserVringsTest, NoQueriesAreNoMessages) {
  const size_t before = peer_.log.size();
  EXPECT_TRUE(backend_.GetVringBases({}).has_value());
  EXPECT_EQ(peer_.log.size(), before);
}

TEST_F(VhostUserVringsTest, AnAnswerForAnotherRingLeavesOnlyThatOneOpen) {
  peer_.spoil = [](size_t, const WireRequest& request, WireAnswer& answer) {
    const bool second = request.payload == StatePayload(1, 0);
    if (second) answer.bytes[12] = std::byte{9};
  };
  std::vector<VringBaseQuery> queries = {Query(0), Query(1), Query(2)};
  const auto done = backend_.GetVringBases(queries);
  ASSERT_FALSE(done.has_value());
  EXPECT_EQ(done.error().code(), ErrorCode::kProtocol);
  EXPECT_THAT(Text(done.error()), HasSubstr("ring 1 was answered for ring 9"));
  EXPECT_TRUE(queries[0].answered && queries[2].answered);
  EXPECT_FALSE(queries[1].answered);
  EXPECT_FALSE(channel_.attached());
}

TEST_F(VhostUserVringsTest, ASplitBaseOfMoreThan16BitsIsNotCutButRefused) {
  peer_.spoil = [](size_t, const WireRequest& request, WireAnswer& answer) {
    const bool first = request.payload == StatePayload(0, 0);
    if (first) answer.bytes[18] = std::byte{1};
  };
  std::vector<VringBaseQuery> queries = {Query(0)};
  const auto done = backend_.GetVringBases(queries);
  ASSERT_FALSE(done.has_value());
  EXPECT_EQ(done.error().code(), ErrorCode::kProtocol);
  EXPECT_THAT(Text(done.error()), HasSubstr("ring 0 answered 0x1"));
  EXPECT_FALSE(queries[0].answered);
}

TEST_F(VhostUserVringsTest, BeforeALostPeerTheAnsweredRingsAreKept_S13_S17) {
  peer_.close_before = peer_.log.size() + 2;
  std::vector<VringBaseQuery> queries = {Query(0), Query(1), Query(2)};
  const auto done = backend_.GetVringBases(queries);
  ASSERT_FALSE(done.has_value());
  EXPECT_EQ(done.error().code(), ErrorCode::kDisconnected);
  EXPECT_FALSE(queries[2].answered);
}

TEST_F(VhostUserVringsTest, APackedRingsBaseCarriesBothIndexesAndWraps) {
  ASSERT_TRUE(backend_.SetFeatures({Feature::kVersion1, Feature::kRingPacked})
                  .has_value());
  peer_.violations.clear();  // It did not offer RING_PACKED.
  const VringBase base = {
      .avail = 0x1234, .used = 0x0567, .avail_wrap = true, .used_wrap = false};
  ASSERT_TRUE(backend_.SetVringBase(0, base).has_value());
  EXPECT_EQ(Last().payload, StatePayload(0, 0x0567'9234));
  peer_.base_of = [](uint32_t) { return 0x0567'9234; };
  std::vector<VringBaseQuery> queries = {Query(0)};
  ASSERT_TRUE(backend_.GetVringBases(queries).has_value());
  EXPECT_EQ(queries[0].base, base);
}

// --- Batches -----------------------------------------------------------------

TEST_F(VhostUserVringsTest, ABatchIsSentByCommitAndNotBefore) {
  const size_t before = peer_.log.size();
  Batch batch(backend_);
  ASSERT_TRUE(backend_.SetVringNum(0, 8) && backend_.SetVringNum(1, 8) &&
              backend_.SetOwner());
  EXPECT_EQ(peer_.log.size(), before);
  ASSERT_TRUE(batch.Commit().has_value());
  EXPECT_EQ(peer_.log.size(), before + 3);
  peer_.violations.clear();  // A second SET_OWNER.
}

TEST_F(VhostUserVringsTest, ABatchThatIsNotCommittedIsForgotten) {
  const size_t before = peer_.log.size();
  {
    const Batch batch(backend_);
    ASSERT_TRUE(backend_.SetVringNum(0, 8).has_value());
  }
  ASSERT_TRUE(backend_.SetVringNum(1, 8).has_value());
  EXPECT_EQ(peer_.log.size(), before + 1);
  EXPECT_EQ(Last().payload, StatePayload(1, 8));
}

TEST_F(VhostUserVringsTest, AForgottenBatchsFeaturesShapeNoBase) {
  backend_.BeginBatch();
  ASSERT_TRUE(backend_.SetFeatures({Feature::kVersion1, Feature::kRingPacked})
                  .has_value());
  backend_.Discard();
  ASSERT_TRUE(backend_.SetVringBase(0, {.avail = 5, .used = 5}).has_value());
  EXPECT_EQ(Last().payload, StatePayload(0, 5));
}

TEST_F(VhostUserVringsTest, AnEmptyBatchSendsNothing) {
  const size_t before = peer_.log.size();
  Batch batch(backend_);
  EXPECT_TRUE(batch.Commit().has_value());
  EXPECT_EQ(peer_.log.size(), before);
}

TEST_F(VhostUserVringsTest, WhatHasAnAnswerIsRefusedInsideABatch) {
  const Batch batch(backend_);
  std::vector<VringBaseQuery> queries = {Query(0)};
  const auto features = backend_.GetFeatures();
  const auto status = backend_.GetStatus();
  const auto bases = backend_.GetVringBases(queries);
  ASSERT_TRUE(!features && !status && !bases);
  EXPECT_EQ(features.error().code(), ErrorCode::kWrongState);
  EXPECT_EQ(status.error().code(), ErrorCode::kWrongState);
  EXPECT_EQ(bases.error().code(), ErrorCode::kWrongState);
  EXPECT_THAT(Text(bases.error()), HasSubstr("GET_VRING_BASE"));
}

TEST_F(VhostUserVringsTest, AnOperationThatIsRefusedHereDoesNotEndTheBatch) {
  const size_t before = peer_.log.size();
  Batch batch(backend_);
  ASSERT_TRUE(backend_.SetVringNum(0, 8).has_value());
  ASSERT_FALSE(backend_.SetVringNum(256, 8).has_value());
  ASSERT_TRUE(backend_.SetVringNum(1, 8).has_value());
  ASSERT_TRUE(batch.Commit().has_value());
  EXPECT_EQ(peer_.log.size(), before + 2);
}

TEST_F(VhostUserVringsTest, ARefusedMessageOfABatchIsNamedWithItsRing) {
  peer_.refuse = {peer_.log.size() + 1};
  Batch batch(backend_);
  ASSERT_TRUE(backend_.SetVringNum(8, 1) && backend_.SetVringBase(9, {}) &&
              backend_.SetVringNum(10, 1));
  const auto done = batch.Commit();
  ASSERT_FALSE(done.has_value());
  EXPECT_EQ(done.error().operation, BackendOperation::kSetVringBase);
  EXPECT_EQ(done.error().vring, 9);
  EXPECT_EQ(done.error().error.code(), ErrorCode::kRefused);
  EXPECT_THAT(Text(done.error().error),
              AllOf(HasSubstr("VHOST_USER_SET_VRING_BASE"), HasSubstr("ring 9"),
                    HasSubstr("ack 1")));
  EXPECT_EQ(Last().payload, StatePayload(10, 1));
  EXPECT_TRUE(channel_.attached());
}

// Nothing is left of an earlier answer, in the queries behind it either.
TEST_F(VhostUserVringsTest, BasesOfARingThatCannotBeNamedAnswerNoneOfThem) {
  std::array<VringBaseQuery, 3> queries = {
      VringBaseQuery{.vring = 0, .base = {}, .answered = true},
      VringBaseQuery{.vring = 256, .base = {}, .answered = true},
      VringBaseQuery{.vring = 1, .base = {}, .answered = true}};
  const size_t before = peer_.log.size();
  const auto done = backend_.GetVringBases(queries);
  ASSERT_FALSE(done.has_value());
  EXPECT_EQ(done.error().code(), ErrorCode::kInvalidArgument);
  for (const VringBaseQuery& query : queries) {
    EXPECT_FALSE(query.answered) << query.vring;
  }
  EXPECT_EQ(peer_.log.size(), before);
}

TEST_F(VhostUserVringsTest, BasesInsideABatchAreRefusedAndNoneIsAnswered) {
  std::array<VringBaseQuery, 1> queries = {
      VringBaseQuery{.vring = 0, .base = {}, .answered = true}};
  const Batch batch(backend_);
  EXPECT_FALSE(backend_.GetVringBases(queries).has_value());
  EXPECT_FALSE(queries[0].answered);
}

TEST_F(VhostUserVringsTest, ACommitWithoutAPeerIsDisconnectedAndForgotten) {
  backend_.link().Detach();
  {
    Batch batch(backend_);
    ASSERT_TRUE(backend_.SetVringNum(3, 8).has_value());
    const auto done = batch.Commit();
    ASSERT_FALSE(done.has_value());
    EXPECT_EQ(done.error().operation, BackendOperation::kSetVringNum);
    EXPECT_EQ(done.error().vring, 3);
    EXPECT_EQ(done.error().error.code(), ErrorCode::kDisconnected);
    EXPECT_THAT(Text(done.error().error),
                ::testing::StartsWith("SET_VRING_NUM of ring 3: "));
  }
  const size_t before = peer_.log.size();
  ASSERT_TRUE(rig_.Open().has_value());
  EXPECT_EQ(peer_.log.size(), before + 6);
}

}  // namespace
}  // namespace virtio_user
