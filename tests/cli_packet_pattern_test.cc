// SPDX-License-Identifier: BSD-3-Clause

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <set>
#include <vector>

#include "cli/packet_pattern.h"

namespace virtio_user::cli {
namespace {

constexpr MacAddress kMac{{2, 0, 0, 0, 0, 1}};
constexpr size_t kMinFrame = FrameSizes{}.min;
constexpr size_t kMaxFrame = FrameSizes{}.max;

std::vector<std::byte> Packet(const PacketPattern& pattern, PacketId id) {
  std::vector<std::byte> bytes(kMaxFrame);
  bytes.resize(pattern.Write(id, bytes));
  return bytes;
}

TEST(PacketPatternTest, Sizes_CoverTheWholeRangeAndNothingElse) {
  const PacketPattern pattern(1, kMac);
  std::set<size_t> sizes;
  for (uint64_t i = 0; i < 30000; ++i) {
    sizes.insert(pattern.SizeOf({.pair = 0, .sequence = i}));
  }
  EXPECT_EQ(*sizes.begin(), kMinFrame);
  EXPECT_EQ(*sizes.rbegin(), kMaxFrame);
  EXPECT_EQ(sizes.size(), kMaxFrame - kMinFrame + 1);
}

TEST(PacketPatternTest, Write_WritesExactlySizeOfBytes) {
  const PacketPattern pattern(3, kMac);
  for (uint64_t i = 0; i < 2000; ++i) {
    const PacketId id{.pair = 5, .sequence = i};
    std::array<std::byte, kMaxFrame + 8> room;
    room.fill(std::byte{0xa5});
    const size_t size = pattern.Write(id, room);
    ASSERT_EQ(size, pattern.SizeOf(id));
    ASSERT_TRUE(std::all_of(room.begin() + size, room.end(),
                            [](std::byte b) { return b == std::byte{0xa5}; }));
  }
}

TEST(PacketPatternTest, Identify_FindsPairAndSequence) {
  const PacketPattern pattern(9, kMac);
  const PacketId id{.pair = 127, .sequence = uint64_t{1} << 40};
  EXPECT_EQ(pattern.Identify(Packet(pattern, id)), id);
}

TEST(PacketPatternTest, Identify_KnowsNoPacketOfAnotherSeed) {
  const PacketPattern pattern(9, kMac);
  const PacketPattern other(10, kMac);
  EXPECT_EQ(pattern.Identify(Packet(other, {})), std::nullopt);
}

TEST(PacketPatternTest, Identify_KnowsNoPacketThatIsTooShort) {
  const PacketPattern pattern(9, kMac);
  const std::vector<std::byte> packet = Packet(pattern, {});
  EXPECT_EQ(pattern.Identify(std::span(packet).first(33)), std::nullopt);
  EXPECT_EQ(pattern.Identify({}), std::nullopt);
}

TEST(PacketPatternTest, Packets_AreTheSameForTheSameSeed) {
  const PacketId id{.pair = 3, .sequence = 77};
  EXPECT_EQ(Packet(PacketPattern(4, kMac), id),
            Packet(PacketPattern(4, kMac), id));
}

TEST(PacketPatternTest, Packets_DifferByPairAndSequence) {
  const PacketPattern pattern(4, kMac);
  std::set<std::vector<std::byte>> packets;
  for (uint16_t pair = 0; pair < 8; ++pair) {
    for (uint64_t i = 0; i < 64; ++i) {
      // What stands behind the header is different too.
      const auto packet = Packet(pattern, {.pair = pair, .sequence = i});
      packets.insert({packet.begin() + 34, packet.begin() + 60});
    }
  }
  EXPECT_EQ(packets.size(), 8u * 64u);
}

TEST(PacketPatternTest, FirstDifference_NamesEveryByteThatIsFlipped) {
  const PacketPattern pattern(5, kMac);
  const PacketId id{.pair = 1, .sequence = 2};
  std::vector<std::byte> packet = Packet(pattern, id);
  EXPECT_EQ(pattern.FirstDifference(id, packet), std::nullopt);
  for (size_t i = 0; i < packet.size(); ++i) {
    packet[i] ^= std::byte{0x01};
    EXPECT_EQ(pattern.FirstDifference(id, packet), i);
    packet[i] ^= std::byte{0x01};
  }
}

TEST(PacketPatternTest, FirstDifference_NamesTheEndOfACutOrLongerPacket) {
  const PacketPattern pattern(5, kMac);
  std::vector<std::byte> packet = Packet(pattern, {});
  const size_t size = packet.size();
  EXPECT_EQ(pattern.FirstDifference({}, std::span(packet).first(size - 1)),
            size - 1);
  packet.push_back(std::byte{0});
  EXPECT_EQ(pattern.FirstDifference({}, packet), size);
}

TEST(PacketPatternTest, ByteAt_IsTheByteThatWriteWrites) {
  const PacketPattern pattern(6, kMac);
  const std::vector<std::byte> packet = Packet(pattern, {});
  EXPECT_EQ(pattern.ByteAt({}, 0), packet[0]);
  EXPECT_EQ(pattern.ByteAt({}, packet.size() - 1), packet.back());
}

}  // namespace
}  // namespace virtio_user::cli
