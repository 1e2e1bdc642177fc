// SPDX-License-Identifier: BSD-3-Clause

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "cli/packet_ledger.h"

namespace virtio_user::cli {
namespace {

using ::testing::HasSubstr;

class PacketLedgerTest : public ::testing::Test {
 protected:
  // Sends the next packet of `pair`; its bytes.
  std::vector<std::byte> Send(uint16_t pair) {
    const PacketId id = ledger_.Next(pair);
    ledger_.Sent(pair);
    std::vector<std::byte> bytes(FrameSizes{}.max);
    bytes.resize(pattern_.Write(id, bytes));
    return bytes;
  }
  std::string Problem(uint16_t pair, std::span<const std::byte> bytes) {
    return ledger_.Echoed(pair, bytes).value_or("fine");
  }

  const PacketPattern pattern_{7, MacAddress{{2, 0, 0, 0, 0, 1}}};
  PacketLedger ledger_{pattern_, 4};
};

TEST_F(PacketLedgerTest, EchoedIntact_IsCountedAndNotMissing) {
  const auto packet = Send(1);
  EXPECT_EQ(ledger_.Missing(1), 1u);
  EXPECT_EQ(Problem(1, packet), "fine");
  EXPECT_EQ(ledger_.Missing(1), 0u);
  EXPECT_EQ(ledger_.counts(1), (PairCounts{.sent = 1,
                                           .sent_bytes = packet.size(),
                                           .received = 1,
                                           .received_bytes = packet.size()}));
}

TEST_F(PacketLedgerTest, FlippedByte_IsNamedWithBothValues) {
  auto packet = Send(1);
  const auto sent = std::to_integer<unsigned>(packet[50]);
  packet[50] ^= std::byte{0xff};
  char expected[160];
  std::snprintf(expected, sizeof(expected),
                "pair 1: packet 0 came back with byte 50 of %zu = %#04x, not "
                "%#04x",
                packet.size(), 0xff ^ sent, sent);
  EXPECT_EQ(Problem(1, packet), expected);
  EXPECT_EQ(ledger_.counts(1).received, 0u);
  EXPECT_EQ(ledger_.Missing(1), 0u);
}

TEST_F(PacketLedgerTest, FlippedByteInTheMacAddress_IsFoundToo) {
  auto packet = Send(0);
  packet[0] ^= std::byte{0x40};
  EXPECT_THAT(Problem(0, packet), HasSubstr("= 0x42, not 0x02"));
}

TEST_F(PacketLedgerTest, CutPacket_IsNamedWithBothSizes) {
  auto packet = Send(2);
  packet.pop_back();
  EXPECT_EQ(Problem(2, packet), "pair 2: packet 0 of pair 2 came back with " +
                                    std::to_string(packet.size()) + " bytes, " +
                                    std::to_string(packet.size() + 1) +
                                    " were sent");
}

TEST_F(PacketLedgerTest, MisroutedPacket_IsNamedWithBothPairs) {
  const auto packet = Send(1);
  EXPECT_EQ(Problem(3, packet),
            "pair 3: packet 0 of pair 1 came back here, misrouted");
  // Not missing either: one packet, one complaint.
  EXPECT_EQ(ledger_.Missing(1), 0u);
}

TEST_F(PacketLedgerTest, DuplicatedPacket_IsNamed) {
  const auto packet = Send(0);
  EXPECT_EQ(Problem(0, packet), "fine");
  EXPECT_EQ(Problem(0, packet), "pair 0: packet 0 of pair 0 came twice");
  EXPECT_EQ(ledger_.counts(0).received, 1u);
}

TEST_F(PacketLedgerTest, PacketNeverSent_IsNamed) {
  std::vector<std::byte> bytes(FrameSizes{}.max);
  bytes.resize(pattern_.Write({.pair = 2, .sequence = 9}, bytes));
  EXPECT_EQ(Problem(2, bytes),
            "pair 2: packet 9 of pair 2 came, which was never sent");
  bytes.resize(FrameSizes{}.max);
  bytes.resize(pattern_.Write({.pair = 4, .sequence = 0}, bytes));
  EXPECT_EQ(Problem(0, bytes),
            "pair 0: packet 0 of pair 4 came, which was never sent");
}

TEST_F(PacketLedgerTest, ForeignBytes_AreNamed) {
  EXPECT_EQ(Problem(0, std::vector<std::byte>(64)),
            "pair 0: 64 bytes came that this run did not send");
}

TEST_F(PacketLedgerTest, ReorderedPackets_AreFine) {
  const auto first = Send(0);
  const auto second = Send(0);
  EXPECT_EQ(Problem(0, second), "fine");
  EXPECT_EQ(Problem(0, first), "fine");
}

TEST_F(PacketLedgerTest, LostPackets_AreNamedByNumber) {
  for (const bool comes_back :
       {true, true, true, false, true, true, true, false, true, true}) {
    const auto packet = Send(0);
    const auto seen = comes_back ? Problem(0, packet) : "fine";
    EXPECT_EQ(seen, "fine");
  }
  EXPECT_EQ(ledger_.Missing(0), 2u);
  EXPECT_EQ(ledger_.DescribeMissing(0, "is it on?"),
            "pair 0: sent 10, 2 did not come back: number 3, 7");
}

TEST_F(PacketLedgerTest, ManyLostPackets_AreCountedAndTheFirstFourNamed) {
  EXPECT_EQ(Problem(0, Send(0)), "fine");
  for (int i = 0; i < 9; ++i) Send(0);
  EXPECT_EQ(ledger_.DescribeMissing(0, "is it on?"),
            "pair 0: sent 10, 9 did not come back: number 1, 2, 3, 4, ...");
}

TEST_F(PacketLedgerTest, PairThatNeverEchoes_IsNamedWithTheAdvice) {
  for (int i = 0; i < 128; ++i) Send(2);
  EXPECT_EQ(ledger_.DescribeMissing(2, "is it on?"),
            "pair 2: sent 128, none came back; is it on?");
  ledger_.WriteOff(2);
  EXPECT_EQ(ledger_.Missing(2), 0u);
}

TEST_F(PacketLedgerTest, PacketOfAPairThatWasWrittenOff_IsStillFine) {
  const auto packet = Send(2);
  ledger_.WriteOff(2);
  EXPECT_EQ(Problem(2, packet), "fine");
  EXPECT_EQ(ledger_.Missing(2), 0u);
}

TEST_F(PacketLedgerTest, WhereANetworkChooses_AnyPairWillDo) {
  PacketLedger ledger(pattern_, 4, Routing::kAnyPair);
  ledger.Sent(1);
  std::vector<std::byte> packet(FrameSizes{}.max);
  packet.resize(pattern_.Write({.pair = 1, .sequence = 0}, packet));

  EXPECT_FALSE(ledger.IsStranger(packet));
  EXPECT_EQ(ledger.Echoed(3, packet), std::nullopt);

  EXPECT_EQ(ledger.Missing(1), 0u);
  EXPECT_EQ(ledger.counts(1).received, 1u);
  EXPECT_EQ(ledger.counts(3).received, 0u);
  EXPECT_THAT(ledger.Echoed(0, packet).value_or("fine"),
              HasSubstr("came twice"));
}

TEST_F(PacketLedgerTest, AStranger_IsOneOnANetworkAlone) {
  const PacketLedger network(pattern_, 4, Routing::kAnyPair);
  const std::vector<std::byte> solicitation(70);

  EXPECT_TRUE(network.IsStranger(solicitation));
  EXPECT_FALSE(ledger_.IsStranger(solicitation));
  EXPECT_THAT(Problem(0, solicitation), HasSubstr("did not send"));
}

}  // namespace
}  // namespace virtio_user::cli
