// SPDX-License-Identifier: BSD-3-Clause
//
// What personalities do with rings of both formats.

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/sim/packet_rig.h"

namespace {

using ::backend_sim::HasBit;
using ::backend_sim::NumBuffersLie;
using ::backend_sim::Personality;
using ::sim_test::Bytes;
using ::sim_test::kInOrder;
using ::sim_test::kModern;
using ::sim_test::kMrgRxbuf;
using ::sim_test::kPacked;
using ::sim_test::Pattern;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using Rig = ::sim_test::PacketRig;

class PacketBehaviourTest : public testing::TestWithParam<uint64_t> {};

INSTANTIATE_TEST_SUITE_P(Formats, PacketBehaviourTest,
                         testing::Values(kModern, kModern | kPacked),
                         [](const auto& param) {
                           return std::string(
                               HasBit(param.param, 34) ? "Packed" : "Split");
                         });

TEST_P(PacketBehaviourTest, OutOfOrderShufflesChainsAndNotPackets) {
  Rig rig(GetParam(), "out-of-order");
  std::vector<uint16_t> rx_order;
  std::vector<uint16_t> tx_order;
  for (int round = 0; round < 20; ++round) {
    for (uint8_t i = 0; i < 8; ++i) rig.pair.PostRx(2048);
    for (uint8_t i = 0; i < 8; ++i) rig.Send(Pattern(60, i));
    rig.Run();
    while (const auto used = rig.pair.tx.driver->Take()) {
      tx_order.push_back(used->id);
    }
    for (uint8_t i = 0; i < 8; ++i) {
      const auto used = rig.pair.rx.driver->Take();
      ASSERT_TRUE(used.has_value());
      rx_order.push_back(used->id);
      const auto at = rig.pair.rx.buffer_of.at(used->id) * 2048 + 12;
      const auto packet = rig.pair.rx.buffers.subspan(at, 60);
      ASSERT_EQ(Bytes(packet.begin(), packet.end()), Pattern(60, i));
    }
  }
  EXPECT_THAT(rx_order, SizeIs(160));
  EXPECT_THAT(tx_order, SizeIs(160));
  const auto in_turn = [](const std::vector<uint16_t>& order) {
    return std::is_sorted(order.begin(), order.begin() + 8);
  };
  EXPECT_FALSE(in_turn(rx_order) && in_turn(tx_order));
  EXPECT_THAT(rig.world.violations(), IsEmpty());
}

TEST_P(PacketBehaviourTest, MergedPacketsSurviveOutOfOrder) {
  Rig rig(GetParam() | kMrgRxbuf, "out-of-order");
  for (int round = 0; round < 20; ++round) {
    for (int i = 0; i < 16; ++i) rig.pair.PostRx(100);
    for (uint8_t i = 0; i < 6; ++i) rig.Send(Pattern(30 + 40 * (i % 4), i));
    rig.Run();
    for (uint8_t i = 0; i < 6; ++i) {
      Bytes all;
      do {
        const std::optional<Bytes> part = rig.pair.TakeRx();
        ASSERT_TRUE(part.has_value());
        all.insert(all.end(), part->begin(), part->end());
      } while (all.size() < 12u + 30 + 40 * (i % 4));
      ASSERT_EQ(Bytes(all.begin() + 12, all.end()),
                Pattern(30 + 40 * (i % 4), i));
    }
    rig.pair.ReapTx();
    // What is left of the buffers is used up.
    while (rig.pair.rx.driver->in_flight() != 0) {
      rig.Send(Pattern(20, 0));
      rig.Run();
      ASSERT_TRUE(rig.pair.TakeRx().has_value());
      rig.pair.ReapTx();
    }
  }
  EXPECT_THAT(rig.world.violations(), IsEmpty());
}

TEST_P(PacketBehaviourTest, InOrderGivesOneElementForABatch) {
  Rig rig(GetParam() | kInOrder, "in-order-batch");
  for (int round = 0; round < 10; ++round) {
    for (uint8_t i = 0; i < 6; ++i) rig.pair.PostRx(2048);
    for (uint8_t i = 0; i < 6; ++i) rig.Send(Pattern(60, i));
    rig.Run();
    if (round == 0 && !HasBit(GetParam(), 34)) {
      // One element, at the first place, names the last chain.
      EXPECT_EQ(std::to_integer<int>(rig.pair.tx.layout.device[4]), 5);
    }
    EXPECT_EQ(rig.pair.ReapTx(), 6u);
    for (uint8_t i = 0; i < 6; ++i) ASSERT_EQ(rig.Receive(), Pattern(60, i));
  }
  EXPECT_THAT(rig.world.violations(), IsEmpty());
}

TEST_P(PacketBehaviourTest, InOrderGivesOneElementForTheBuffersOfAFrame) {
  Rig rig(GetParam() | kInOrder | kMrgRxbuf, "in-order-batch");
  for (int i = 0; i < 4; ++i) rig.pair.PostRx(100);
  rig.Send(Pattern(250, 3));
  rig.Run();
  Bytes all;
  for (const size_t expected : {100u, 100u, 62u}) {
    const std::optional<Bytes> part = rig.pair.TakeRx();
    ASSERT_TRUE(part.has_value());
    EXPECT_THAT(*part, SizeIs(expected));
    all.insert(all.end(), part->begin(), part->end());
  }
  EXPECT_EQ(Bytes(all.begin() + 12, all.end()), Pattern(250, 3));
  EXPECT_FALSE(rig.pair.TakeRx().has_value());
}

TEST_P(PacketBehaviourTest, WhereInOrderWasNotAcceptedNothingIsBatched) {
  Rig rig(GetParam(), "in-order-batch");
  for (uint8_t i = 0; i < 5; ++i) rig.Send(Pattern(60, i));
  rig.Run();
  EXPECT_EQ(rig.pair.ReapTx(), 1u);  // The others wait for RX buffers.
}

TEST_P(PacketBehaviourTest, ADelayedFlushInterruptsForSevenFramesAtOnce) {
  const auto interrupts = [](std::string_view name) {
    Rig rig(GetParam(), name);
    rig.pair.rx.driver->SuppressInterrupts(false);
    for (uint8_t i = 0; i < 10; ++i) rig.pair.PostRx(2048);
    for (uint8_t i = 0; i < 10; ++i) rig.Send(Pattern(60, i));
    rig.Run();
    for (uint8_t i = 0; i < 10; ++i) EXPECT_EQ(rig.Receive(), Pattern(60, i));
    return *rig.pair.rx.call.Drain();
  };
  EXPECT_EQ(interrupts("conforming"), 10u);
  EXPECT_EQ(interrupts("delayed-flush"), 2u);
}

TEST_P(PacketBehaviourTest, ManyBuffersSpreadsAFrameOverAllThatAreThere) {
  Rig rig(GetParam() | kMrgRxbuf, "many-buffers");
  for (int i = 0; i < 5; ++i) rig.pair.PostRx(100);
  rig.Send(Pattern(60, 3));
  rig.Run();
  Bytes all;
  for (const size_t expected : {24u, 12u, 12u, 12u, 12u}) {
    const std::optional<Bytes> part = rig.pair.TakeRx();
    ASSERT_TRUE(part.has_value());
    EXPECT_THAT(*part, SizeIs(expected));
    all.insert(all.end(), part->begin(), part->end());
  }
  EXPECT_EQ(all[10], std::byte{5});
  EXPECT_EQ(Bytes(all.begin() + 12, all.end()), Pattern(60, 3));
}

TEST_P(PacketBehaviourTest, SmallPiecesFillNoBuffer) {
  Rig rig(GetParam() | kMrgRxbuf, "small-pieces");
  for (int i = 0; i < 5; ++i) rig.pair.PostRx(2048);
  rig.Send(Pattern(200, 3));
  rig.Run();
  for (const size_t expected : {76u, 64u, 64u, 8u}) {
    EXPECT_THAT(rig.pair.TakeRx().value_or(Bytes()), SizeIs(expected));
  }
  // One buffer is left: it is enough, and has to be.
  rig.Send(Pattern(200, 4));
  rig.Run();
  EXPECT_EQ(rig.Receive(), Pattern(200, 4));
}

TEST_P(PacketBehaviourTest, NoSpreadingWithoutMergeableBuffers) {
  for (const std::string_view name : {"many-buffers", "small-pieces"}) {
    Rig rig(GetParam(), name);
    for (int i = 0; i < 5; ++i) rig.pair.PostRx(2048);
    rig.Send(Pattern(200, 3));
    rig.Run();
    EXPECT_EQ(rig.Receive(), Pattern(200, 3));
    EXPECT_FALSE(rig.pair.TakeRx().has_value());
  }
}

TEST_P(PacketBehaviourTest, AHostileOneLiesAboutTheNumberOfBuffers) {
  Rig rig(GetParam() | kMrgRxbuf, "hostile-num-buffers");
  std::set<int> said;
  for (int round = 0; round < 64; ++round) {
    rig.pair.PostRx(100);
    rig.pair.PostRx(100);
    rig.Send(Pattern(150, 1));
    rig.Run();
    const std::optional<Bytes> first = rig.pair.TakeRx();
    ASSERT_TRUE(first.has_value());
    said.insert(std::to_integer<int>((*first)[10]));
    EXPECT_TRUE(rig.pair.TakeRx().has_value());
    rig.pair.ReapTx();
  }
  EXPECT_THAT(said, ElementsAre(0, 1, 2, 3));
}

TEST_P(PacketBehaviourTest, OnlyAHostileOneLies) {
  Personality personality = Personality::Conforming();
  personality.num_buffers_lie = NumBuffersLie::kZero;
  Rig rig(GetParam() | kMrgRxbuf, personality);
  rig.pair.PostRx(100);
  rig.Send(Pattern(50, 1));
  rig.Run();
  EXPECT_EQ((*rig.pair.TakeRx())[10], std::byte{1});
}

}  // namespace
