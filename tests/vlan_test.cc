// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/net/vlan.h"

#include <string>

#include "gtest/gtest.h"
#include "tests/net_support.h"

namespace virtio_user {
namespace {

class VlanTest : public ::testing::Test {
 protected:
  // Twelve bytes of addresses, a tag, the rest.
  static Bytes Tagged(size_t bytes, uint8_t high, uint8_t low) {
    Bytes frame = MakeFrame(bytes, 1);
    const uint8_t tag[] = {0x81, 0x00, high, low};
    std::memcpy(&frame[12], tag, 4);
    return frame;
  }
  static Bytes WithoutTag(const Bytes& frame) {
    Bytes bytes(frame.begin(), frame.begin() + 12);
    bytes.insert(bytes.end(), frame.begin() + 16, frame.end());
    return bytes;
  }
  Packet MakeWith(const Bytes& frame, const Offload& offload) {
    Packet packet = bench_.Make(frame);
    bench_.pool.SetOffload(packet, offload);
    return packet;
  }

  NetBench bench_{{.buffer_bytes = 128}};
  BufferPool& pool_ = bench_.pool;
};

TEST_F(VlanTest, TheOuterTagIsTakenOutInHostOrder) {
  const Bytes frame = Tagged(60, 0xe1, 0x23);
  Packet packet = bench_.Make(frame);
  EXPECT_EQ(StripVlan(pool_, packet), 0xe123);
  EXPECT_EQ(packet.bytes, 56u);
  EXPECT_EQ(bench_.Frame(packet), WithoutTag(frame));
}

TEST_F(VlanTest, OfTwoTagsTheInnerOneStays) {
  Bytes frame = Tagged(60, 0x00, 0x01);
  std::copy_n(frame.begin() + 12, 4, frame.begin() + 16);
  frame[19] = std::byte{2};
  Packet packet = bench_.Make(frame);
  EXPECT_EQ(StripVlan(pool_, packet), 1);
  EXPECT_EQ(StripVlan(pool_, packet), 2);
  EXPECT_EQ(StripVlan(pool_, packet), std::nullopt);
}

TEST_F(VlanTest, AFrameWithoutATagOrTooShortForOneStaysAsItIs) {
  for (size_t bytes = 1; bytes <= 17; ++bytes) {
    Bytes frame = MakeFrame(bytes, 3);
    if (bytes > 12) frame[12] = std::byte{0x81};
    if (bytes > 13) frame[13] = std::byte{0};
    Packet packet = bench_.Make(frame);
    EXPECT_EQ(StripVlan(pool_, packet), std::nullopt) << bytes;
    EXPECT_EQ(bench_.Frame(packet), frame);
  }
  Packet packet = bench_.Make(MakeFrame(60, 4));
  EXPECT_EQ(StripVlan(pool_, packet), std::nullopt);
  EXPECT_EQ(bench_.Frame(packet), MakeFrame(60, 4));
  Packet shortest = bench_.Make(Tagged(18, 0, 9));
  EXPECT_EQ(StripVlan(pool_, shortest), 9);
  EXPECT_EQ(bench_.Frame(shortest), WithoutTag(Tagged(18, 0, 9)));
}

TEST_F(VlanTest, ATagThatIsInsertedStandsBehindTheAddresses) {
  const Bytes frame = Tagged(64, 0xa5, 0x5a);
  Packet packet = bench_.Make(WithoutTag(frame));
  EXPECT_TRUE(InsertVlan(pool_, packet, 0xa55a));
  EXPECT_EQ(packet.bytes, 64u);
  EXPECT_EQ(bench_.Frame(packet), frame);
}

TEST_F(VlanTest, WhatIsInsertedComesOutAgainForEveryLengthAndChain) {
  for (size_t bytes = 14; bytes <= 300; ++bytes) {
    const Bytes frame = MakeFrame(bytes, bytes);
    Packet packet = bench_.Make(frame);
    const Packet before = packet;
    ASSERT_TRUE(InsertVlan(pool_, packet, static_cast<uint16_t>(bytes)));
    ASSERT_EQ(StripVlan(pool_, packet), bytes);
    ASSERT_EQ(packet.offset, before.offset);
    ASSERT_EQ(packet.bytes, before.bytes);
    ASSERT_EQ(bench_.Frame(packet), frame);
  }
  EXPECT_TRUE(bench_.arena.GuardsIntact());
}

TEST_F(VlanTest, TagsFitAsLongAsTheLongestHeaderHasRoom) {
  Packet packet = bench_.Make(MakeFrame(60, 1));
  for (int i = 0; i < 11; ++i) EXPECT_TRUE(InsertVlan(pool_, packet, 7)) << i;
  EXPECT_EQ(packet.offset, 20u);
  EXPECT_FALSE(InsertVlan(pool_, packet, 7));
  EXPECT_EQ(packet.bytes, 60u + 44);
  for (int i = 0; i < 11; ++i) EXPECT_EQ(StripVlan(pool_, packet), 7) << i;
  EXPECT_EQ(bench_.Frame(packet), MakeFrame(60, 1));
}

TEST_F(VlanTest, AFrameShorterThanItsAddressesGetsNoTag) {
  Packet packet = bench_.Make(MakeFrame(11, 1));
  EXPECT_FALSE(InsertVlan(pool_, packet, 7));
  EXPECT_EQ(bench_.Frame(packet), MakeFrame(11, 1));
  Packet addresses = bench_.Make(MakeFrame(12, 1));
  EXPECT_TRUE(InsertVlan(pool_, addresses, 7));
  EXPECT_EQ(addresses.bytes, 16u);
}

TEST_F(VlanTest, AChecksumAndTheHeadersLengthMoveWithTheFrame) {
  const Offload offload{.checksum = Checksum::kPartial,
                        .csum_start = 38,
                        .csum_offset = 16,
                        .segmentation = Segmentation::kTcp4,
                        .segment_bytes = 20,
                        .header_bytes = 58};
  Packet packet = MakeWith(Tagged(64, 0, 5), offload);
  EXPECT_EQ(StripVlan(pool_, packet), 5);
  EXPECT_EQ(pool_.offload(packet).csum_start, 34);
  EXPECT_EQ(pool_.offload(packet).csum_offset, 16);
  EXPECT_EQ(pool_.offload(packet).header_bytes, 54);
  EXPECT_TRUE(InsertVlan(pool_, packet, 5));
  EXPECT_EQ(pool_.offload(packet), offload);
}

TEST_F(VlanTest, TheHeadersLengthMovesWithoutAChecksumToo) {
  const Offload offload{.checksum = Checksum::kValid,
                        .segmentation = Segmentation::kTcp6,
                        .segment_bytes = 20,
                        .header_bytes = 58};
  Packet packet = MakeWith(Tagged(64, 0, 5), offload);
  EXPECT_EQ(StripVlan(pool_, packet), 5);
  EXPECT_EQ(pool_.offload(packet).header_bytes, 54);
  EXPECT_TRUE(InsertVlan(pool_, packet, 5));
  EXPECT_EQ(pool_.offload(packet), offload);
}

// A hostile device can say so: nothing may come out of it that lies outside of
// the frame.
TEST_F(VlanTest, AChecksumWithinTheTagKeepsTheTagWhereItIs) {
  for (uint16_t start = 0; start < 16; ++start) {
    const Offload offload{.checksum = Checksum::kPartial, .csum_start = start};
    Packet packet = MakeWith(Tagged(64, 0, 5), offload);
    EXPECT_EQ(StripVlan(pool_, packet), std::nullopt) << start;
    EXPECT_EQ(pool_.offload(packet), offload);
    EXPECT_EQ(bench_.Frame(packet), Tagged(64, 0, 5));
  }
  Packet packet = MakeWith(Tagged(64, 0, 5),
                           {.checksum = Checksum::kPartial, .csum_start = 16});
  EXPECT_EQ(StripVlan(pool_, packet), 5);
  EXPECT_EQ(pool_.offload(packet).csum_start, 12);
}

TEST_F(VlanTest, AChecksumThatCannotMoveKeepsATagOut) {
  for (const int start : {0, 11, 65532, 65535}) {
    const Offload offload{.checksum = Checksum::kPartial,
                          .csum_start = static_cast<uint16_t>(start)};
    Packet packet = MakeWith(MakeFrame(64, 1), offload);
    EXPECT_FALSE(InsertVlan(pool_, packet, 5)) << start;
    EXPECT_EQ(pool_.offload(packet), offload);
    EXPECT_EQ(bench_.Frame(packet), MakeFrame(64, 1));
  }
  Packet packet = MakeWith(
      MakeFrame(64, 1), {.checksum = Checksum::kPartial, .csum_start = 65531});
  EXPECT_TRUE(InsertVlan(pool_, packet, 5));
  EXPECT_EQ(pool_.offload(packet).csum_start, 65535);
}

TEST_F(VlanTest, ALengthOfHeadersThatMakesNoSenseStaysAsItIs) {
  for (const int bytes : {0, 3, 15}) {
    const Offload offload{.checksum = Checksum::kValid,
                          .header_bytes = static_cast<uint16_t>(bytes)};
    Packet packet = MakeWith(Tagged(64, 0, 5), offload);
    EXPECT_EQ(StripVlan(pool_, packet), 5);
    EXPECT_EQ(pool_.offload(packet), offload);
    pool_.Free(packet);
  }
}

}  // namespace
}  // namespace virtio_user
