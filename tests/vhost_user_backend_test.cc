// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/vhost_user/vhost_user_backend.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fakes/vhost_user_rig.h"

namespace virtio_user {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

std::string Text(const Error& error) { return std::string(error.text()); }

class VhostUserBackendTest : public ::testing::Test {
 protected:
  ~VhostUserBackendTest() override {
    EXPECT_THAT(peer_.violations, IsEmpty());
    EXPECT_EQ(channel_.misplaced_fds(), 0u);
  }
  // The last message that the peer read.
  const WireRequest& Last() const { return peer_.log.back(); }

  VhostUserRig rig_;
  VhostPeer& peer_ = rig_.peer;
  ScriptedChannel& channel_ = rig_.channel;
  VhostUserBackend& backend_ = rig_.backend;
};

// --- What is negotiated ------------------------------------------------------

TEST_F(VhostUserBackendTest, OpeningSettlesProtocolFeaturesAndQueues) {
  peer_.features = 0x5'5000'8000;
  ASSERT_TRUE(rig_.Attach() && backend_.SetOwner());
  const auto offered = backend_.GetFeatures();
  ASSERT_TRUE(offered.has_value());
  EXPECT_EQ(*offered, FeatureSet::FromWords(0x5'1000'8000));
  EXPECT_THAT(
      peer_.Requests(),
      ElementsAre(kReqSetOwner, kReqGetFeatures, kReqGetProtocolFeatures,
                  kReqSetProtocolFeatures, kReqGetQueueNum, kReqGetConfig));
  const BackendCaps& caps = backend_.caps();
  EXPECT_TRUE(caps.status && caps.config && caps.ring_enable &&
              caps.multiqueue && caps.link_state);
  EXPECT_FALSE(caps.own_control_queue);
  EXPECT_FALSE(caps.guest_offloads);
  EXPECT_EQ(caps.max_queue_pairs, 4u);
  EXPECT_EQ(caps.max_memory_regions, 8u);
  EXPECT_EQ(caps.addresses, AddressSpace::kPublished);
}

TEST_F(VhostUserBackendTest, OnlyWhatIsSpokenOfTheOfferIsAcknowledged) {
  peer_.protocol = ~uint64_t{0};
  ASSERT_TRUE(rig_.Open().has_value());
  EXPECT_EQ(peer_.log[3].payload, U64Payload(0x1b21d));
  EXPECT_EQ(backend_.protocol_features(), 0x1b21du);
}

TEST_F(VhostUserBackendTest, EverySubsetOfTheSpokenProtocolFeaturesWorks_F38) {
  for (int subset = 0; subset < 16; ++subset) {
    VhostUserRig rig;
    rig.peer.protocol = ((subset & 1) != 0 ? kProtoMq : 0) |
                        ((subset & 2) != 0 ? kProtoReplyAck : 0) |
                        ((subset & 4) != 0 ? kProtoConfig : 0) |
                        ((subset & 8) != 0 ? kProtoStatus : 0);
    ASSERT_TRUE(rig.RunSession().has_value()) << subset;
    EXPECT_THAT(rig.peer.violations, IsEmpty());
    EXPECT_EQ(rig.backend.protocol_features(), rig.peer.protocol);
    EXPECT_EQ(rig.backend.caps().multiqueue, (subset & 1) != 0);
    EXPECT_EQ(rig.backend.caps().max_queue_pairs, (subset & 1) != 0 ? 4u : 1u);
    EXPECT_EQ(rig.backend.caps().config, (subset & 4) != 0);
    EXPECT_EQ(rig.backend.caps().status, (subset & 8) != 0);
    EXPECT_TRUE(rig.backend.caps().ring_enable);
  }
}

TEST_F(VhostUserBackendTest, WithoutBit30NoneOfItsMessagesIsSent_S06_H7_F35) {
  peer_.features = 0x1'0000'8000;
  ASSERT_TRUE(rig_.RunSession().has_value());
  EXPECT_THAT(peer_.Requests(),
              ElementsAre(kReqSetOwner, kReqGetFeatures, kReqSetVringCall,
                          kReqSetVringCall, kReqSetFeatures, kReqGetFeatures,
                          kReqSetMemTable, kReqSetVringNum, kReqSetVringBase,
                          kReqSetVringAddr, kReqSetVringKick, kReqSetVringNum,
                          kReqSetVringBase, kReqSetVringAddr, kReqSetVringKick,
                          kReqGetFeatures, kReqGetVringBase, kReqGetVringBase));
  EXPECT_FALSE(backend_.caps().ring_enable);
  EXPECT_FALSE(backend_.caps().multiqueue);
  EXPECT_EQ(backend_.protocol_features(), 0u);
}

TEST_F(VhostUserBackendTest, WithoutBit30EnableIsRefusedBeforeItIsSent_H7) {
  peer_.features = 0x1'0000'0000;
  ASSERT_TRUE(rig_.Open().has_value());
  const size_t before = peer_.log.size();
  const auto refused = backend_.SetVringEnable(1, VringEnable::kEnabled);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), ErrorCode::kUnsupported);
  EXPECT_THAT(Text(refused.error()), HasSubstr("ring 1"));
  EXPECT_EQ(peer_.log.size(), before);
}

TEST_F(VhostUserBackendTest, Bit30IsEchoedInSetFeaturesAndNeverShown_S06_F35) {
  ASSERT_TRUE(rig_.Open().has_value());
  ASSERT_TRUE(backend_.SetFeatures({Feature::kVersion1}).has_value());
  EXPECT_EQ(Last().request, kReqSetFeatures);
  EXPECT_EQ(Last().payload, U64Payload(0x1'4000'0000));
}

TEST_F(VhostUserBackendTest, WithoutBit30SetFeaturesDoesNotCarryIt) {
  peer_.features = 0x1'0000'0000;
  ASSERT_TRUE(rig_.Open().has_value());
  ASSERT_TRUE(backend_.SetFeatures({Feature::kVersion1}).has_value());
  EXPECT_EQ(peer_.log[2].payload, U64Payload(0x1'0000'0000));
}

TEST_F(VhostUserBackendTest, TheTransportsOwnBitsAreNotOfferedOn) {
  peer_.features = ~uint64_t{0};
  ASSERT_TRUE(rig_.Attach().has_value());
  const auto offered = backend_.GetFeatures();
  ASSERT_TRUE(offered.has_value());
  EXPECT_EQ(offered->low(), ~uint64_t{0x4400'0000});
}

TEST_F(VhostUserBackendTest, EveryFeatureBitFrom64UpIsRefusedByItsName) {
  ASSERT_TRUE(rig_.Open().has_value());
  const size_t before = peer_.log.size();
  for (unsigned bit = 64; bit < 128; ++bit) {
    const auto refused = backend_.SetFeatures(FeatureSet::FromBit(bit) |
                                              FeatureSet::FromBit(127) |
                                              FeatureSet{Feature::kVersion1});
    ASSERT_FALSE(refused.has_value()) << bit;
    EXPECT_EQ(refused.error().code(), ErrorCode::kUnsupported);
    EXPECT_THAT(Text(refused.error()),
                AllOf(HasSubstr("bit " + std::to_string(bit) + " "),
                      HasSubstr(std::string(FeatureName(bit)))));
  }
  EXPECT_EQ(peer_.log.size(), before);
}

TEST_F(VhostUserBackendTest, APeerOfNoQueuePairsBreaksTheProtocol) {
  peer_.queue_num = 0;
  const auto opened = rig_.Open();
  ASSERT_FALSE(opened.has_value());
  EXPECT_EQ(opened.error().code(), ErrorCode::kProtocol);
  EXPECT_THAT(Text(opened.error()), HasSubstr("GET_QUEUE_NUM answered 0"));
  EXPECT_FALSE(channel_.attached());
}

TEST_F(VhostUserBackendTest, MorePairsThanTheWireCanNameAreCutTo128) {
  for (const auto& [answer, pairs] :
       {std::pair{uint64_t{1}, 1u}, std::pair{uint64_t{127}, 127u},
        std::pair{uint64_t{128}, 128u}, std::pair{uint64_t{200}, 128u},
        std::pair{uint64_t{1} << 40, 128u}, std::pair{~uint64_t{0}, 128u}}) {
    VhostUserRig rig;
    rig.peer.queue_num = answer;
    ASSERT_TRUE(rig.Open().has_value());
    EXPECT_EQ(rig.backend.caps().max_queue_pairs, pairs);
  }
}

TEST_F(VhostUserBackendTest, NothingOfTheLastPeerHoldsForTheNext_F38) {
  ASSERT_TRUE(rig_.Open().has_value());
  backend_.link().Detach();
  peer_.features = 0x1'0000'0000;
  ASSERT_TRUE(rig_.Attach().has_value());
  EXPECT_EQ(backend_.protocol_features(), 0u);
  EXPECT_FALSE(backend_.caps().status || backend_.caps().config ||
               backend_.caps().multiqueue || backend_.caps().ring_enable);
  EXPECT_EQ(backend_.caps().max_queue_pairs, 1u);
  const size_t before = peer_.log.size();
  ASSERT_TRUE(backend_.SetVringNum(0, 8).has_value());
  EXPECT_EQ(peer_.log[before].flags, 1u);
}

TEST_F(VhostUserBackendTest, AskedAgainAPeerIsWhatItSaysTheSecondTime) {
  peer_.protocol = kProtoAll | kProtoMemSlots;
  ASSERT_TRUE(rig_.Open().has_value());
  ASSERT_EQ(backend_.caps().max_memory_regions, 32u);
  peer_.mem_slots = 7;
  ASSERT_TRUE(backend_.GetFeatures().has_value());
  EXPECT_FALSE(backend_.caps().memory_slots);
  EXPECT_EQ(backend_.caps().max_memory_regions, 8u);
  peer_.features &= ~kBit30;
  ASSERT_TRUE(backend_.GetFeatures().has_value());
  const BackendCaps& caps = backend_.caps();
  EXPECT_EQ(backend_.protocol_features(), 0u);
  EXPECT_EQ(caps.max_queue_pairs, 1u);
  EXPECT_FALSE(caps.status || caps.config || caps.mtu || caps.rarp ||
               caps.inflight || caps.reset_device || caps.multiqueue ||
               caps.ring_enable);
}

// --- need_reply --------------------------------------------------------------

TEST_F(VhostUserBackendTest,
       EveryRequestOfASessionIsAckedOnceThatIsAgreed_S10) {
  ASSERT_TRUE(rig_.RunSession().has_value());
  bool agreed = false;
  for (const WireRequest& request : peer_.log) {
    const bool own_answer = request.request == kReqGetFeatures ||
                            request.request == kReqGetProtocolFeatures ||
                            request.request == kReqGetQueueNum ||
                            request.request == kReqGetStatus ||
                            request.request == kReqGetConfig ||
                            request.request == kReqGetVringBase;
    EXPECT_EQ(request.flags, agreed && !own_answer ? 9u : 1u)
        << request.request;
    agreed = agreed || request.request == kReqSetProtocolFeatures;
  }
}

TEST_F(VhostUserBackendTest, WithoutReplyAckNeedReplyIsNeverSet_F36) {
  peer_.protocol = kProtoAll & ~kProtoReplyAck;
  ASSERT_TRUE(rig_.RunSession().has_value());
  for (const WireRequest& request : peer_.log) EXPECT_EQ(request.flags, 1u);
}

TEST_F(VhostUserBackendTest, WithoutReplyAckACommitEndsWithABarrier_F36) {
  peer_.protocol = kProtoAll & ~kProtoReplyAck;
  ASSERT_TRUE(rig_.Open().has_value());
  const size_t before = peer_.log.size();
  Batch batch(backend_);
  ASSERT_TRUE(backend_.SetVringNum(0, 8) && backend_.SetVringNum(1, 8));
  ASSERT_TRUE(batch.Commit().has_value());
  const std::vector<uint32_t> all = peer_.Requests();
  EXPECT_THAT(
      std::vector(all.begin() + static_cast<ptrdiff_t>(before), all.end()),
      ElementsAre(kReqSetVringNum, kReqSetVringNum, kReqGetFeatures));
}

TEST_F(VhostUserBackendTest, ABarriersAnswerIsNoAck) {
  // A feature word is not 0, which would be a refusal.
  peer_.protocol = 0;
  ASSERT_TRUE(rig_.Open().has_value());
  EXPECT_TRUE(backend_.SetVringNum(0, 8).has_value());
}

// --- Memory ------------------------------------------------------------------

TEST_F(VhostUserBackendTest, AMemoryTableTravelsWithTheDescriptorOfEachRegion) {
  ASSERT_TRUE(rig_.Open().has_value());
  ASSERT_TRUE(backend_.SetMemTable(rig_.table()).has_value());
  EXPECT_EQ(Last().request, kReqSetMemTable);
  EXPECT_THAT(Last().fds, ElementsAre(31, 32));
  EXPECT_EQ(Get(Last().payload, 0, 4), 2u);
  EXPECT_EQ(Get(Last().payload, 8, 8), 0x10000u);
  EXPECT_EQ(Get(Last().payload, 40, 8), 0x20000u);
}

TEST_F(VhostUserBackendTest, EightRegionsAreTakenAndNineAreRefused_H9) {
  ASSERT_TRUE(rig_.Open().has_value());
  std::array<std::byte, 9> memory{};
  MemoryTable table;
  for (size_t i = 0; i < 8; ++i) {
    ASSERT_TRUE(table.Add({.host = std::span(memory).subspan(i, 1),
                           .published = 0x1000 * i,
                           .iova = 0x1000 * i,
                           .fd = static_cast<int>(i)}));
  }
  EXPECT_TRUE(backend_.SetMemTable(table).has_value());
  EXPECT_THAT(Last().fds, ElementsAre(0, 1, 2, 3, 4, 5, 6, 7));
  ASSERT_TRUE(table.Add({.host = std::span(memory).last(1),
                         .published = 0x9000,
                         .iova = 0x9000,
                         .fd = 8}));
  const size_t before = peer_.log.size();
  const auto refused = backend_.SetMemTable(table);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_THAT(Text(refused.error()),
              AllOf(HasSubstr("9 memory regions"), HasSubstr("at most 8")));
  EXPECT_EQ(peer_.log.size(), before);
  EXPECT_TRUE(channel_.attached());
}

// --- Status ------------------------------------------------------------------

TEST_F(VhostUserBackendTest, TheStatusIsSetAndReadAsOneByte) {
  ASSERT_TRUE(rig_.Open().has_value());
  ASSERT_TRUE(backend_.SetStatus(0xff).has_value());
  EXPECT_EQ(Last().payload, U64Payload(0xff));
  EXPECT_EQ(backend_.GetStatus(), 0xff);
}

TEST_F(VhostUserBackendTest, AStatusOfMoreThan8BitsBreaksTheProtocol) {
  ASSERT_TRUE(rig_.Open().has_value());
  peer_.status_answer = 0x100;
  const auto status = backend_.GetStatus();
  ASSERT_FALSE(status.has_value());
  EXPECT_EQ(status.error().code(), ErrorCode::kProtocol);
  EXPECT_THAT(Text(status.error()), HasSubstr("0x100"));
  EXPECT_FALSE(channel_.attached());
}

TEST_F(VhostUserBackendTest, WithoutTheStatusFeatureNeitherMessageIsSent_F38) {
  peer_.protocol = kProtoReplyAck;
  ASSERT_TRUE(rig_.Open().has_value());
  const size_t before = peer_.log.size();
  const auto set = backend_.SetStatus(1);
  const auto got = backend_.GetStatus();
  ASSERT_TRUE(!set && !got);
  EXPECT_EQ(set.error().code(), ErrorCode::kUnsupported);
  EXPECT_EQ(got.error().code(), ErrorCode::kUnsupported);
  EXPECT_THAT(Text(got.error()), HasSubstr("VHOST_USER_PROTOCOL_F_STATUS"));
  EXPECT_EQ(peer_.log.size(), before);
}

// --- Lifetime ----------------------------------------------------------------

TEST_F(VhostUserBackendTest, AttachObeysTheDeadlineOfTheCall) {
  backend_.BeginCall(std::chrono::milliseconds(7));
  ASSERT_TRUE(backend_.link().Attach().has_value());
  EXPECT_EQ(channel_.attach_deadline().at, std::chrono::milliseconds(7));
}

TEST_F(VhostUserBackendTest, AFailedAttachIsReportedAndLeavesNothing) {
  channel_.attach_error = Error::Make(ErrorCode::kDisconnected, "nobody");
  ASSERT_FALSE(rig_.Attach().has_value());
  EXPECT_FALSE(channel_.attached());
  channel_.attach_error.reset();
  EXPECT_TRUE(rig_.Open().has_value());
}

TEST_F(VhostUserBackendTest, TheLinkIsTheChannels) {
  EXPECT_EQ(backend_.link().fd(), -1);
  EXPECT_EQ(backend_.link().Poll(), LinkState::kDown);
  ASSERT_TRUE(rig_.Attach().has_value());
  EXPECT_EQ(backend_.link().fd(), channel_.fd());
  EXPECT_EQ(backend_.link().Poll(), LinkState::kUp);
  backend_.link().Detach();
  EXPECT_FALSE(channel_.attached());
}

TEST_F(VhostUserBackendTest, AStoryTooLongForOneDeadlineEndsAtThatDeadline) {
  // Each answer alone would be in time.
  peer_.spoil = [](size_t, const WireRequest&, WireAnswer& answer) {
    answer.delay = std::chrono::milliseconds(300);
  };
  const auto done = rig_.RunSession();
  ASSERT_FALSE(done.has_value());
  EXPECT_EQ(done.error().code(), ErrorCode::kDeadline);
  EXPECT_EQ(channel_.now(), std::chrono::seconds(2));
}

TEST_F(VhostUserBackendTest, ALaterCallHasADeadlineOfItsOwn) {
  peer_.features = 0x1'0000'0000;
  peer_.spoil = [](size_t, const WireRequest&, WireAnswer& answer) {
    answer.delay = std::chrono::milliseconds(1500);
  };
  ASSERT_TRUE(rig_.Open().has_value());
  EXPECT_TRUE(backend_.SetVringNum(0, 8).error().code() ==
              ErrorCode::kDeadline);
  ASSERT_TRUE(rig_.Open().has_value());
  backend_.BeginCall(std::chrono::seconds(2));
  EXPECT_TRUE(backend_.SetVringNum(0, 8).has_value());
}

}  // namespace
}  // namespace virtio_user
