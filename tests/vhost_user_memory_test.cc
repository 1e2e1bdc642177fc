// SPDX-License-Identifier: BSD-3-Clause
//
// The messages of VhostUserBackend about memory, region by region.

#include <array>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fakes/vhost_user_rig.h"
#include "virtio_user/vhost_user/vhost_user_backend.h"

namespace virtio_user {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr size_t kPage = 0x1000;

std::string Text(const Error& error) { return std::string(error.text()); }

class VhostUserMemoryTest : public ::testing::Test {
 protected:
  VhostUserMemoryTest() { peer_.protocol = kProtoAll | kProtoMemSlots; }
  ~VhostUserMemoryTest() override {
    EXPECT_THAT(peer_.violations, IsEmpty());
    EXPECT_EQ(channel_.misplaced_fds(), 0u);
  }
  // Page `i`, with a hole before the next one.
  MemoryRegion Page(size_t i) {
    return {.host = std::span(memory_).subspan(2 * i * kPage, kPage),
            .published = 0x10'0000 + i * 0x1'0000,
            .iova = 0x10'0000 + i * 0x1'0000,
            .fd = static_cast<int>(40 + i),
            .offset = 0x5000};
  }
  MemoryTable Pages(size_t begin, size_t end) {
    MemoryTable table;
    for (size_t i = begin; i < end; ++i) EXPECT_TRUE(table.Add(Page(i)));
    return table;
  }
  // Messages since the last call of it.
  std::vector<uint32_t> New() {
    const auto all = peer_.Requests();
    const std::vector<uint32_t> fresh(
        all.begin() + static_cast<std::ptrdiff_t>(seen_), all.end());
    seen_ = all.size();
    return fresh;
  }
  // Opened, with pages 0 and 1 shared and a ring started.
  void Run() {
    ASSERT_TRUE(rig_.Open().has_value());
    ASSERT_TRUE(backend_.SetMemTable(Pages(0, 2)).has_value());
    ASSERT_TRUE(backend_.SetVringKick(0, 25).has_value());
    (void)New();
  }

  std::array<std::byte, 64 * kPage> memory_{};
  VhostUserRig rig_;
  VhostPeer& peer_ = rig_.peer;
  ScriptedChannel& channel_ = rig_.channel;
  VhostUserBackend& backend_ = rig_.backend;
  size_t seen_ = 0;
};

TEST_F(VhostUserMemoryTest, TheSlotsAreAskedForAndBounded) {
  for (const auto& [slots, regions] : {std::pair<uint64_t, size_t>{8, 8},
                                       {9, 9},
                                       {32, 32},
                                       {509, 509},
                                       {~0ull, 509}}) {
    VhostUserRig rig;
    rig.peer.protocol = kProtoAll | kProtoMemSlots;
    rig.peer.mem_slots = slots;
    ASSERT_TRUE(rig.Open().has_value());
    EXPECT_TRUE(rig.backend.caps().memory_slots);
    EXPECT_EQ(rig.backend.caps().max_memory_regions, regions);
    // In the order of their numbers, and all before anybody waits.
    EXPECT_THAT(
        rig.peer.Requests(),
        ElementsAre(kReqSetOwner, kReqGetFeatures, kReqGetProtocolFeatures,
                    kReqSetProtocolFeatures, kReqGetQueueNum,
                    kReqGetMaxMemSlots, kReqGetConfig));
    EXPECT_THAT(rig.peer.violations, IsEmpty());
  }
}

TEST_F(VhostUserMemoryTest, WithFewerSlotsThanATableHasTablesAreSent) {
  peer_.mem_slots = 7;
  ASSERT_TRUE(rig_.RunSession().has_value());
  EXPECT_FALSE(backend_.caps().memory_slots);
  EXPECT_EQ(backend_.caps().max_memory_regions, 8u);
  EXPECT_THAT(peer_.Requests(), ::testing::Contains(kReqSetMemTable));
}

TEST_F(VhostUserMemoryTest, AFirstTableIsAddedRegionByRegion) {
  ASSERT_TRUE(rig_.Open().has_value());
  (void)New();
  ASSERT_TRUE(backend_.SetMemTable(Pages(0, 2)).has_value());
  EXPECT_THAT(New(), ElementsAre(kReqAddMemReg, kReqAddMemReg));
  const WireRequest& last = peer_.log.back();
  ASSERT_EQ(last.payload.size(), 40u);
  EXPECT_EQ(Get(last.payload, 0, 8), 0u);
  EXPECT_EQ(Get(last.payload, 8, 8), 0x11'0000u);   // Guest address.
  EXPECT_EQ(Get(last.payload, 16, 8), 0x1000u);     // Size.
  EXPECT_EQ(Get(last.payload, 24, 8), 0x11'0000u);  // User address.
  EXPECT_EQ(Get(last.payload, 32, 8), 0x5000u);     // Offset in the file.
  EXPECT_THAT(last.fds, ElementsAre(41));
}

TEST_F(VhostUserMemoryTest, ALaterTableForStoppedRingsAddsWhatHasCome) {
  ASSERT_TRUE(rig_.Open().has_value());
  ASSERT_TRUE(backend_.SetMemTable(Pages(0, 2)).has_value());
  (void)New();
  ASSERT_TRUE(backend_.SetMemTable(Pages(0, 2)).has_value());
  EXPECT_THAT(New(), IsEmpty());
  ASSERT_TRUE(backend_.SetMemTable(Pages(0, 3)).has_value());
  EXPECT_THAT(New(), ElementsAre(kReqAddMemReg));
}

// libvhost-user (QEMU 7.2) ends the connection where the memory of a stopped
// ring goes and comes back.
TEST_F(VhostUserMemoryTest, WhereSomethingGoesForStoppedRingsOneTableSaysIt) {
  ASSERT_TRUE(rig_.Open().has_value());
  ASSERT_TRUE(backend_.SetMemTable(Pages(0, 2)).has_value());
  (void)New();
  ASSERT_TRUE(backend_.SetMemTable(Pages(0, 1)).has_value());
  EXPECT_THAT(New(), ElementsAre(kReqSetMemTable));
  ASSERT_TRUE(backend_.SetMemTable(Pages(0, 1)).has_value());
  EXPECT_THAT(New(), IsEmpty());
}

TEST_F(VhostUserMemoryTest, MoreThanATableHoldsIsSaidByRegions) {
  ASSERT_TRUE(rig_.Open().has_value());
  ASSERT_TRUE(backend_.SetMemTable(Pages(0, 10)).has_value());
  (void)New();
  ASSERT_TRUE(backend_.SetMemTable(Pages(1, 12)).has_value());
  EXPECT_THAT(New(), ElementsAre(kReqRemMemReg, kReqAddMemReg, kReqAddMemReg));
}

// A ring may lie across both pieces.
TEST_F(VhostUserMemoryTest, PiecesBecomeOneRegionAtTheNextStart) {
  ASSERT_TRUE(rig_.Open().has_value());
  MemoryTable half;
  ASSERT_TRUE(half.Add(Page(0).Part(0, kPage / 2)));
  ASSERT_TRUE(backend_.SetMemTable(half).has_value());
  ASSERT_TRUE(backend_.ChangeMemTable(Pages(0, 1)).has_value());
  (void)New();
  ASSERT_TRUE(backend_.SetMemTable(Pages(0, 1)).has_value());
  EXPECT_THAT(New(), ElementsAre(kReqSetMemTable));
}

TEST_F(VhostUserMemoryTest, WhileRingsRunOnlyTheDifferenceIsSent) {
  Run();
  ASSERT_TRUE(backend_.ChangeMemTable(Pages(0, 3)).has_value());
  EXPECT_THAT(New(), ElementsAre(kReqAddMemReg));
  EXPECT_THAT(peer_.log.back().fds, ElementsAre(42));
  ASSERT_TRUE(backend_.ChangeMemTable(Pages(1, 3)).has_value());
  EXPECT_THAT(New(), ElementsAre(kReqRemMemReg));
  EXPECT_EQ(Get(peer_.log.back().payload, 8, 8), 0x10'0000u);
  EXPECT_EQ(Get(peer_.log.back().payload, 16, 8), 0x1000u);
  EXPECT_EQ(Get(peer_.log.back().payload, 24, 8), 0x10'0000u);
  ASSERT_TRUE(backend_.ChangeMemTable(Pages(1, 3)).has_value());
  EXPECT_THAT(New(), IsEmpty());
}

TEST_F(VhostUserMemoryTest, MoreThanEightRegionsFit) {
  peer_.mem_slots = 20;
  ASSERT_TRUE(rig_.Open().has_value());
  ASSERT_TRUE(backend_.SetMemTable(Pages(0, 20)).has_value());
  const auto refused = backend_.SetMemTable(Pages(0, 21));
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_THAT(Text(refused.error()), HasSubstr("21 memory regions"));
}

TEST_F(VhostUserMemoryTest, ARefusedAdditionIsNamedAndNotKept) {
  Run();
  peer_.refuse = {peer_.log.size()};
  const auto refused = backend_.ChangeMemTable(Pages(0, 3));
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), ErrorCode::kRefused);
  EXPECT_THAT(Text(refused.error()), HasSubstr("ADD_MEM_REG"));
  (void)New();
  // It is asked again, and what was not added is not taken away.
  ASSERT_TRUE(backend_.ChangeMemTable(Pages(0, 2)).has_value());
  EXPECT_THAT(New(), IsEmpty());
  ASSERT_TRUE(backend_.ChangeMemTable(Pages(0, 3)).has_value());
  EXPECT_THAT(New(), ElementsAre(kReqAddMemReg));
}

// A refusal says little of what was carried out, a whole table leaves nothing
// open.
TEST_F(VhostUserMemoryTest, AfterARefusalTheNextStartSendsAWholeTable) {
  ASSERT_TRUE(rig_.Open().has_value());
  peer_.refuse = {peer_.log.size() + 1};
  ASSERT_FALSE(backend_.SetMemTable(Pages(0, 2)).has_value());
  (void)New();
  ASSERT_TRUE(backend_.SetMemTable(Pages(0, 2)).has_value());
  EXPECT_THAT(New(), ElementsAre(kReqSetMemTable));
  ASSERT_TRUE(backend_.SetMemTable(Pages(0, 3)).has_value());
  EXPECT_THAT(New(), ElementsAre(kReqAddMemReg));
}

TEST_F(VhostUserMemoryTest, ARefusedRemovalIsNamedAndAskedForAgain) {
  Run();
  peer_.refuse = {peer_.log.size()};
  const auto refused = backend_.ChangeMemTable(Pages(0, 1));
  ASSERT_FALSE(refused.has_value());
  EXPECT_THAT(Text(refused.error()), HasSubstr("REM_MEM_REG"));
  (void)New();
  ASSERT_TRUE(backend_.ChangeMemTable(Pages(0, 1)).has_value());
  EXPECT_THAT(New(), ElementsAre(kReqRemMemReg));
}

TEST_F(VhostUserMemoryTest, APartThatGoesTakesAWholeTable) {
  Run();
  MemoryTable half;
  ASSERT_TRUE(half.Add(Page(0)));
  ASSERT_TRUE(half.Add(Page(1).Part(0, kPage / 2)));
  const auto refused = backend_.ChangeMemTable(half);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), ErrorCode::kUnsupported);
  EXPECT_THAT(New(), IsEmpty());

  ASSERT_TRUE(backend_.SetMemTable(half).has_value());
  EXPECT_THAT(New(), ElementsAre(kReqSetMemTable));
  // From there on by regions again.
  ASSERT_TRUE(backend_.ChangeMemTable(Pages(0, 1)).has_value());
  EXPECT_THAT(New(), ElementsAre(kReqRemMemReg));
  EXPECT_EQ(Get(peer_.log.back().payload, 16, 8), kPage / 2);
}

TEST_F(VhostUserMemoryTest, WithoutReplyAckAQuestionShowsThatItWasRead) {
  peer_.protocol &= ~kProtoReplyAck;
  Run();
  ASSERT_TRUE(backend_.ChangeMemTable(Pages(0, 3)).has_value());
  EXPECT_THAT(New(), ElementsAre(kReqAddMemReg, kReqGetFeatures));
  ASSERT_TRUE(backend_.ChangeMemTable(Pages(0, 2)).has_value());
  EXPECT_THAT(New(), ElementsAre(kReqRemMemReg, kReqGetFeatures));
}

TEST_F(VhostUserMemoryTest, ANewPeerHasNothingYet) {
  Run();
  backend_.link().Detach();
  ASSERT_TRUE(rig_.Open().has_value());
  (void)New();
  ASSERT_TRUE(backend_.SetMemTable(Pages(0, 2)).has_value());
  EXPECT_THAT(New(), ElementsAre(kReqAddMemReg, kReqAddMemReg));
}

TEST_F(VhostUserMemoryTest, WhatWasQueuedAndDiscardedIsForgotten) {
  Run();
  {
    Batch batch(backend_);
    ASSERT_TRUE(backend_.ChangeMemTable(Pages(0, 3)).has_value());
  }
  EXPECT_THAT(New(), IsEmpty());
  ASSERT_TRUE(backend_.SetVringCall(0, 9).has_value());
  (void)New();
  ASSERT_TRUE(backend_.ChangeMemTable(Pages(0, 3)).has_value());
  EXPECT_THAT(New(), ElementsAre(kReqAddMemReg));
}

TEST_F(VhostUserMemoryTest, AKickThatNobodyHeardStartsNoRing) {
  ASSERT_TRUE(rig_.Open().has_value());
  ASSERT_TRUE(backend_.SetMemTable(Pages(0, 2)).has_value());
  ASSERT_FALSE(backend_.SetVringKick(256, 25).has_value());
  backend_.BeginBatch();
  ASSERT_TRUE(backend_.SetVringKick(0, 25).has_value());
  backend_.Discard();
  (void)New();

  ASSERT_TRUE(backend_.SetMemTable(Pages(0, 10)).has_value());

  EXPECT_THAT(New(), testing::Each(kReqAddMemReg));
}

TEST_F(VhostUserMemoryTest, WithoutTheFeatureThereIsNoDifferenceToTell) {
  peer_.protocol = kProtoAll;
  ASSERT_TRUE(rig_.Open().has_value());
  const auto refused = backend_.ChangeMemTable(Pages(0, 2));
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), ErrorCode::kUnsupported);
}

}  // namespace
}  // namespace virtio_user
