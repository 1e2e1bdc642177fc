// SPDX-License-Identifier: BSD-3-Clause
//
// The packet engine on both ring formats.

#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/sim/packet_rig.h"

namespace {

using ::backend_sim::HasBit;
using ::backend_sim::Personality;
using ::backend_sim::Rule;
using ::sim_test::Bytes;
using ::sim_test::Header;
using ::sim_test::kEventIdx;
using ::sim_test::kHashReport;
using ::sim_test::kIndirect;
using ::sim_test::kModern;
using ::sim_test::kMrgRxbuf;
using ::sim_test::kPacked;
using ::sim_test::Pattern;
using ::sim_test::State;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::virtio_user::BareBuffer;
using Rig = ::sim_test::PacketRig;

class PacketRingsTest : public testing::TestWithParam<uint64_t> {};

INSTANTIATE_TEST_SUITE_P(Formats, PacketRingsTest,
                         testing::Values(kModern, kModern | kPacked),
                         [](const auto& param) {
                           return std::string(
                               HasBit(param.param, 34) ? "Packed" : "Split");
                         });

TEST_P(PacketRingsTest, PacketsComeBackInTurnRoundAfterRound) {
  Rig rig(GetParam(), "conforming");
  for (uint8_t i = 0; i < 100; ++i) {
    rig.pair.PostRx(2048);
    rig.Send(Pattern(60, i));
    rig.Run();
    ASSERT_EQ(rig.Receive(), Pattern(60, i));
    ASSERT_EQ(rig.pair.ReapTx(), 1u);
  }
  EXPECT_THAT(rig.world.violations(), IsEmpty());
}

// However much memory a chain names, a server needs no more than a packet's.
TEST_P(PacketRingsTest, APacketLongerThanAnyIsBreaksTheRing) {
  Rig rig(GetParam(), "conforming");
  const std::span<std::byte> all = rig.pair.tx.buffers;
  const BareBuffer whole = {
      .buffer = {.addr = rig.pair.AddressOf(all.data(), all.size()),
                 .bytes = static_cast<uint32_t>(all.size())}};

  rig.pair.tx.driver->Offer(std::vector<BareBuffer>{whole, whole, whole});
  (void)rig.pair.tx.kick.Signal();
  rig.Run();

  EXPECT_THAT(rig.Rules(), ElementsAre(Rule::kRingContents));
  EXPECT_EQ(rig.world.server().packets().counters(0).received, 0u);
}

TEST(PacketPackedRingsTest, SizesThatAreNoPowerOfTwoAreServed) {
  for (const uint16_t num : {3, 5, 7, 255}) {
    Rig rig(kModern | kPacked, "conforming", num);
    for (uint8_t i = 0; i < 30; ++i) {
      rig.pair.PostRx(2048);
      rig.pair.SendTx(Header(12), Pattern(60, i), {12, 1});
      rig.Run();
      ASSERT_EQ(rig.Receive(), Pattern(60, i));
      ASSERT_EQ(rig.pair.ReapTx(), 1u);
    }
    EXPECT_THAT(rig.world.violations(), IsEmpty());
  }
}

TEST_P(PacketRingsTest, AHeaderWithAHashHas20Bytes) {
  Personality personality = Personality::Conforming();
  personality.features |= kHashReport;
  Rig rig(GetParam() | kHashReport, personality);
  rig.pair.PostRx(2048);
  rig.pair.SendTx(Bytes(20, std::byte{0xff}), Pattern(60, 1));
  rig.Run();
  const std::optional<Bytes> back = rig.pair.TakeRx();
  ASSERT_TRUE(back.has_value());
  ASSERT_THAT(*back, SizeIs(80));
  // No hash is reported.
  EXPECT_EQ(Bytes(back->begin() + 12, back->begin() + 20), Bytes(8));
}

TEST_P(PacketRingsTest, AStoppedRingGoesOnWhereItStood) {
  Rig rig(GetParam(), "conforming", 4);
  for (uint8_t i = 0; i < 6; ++i) {
    rig.pair.PostRx(2048);
    rig.Send(Pattern(60, i));
    rig.Run();
    EXPECT_EQ(rig.Receive(), Pattern(60, i));
    rig.pair.ReapTx();
  }
  // 6 of 4: the second place of the second round.
  const uint32_t expected = HasBit(GetParam(), 34) ? 0x0002'0002 : 6;
  for (auto* const ring : {&rig.pair.rx, &rig.pair.tx}) {
    const auto base =
        rig.client.Ask({.request = 11, .payload = State(ring->index, 0)});
    ASSERT_TRUE(base.has_value());
    EXPECT_EQ(base->value() >> 32, expected);
    rig.pair.Configure(*ring, expected);
  }
  rig.pair.PostRx(2048);
  rig.Send(Pattern(60, 99));
  rig.Run();
  EXPECT_EQ(rig.Receive(), Pattern(60, 99));
  EXPECT_THAT(rig.world.violations(), IsEmpty());
}

TEST(PacketPackedRingsTest, LibVhostSaysWhereItStandsIn16Bits) {
  Rig rig(kModern | kPacked, "lib-vhost", 4);
  rig.pair.PostRx(2048);
  rig.Send(Pattern(60, 1));
  rig.Run();
  EXPECT_EQ(rig.Receive(), Pattern(60, 1));
  rig.pair.ReapTx();
  const auto base = rig.client.Ask({.request = 11, .payload = State(0, 0)});
  EXPECT_EQ(base->value() >> 32, 0x8001u);
  rig.pair.Configure(rig.pair.rx, 0x8001);
  rig.pair.PostRx(2048);
  rig.Send(Pattern(60, 2));
  rig.Run();
  EXPECT_EQ(rig.Receive(), Pattern(60, 2));
  EXPECT_THAT(rig.world.violations(), IsEmpty());
}

TEST_P(PacketRingsTest, WithEventIdxTheAwaitedPacketInterrupts) {
  Rig rig(GetParam() | kEventIdx, "conforming");
  rig.pair.rx.driver->InterruptAt({.index = 2});
  for (uint8_t i = 0; i < 5; ++i) {
    rig.pair.PostRx(2048);
    rig.Send(Pattern(60, i));
    rig.Run();
    EXPECT_EQ(*rig.pair.rx.call.Drain(), i == 2 ? 1u : 0u) << int{i};
  }
  EXPECT_THAT(rig.world.violations(), IsEmpty());
}

// --- What a driver may not do
// -------------------------------------------------

BareBuffer Readable(Rig& rig) {
  return {.buffer = {rig.pair.AddressOf(rig.pair.tx.buffers.data(), 64), 64}};
}

void OfferListWithAGap(Rig& rig) {
  const std::vector<BareBuffer> list(3, Readable(rig));
  rig.pair.tx.driver->Offer(list);
  rig.pair.tx.layout.desc[16 + 15] = std::byte{0x80};  // USED as well.
}

TEST(PacketPackedRingsTest, AListWithAGapBreaksItsRingAndIsReported) {
  Rig rig(kModern | kPacked, "conforming");
  OfferListWithAGap(rig);
  rig.Run();
  EXPECT_THAT(rig.Rules(), ElementsAre(Rule::kRingContents));
  EXPECT_THAT(rig.world.violations()[0].detail,
              testing::HasSubstr("ring 1: descriptor 1 of the list at 0"));
}

TEST(PacketPackedRingsTest, AnIdThatIsInFlightIsReported) {
  Rig rig(kModern | kPacked | kMrgRxbuf, "conforming");
  rig.pair.PostRx(100);
  rig.pair.PostRx(100);
  rig.pair.rx.layout.desc[16 + 12] = std::byte{0};  // The first one's id.
  rig.Send(Pattern(150, 1));
  rig.Run();
  EXPECT_THAT(rig.Rules(), ElementsAre(Rule::kIdInFlight));
}

TEST_P(PacketRingsTest, ATableIsReportedWhereItWasNotAccepted) {
  for (const bool accepted : {false, true}) {
    Rig rig(GetParam() | (accepted ? kIndirect : 0), "conforming");
    const BareBuffer packet = Readable(rig);
    // One descriptor, of either format: a readable buffer, nothing behind it.
    std::byte* const table = rig.pair.tx.buffers.data() + 4096;
    std::memcpy(table, &packet.buffer.addr.value, 8);
    std::memcpy(table + 8, &packet.buffer.bytes, 4);
    rig.pair.tx.driver->Offer(
        {.buffer = {rig.pair.AddressOf(table, 16), 16}, .is_table = true});
    rig.Run();
    EXPECT_THAT(rig.Rules(), SizeIs(accepted ? 0 : 1));
    EXPECT_EQ(rig.pair.ReapTx(), 1u);
  }
}

TEST(PacketPackedRingsTest, ATableInAListIsReported) {
  Rig rig(kModern | kPacked | kIndirect, "conforming");
  BareBuffer table = Readable(rig);
  table.is_table = true;
  rig.pair.tx.driver->Offer(std::vector<BareBuffer>{Readable(rig), table});
  rig.Run();
  EXPECT_THAT(rig.Rules(), ElementsAre(Rule::kRingContents));
}

// Where it lies may be nobody's memory any more.
TEST(PacketPackedRingsTest, WhatABrokenRingSaysOfEventsIsNotLookedAt) {
  Rig rig(kModern | kPacked, "conforming");
  OfferListWithAGap(rig);
  rig.Run();
  rig.pair.tx.driver->InterruptAt({});
  rig.Run();
  EXPECT_THAT(rig.Rules(), ElementsAre(Rule::kRingContents));
}

TEST(PacketSplitRingsTest, FlagsWithEventIdxAreReportedOnce) {
  Rig rig(kModern | kEventIdx, "conforming");
  rig.pair.tx.driver->SuppressInterrupts(true);
  rig.Run();
  rig.Run();
  EXPECT_THAT(rig.Rules(), ElementsAre(Rule::kEventFlags));
}

TEST(PacketPackedRingsTest, DescWithoutEventIdxIsReportedOnce) {
  Rig rig(kModern | kPacked, "conforming");
  rig.pair.tx.driver->InterruptAt({});
  rig.Run();
  rig.Run();
  EXPECT_THAT(rig.Rules(), ElementsAre(Rule::kEventFlags));
}

}  // namespace
