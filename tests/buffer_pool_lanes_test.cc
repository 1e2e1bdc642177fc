// SPDX-License-Identifier: BSD-3-Clause
//
// Four buffers at a time against one by one.

#include <array>
#include <cstring>

#include "gtest/gtest.h"
#include "tests/ring_support.h"
#include "virtio_user/net/buffer_pool.h"

namespace virtio_user {
namespace {

constexpr uint32_t kBufferBytes = 192;

class BufferPoolLanesTest : public ::testing::Test {
 protected:
  static constexpr U32x4 kHandles = {6, 1, 7, 3};

  Packet PacketIn(uint32_t buffer, uint32_t bytes) {
    return {.buffer = buffer, .bytes = bytes, .offset = BufferPool::kHeadroom};
  }
  std::byte* HeaderOf(uint32_t buffer, size_t header_bytes) {
    return memory_.data() + kBufferBytes * buffer + BufferPool::kHeadroom -
           header_bytes;
  }

  TestArena arena_{8192};
  std::span<std::byte> memory_ = arena_.Take(8 * kBufferBytes);
  BufferPool pool_ = *BufferPool::Create({.memory = memory_,
                                          .memory_addr = {0xfedc'ba98'0000},
                                          .buffer_bytes = kBufferBytes});
};

TEST_F(BufferPoolLanesTest, RoomsAreThoseOfTheSingleBuffers) {
  for (const uint32_t header_bytes : {10u, 12u, 20u}) {
    const BufferPool::View view = pool_.view(header_bytes);
    const OfferedFour rooms = view.ReceiveRooms(kHandles);
    ForEachLane([&](size_t k) {
      const DeviceBuffer room = view.ReceiveRoom(kHandles[k]);
      EXPECT_EQ((k % 2 == 0 ? rooms.addr.even : rooms.addr.odd)[k / 2],
                room.addr.value);
      EXPECT_EQ(rooms.bytes[k], room.bytes);
      EXPECT_EQ(rooms.cookies[k], kHandles[k]);
      EXPECT_EQ(view.FrameBytes(rooms.bytes)[k], room.bytes - header_bytes);
      EXPECT_EQ(view.ReceivedHeaders(kHandles)[k],
                view.ReceivedHeader(kHandles[k]));
    });
  }
}

TEST_F(BufferPoolLanesTest, TakingAndReturningAreOfTheSameBuffers) {
  BufferPool::Taking taking(pool_, 8);
  ASSERT_EQ(taking.count(), 8u);
  for (const size_t i : {0, 4}) {
    const U32x4 four = taking.Four(i);
    uint32_t seen = 0;
    ForEachLane([&](size_t k) { seen |= 1u << four[k]; });
    uint32_t expected = 0;
    for (size_t k = 0; k < 4; ++k) expected |= 1u << taking[i + k];
    EXPECT_EQ(seen, expected);
  }
  BufferPool::Returning returning(pool_);
  returning.Four(0, U32x4{0, 1, 2, 3});
  returning.Four(4, U32x4{4, 5, 6, 7});
  returning.EndOnes(8);
  EXPECT_EQ(pool_.free_count(), 8u);
}

TEST_F(BufferPoolLanesTest, NotedPacketsAreThoseNotedOneByOne) {
  std::array<Packet, 4> four;
  BufferPool::NoteFour(four.data(), kHandles, U32x4{1, 2, 0xffffffff, 4});
  const std::array<uint32_t, 4> bytes = {1, 2, 0xffffffff, 4};
  ForEachLane([&](size_t k) {
    Packet one;
    BufferPool::Note(one, kHandles[k], bytes[k]);
    EXPECT_EQ(std::memcmp(&one, &four[k], sizeof(one)), 0);
  });
}

// --- Sending -----------------------------------------------------------------

TEST_F(BufferPoolLanesTest, FourWholePacketsAreOfferedAsOneByOne) {
  const BufferPool::View view = pool_.view(12);
  std::array<Packet, 4> packets;
  ForEachLane([&](size_t k) {
    packets[k] = PacketIn(kHandles[k], static_cast<uint32_t>(1 + 42 * k));
  });
  std::memset(memory_.data(), 0xee, memory_.size());
  OfferedFour four;
  ASSERT_TRUE(view.Wholes<16>(packets.data(), four));
  ForEachLane([&](size_t k) {
    const auto one = view.Whole(packets[k]);
    EXPECT_EQ((k % 2 == 0 ? four.addr.even : four.addr.odd)[k / 2],
              one.buffer.addr.value);
    EXPECT_EQ(four.bytes[k], one.buffer.bytes);
    EXPECT_EQ(four.cookies[k], one.cookie);
    // Sixteen bytes in front of the frame are cleared, and no other.
    const std::byte* const header = HeaderOf(kHandles[k], 16);
    EXPECT_EQ(header[-1], std::byte{0xee});
    for (size_t i = 0; i < 16; ++i) EXPECT_EQ(header[i], std::byte{0});
    EXPECT_EQ(header[16], std::byte{0xee});
  });
}

TEST_F(BufferPoolLanesTest, OneMisfitAtAnyPlaceKeepsAllFourBack) {
  const BufferPool::View view = pool_.view(12);
  const uint32_t room = pool_.room_bytes();
  std::array<Packet, 8> misfits;
  misfits.fill(PacketIn(0, 60));
  misfits[0].bytes = 0;
  misfits[1].bytes = room + 1;
  misfits[2].bytes = 0x80000000;
  misfits[3].bytes = 0xffffffff;
  misfits[4].offset = BufferPool::kHeadroom + 2;
  misfits[5].buffer_count = 2;
  misfits[6].has_offload = 1;
  misfits[7].offset = BufferPool::kHeadroom - 4;
  for (const Packet& misfit : misfits) {
    EXPECT_TRUE(view.NotWhole(misfit) != 0 || !view.FitsBuffer(misfit));
    for (size_t at = 0; at < 4; ++at) {
      std::array<Packet, 4> packets;
      packets.fill(PacketIn(1, room));
      OfferedFour four;
      EXPECT_TRUE(view.Wholes<16>(packets.data(), four));
      packets[at] = misfit;
      std::memset(memory_.data(), 0xee, memory_.size());
      EXPECT_FALSE(view.Wholes<16>(packets.data(), four));
      EXPECT_EQ(*HeaderOf(1, 1), std::byte{0xee});
    }
  }
}

}  // namespace
}  // namespace virtio_user
