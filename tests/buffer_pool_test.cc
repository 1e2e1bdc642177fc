// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/net/buffer_pool.h"

#include <algorithm>
#include <deque>
#include <set>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/net_support.h"
#include "tests/ring_support.h"

namespace virtio_user {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class BufferPoolTest : public ::testing::Test {
 protected:
  static std::string WhyNot(const BufferPoolOptions& options) {
    const auto pool = BufferPool::Create(options);
    return pool ? "" : std::string(pool.error().text());
  }
  Bytes CopyOf(const Packet& packet) const {
    Bytes bytes(packet.bytes);
    EXPECT_EQ(pool_.CopyOut(packet, bytes), bytes.size());
    return bytes;
  }
  uint64_t AddrOf(uint32_t buffer, uint32_t offset) const {
    return options_.memory_addr.value + 128 * buffer + offset;
  }

  TestArena arena_{8192};
  std::span<std::byte> memory_ = arena_.Take(5 * 128 + 127);
  BufferPoolOptions options_{.memory = memory_,
                             .memory_addr = arena_.Addr(memory_.data()),
                             .buffer_bytes = 128};
  BufferPool pool_ = *BufferPool::Create(options_);
};

TEST_F(BufferPoolTest, BuffersLieSideBySideAndTheRestIsUnused) {
  EXPECT_EQ(pool_.size(), 5u);
  EXPECT_EQ(pool_.free_count(), 5u);
  EXPECT_EQ(pool_.buffer_bytes(), 128u);
  EXPECT_EQ(pool_.room_bytes(), 64u);
  const BufferPool::View short_headers = pool_.view(12);
  const BufferPool::View long_headers = pool_.view(20);
  for (uint32_t i = 0; i < 5; ++i) {
    EXPECT_EQ(short_headers.ReceiveRoom(i),
              (DeviceBuffer{{AddrOf(i, 52)}, 128 - 52}));
    EXPECT_EQ(long_headers.ReceivedHeader(i), memory_.data() + 128 * i + 44);
  }
}

TEST_F(BufferPoolTest, AFrameTakesAsManyBuffersAsItNeedsAndIsCopied) {
  for (const size_t bytes : {1, 63, 64, 65, 128, 129, 319, 320}) {
    SCOPED_TRACE(bytes);
    const auto packet = pool_.Make(MakeFrame(bytes, bytes));
    ASSERT_TRUE(packet.has_value());
    EXPECT_EQ(packet->bytes, bytes);
    EXPECT_EQ(packet->buffer_count, (bytes + 63) / 64);
    EXPECT_EQ(packet->offset, BufferPool::kHeadroom);
    EXPECT_EQ(pool_.free_count(), 5u - packet->buffer_count);
    EXPECT_EQ(CopyOf(*packet), MakeFrame(bytes, bytes));
    EXPECT_EQ(pool_.Front(*packet).size(), std::min<size_t>(bytes, 64));
    pool_.Free(*packet);
    EXPECT_EQ(pool_.free_count(), 5u);
  }
  EXPECT_TRUE(arena_.GuardsIntact());
}

TEST_F(BufferPoolTest, AnEmptyFrameOrOneThatIsTooLongIsNotMade) {
  EXPECT_FALSE(pool_.Make({}).has_value());
  EXPECT_FALSE(pool_.Make(MakeFrame(321, 1)).has_value());
  EXPECT_EQ(pool_.free_count(), 5u);
}

TEST_F(BufferPoolTest, AnExhaustedPoolRefusesUntilSomethingComesBack) {
  const auto four = pool_.Make(MakeFrame(250, 1));
  EXPECT_FALSE(pool_.Make(MakeFrame(65, 2)).has_value());
  const auto one = pool_.Make(MakeFrame(64, 3));
  EXPECT_FALSE(pool_.Make(MakeFrame(1, 4)).has_value());
  EXPECT_EQ(CopyOf(*four), MakeFrame(250, 1));
  EXPECT_EQ(CopyOf(*one), MakeFrame(64, 3));
  pool_.Free(*one);
  EXPECT_TRUE(pool_.Make(MakeFrame(1, 5)).has_value());
}

TEST_F(BufferPoolTest, TheBufferThatCameBackLastGoesOutFirst) {
  const Packet a = *pool_.Make(MakeFrame(1, 1));
  const Packet b = *pool_.Make(MakeFrame(1, 2));
  pool_.Free(a);
  pool_.Free(b);
  EXPECT_EQ(pool_.Make(MakeFrame(1, 3))->buffer, b.buffer);
  EXPECT_EQ(pool_.Make(MakeFrame(1, 4))->buffer, a.buffer);
}

TEST_F(BufferPoolTest, SingleBuffersAreAllocatedAsFarAsThereAreAny) {
  const BufferPool::Taking some(pool_, 3);
  const std::array first = {some[0], some[1], some[2]};
  const BufferPool::Taking more(pool_, 3);
  EXPECT_EQ(some.count(), 3u);
  EXPECT_EQ(more.count(), 2u);
  EXPECT_EQ(BufferPool::Taking(pool_, 3).count(), 0u);
  EXPECT_THAT((std::set{some[0], some[1], some[2], more[0], more[1]}),
              ElementsAre(0, 1, 2, 3, 4));
  BufferPool::Returning returning(pool_);
  returning.One(0, first[0]);
  returning.One(1, first[1]);
  returning.EndOnes(2);
  returning.Chain(first[2]);
  EXPECT_EQ(pool_.free_count(), 3u);
  EXPECT_EQ(BufferPool::Taking(pool_, 1)[0], first[2]);
}

TEST_F(BufferPoolTest, MoreGivenBackThanTakenIsCaught) {
  const Packet packet = *pool_.Make(MakeFrame(1, 1));
  pool_.Free(packet);
  EXPECT_DEATH(pool_.Free(packet), "");
}

TEST_F(BufferPoolTest, ReceivedBuffersAreOnePacketOnceLinked) {
  const BufferPool::Taking handles(pool_, 3);
  ASSERT_EQ(handles.count(), 3u);
  const Bytes frame = MakeFrame(64 + 76 + 5, 3);
  const auto host = [&](uint32_t handle, size_t offset) {
    return memory_.data() + 128 * size_t{handle} + offset;
  };
  std::copy_n(frame.begin(), 64, host(handles[0], 64));
  std::copy_n(frame.begin() + 64, 76, host(handles[1], 52));
  std::copy_n(frame.begin() + 140, 5, host(handles[2], 52));
  const uint32_t first = handles[0];
  Packet packet;
  BufferPool::Note(packet, first, 64 + 12);
  EXPECT_EQ(BufferPool::BytesOf(packet), 76u);
  BufferPool::Settle(packet, 64);
  pool_.Append(packet, handles[0], handles[1], 76, 12);
  pool_.Append(packet, handles[1], handles[2], 5, 12);
  EXPECT_EQ(packet.bytes, frame.size());
  EXPECT_EQ(packet.buffer_count, 3u);
  EXPECT_EQ(CopyOf(packet), frame);
  EXPECT_EQ(BufferPool::HandleOf(packet), first);
  EXPECT_EQ(BufferPool::BytesOf(packet), frame.size());
  pool_.Free(packet);
  EXPECT_EQ(pool_.free_count(), 5u);
}

TEST_F(BufferPoolTest, AFrontThatWasCutOffStaysOff) {
  const Bytes frame = MakeFrame(100, 3);
  Packet packet = *pool_.Make(frame);
  packet.offset += 10;
  packet.bytes -= 10;
  EXPECT_EQ(CopyOf(packet), Bytes(frame.begin() + 10, frame.end()));
  EXPECT_EQ(pool_.Front(packet).size(), 54u);
  Bytes little(20);
  EXPECT_EQ(pool_.CopyOut(packet, little), 20u);
  EXPECT_EQ(little, Bytes(frame.begin() + 10, frame.begin() + 30));
}

TEST_F(BufferPoolTest, WhatIsSaidAboutAFrameIsKeptBesideIt) {
  Packet said = *pool_.Make(MakeFrame(60, 1));
  const Packet not_said = *pool_.Make(MakeFrame(60, 2));
  const Offload offload{.checksum = Checksum::kPartial, .csum_start = 34};
  pool_.SetOffload(said, offload);
  EXPECT_EQ(pool_.offload(said), offload);
  EXPECT_EQ(pool_.offload(not_said), Offload{});
  pool_.Free(said);
  const Packet next = *pool_.Make(MakeFrame(60, 3));
  EXPECT_EQ(next.buffer, said.buffer);
  EXPECT_EQ(pool_.offload(next), Offload{});
}

TEST_F(BufferPoolTest, ThePartsAreTheBuffersWithTheHeaderInFront) {
  const Packet packet = *pool_.Make(MakeFrame(150, 1));
  std::vector<DeviceBuffer> parts;
  EXPECT_EQ(pool_.CollectParts(packet, 12, 8, parts), memory_.data() + 52);
  EXPECT_THAT(parts, ElementsAre(DeviceBuffer{{AddrOf(0, 52)}, 76},
                                 DeviceBuffer{{AddrOf(1, 64)}, 64},
                                 DeviceBuffer{{AddrOf(2, 64)}, 22}));
}

TEST_F(BufferPoolTest, OfTooManyPartsOneTooManyIsCollected) {
  const Packet packet = *pool_.Make(MakeFrame(150, 1));
  for (size_t most = 0; most <= 3; ++most) {
    std::vector<DeviceBuffer> parts;
    EXPECT_EQ(pool_.CollectParts(packet, 12, most, parts), memory_.data() + 52);
    EXPECT_THAT(parts, SizeIs(std::min<size_t>(most + 1, 3)));
  }
}

TEST_F(BufferPoolTest, WithoutHeadroomThePartsAreTheFrameAlone) {
  Packet packet = *pool_.Make(MakeFrame(60, 1));
  packet.offset = 11;
  std::vector<DeviceBuffer> parts;
  EXPECT_EQ(pool_.CollectParts(packet, 12, 8, parts), nullptr);
  EXPECT_THAT(parts, ElementsAre(DeviceBuffer{{AddrOf(0, 11)}, 60}));
  parts.clear();
  packet.offset = 12;
  EXPECT_EQ(pool_.CollectParts(packet, 12, 8, parts), memory_.data());
  EXPECT_THAT(parts, ElementsAre(DeviceBuffer{{AddrOf(0, 0)}, 72}));
}

bool GoesOutWhole(const BufferPool::View& view, const Packet& packet) {
  return view.NotWhole(packet) == 0 && view.FitsBuffer(packet);
}

TEST_F(BufferPoolTest, APacketThatBeginsBehindTheHeadroomGoesOutWhole) {
  const BufferPool::View view = pool_.view(12);
  for (uint32_t offset = 0; offset <= 129; ++offset) {
    for (uint32_t bytes = 0; bytes <= 129; ++bytes) {
      const Packet packet{
          .buffer = 2, .bytes = bytes, .offset = static_cast<uint16_t>(offset)};
      ASSERT_EQ(GoesOutWhole(view, packet),
                offset == BufferPool::kHeadroom && bytes > 0 && bytes <= 64)
          << offset << " " << bytes;
    }
  }
  const Packet packet{.buffer = 2, .bytes = 50, .offset = 64};
  EXPECT_EQ(view.Frame(packet), memory_.data() + 256 + 64);
  const auto offer = view.Whole(packet);
  EXPECT_EQ(offer.buffer, (DeviceBuffer{{AddrOf(2, 52)}, 62}));
  EXPECT_EQ(offer.cookie, 2u);
}

TEST_F(BufferPoolTest, LengthsThatWrapRoundDoNotGoOutWhole) {
  const BufferPool::View view = pool_.view(12);
  for (const uint32_t bytes : {0xffffffffu, 0xffffffc0u, 0x80000000u, 129u}) {
    for (const uint16_t offset : {0, 20, 64, 127, 128, 65535}) {
      const Packet packet{.bytes = bytes, .offset = offset};
      EXPECT_FALSE(GoesOutWhole(view, packet)) << bytes << " " << offset;
    }
  }
  EXPECT_FALSE(GoesOutWhole(view, {.bytes = 1, .offset = 65535}));
}

TEST_F(BufferPoolTest, ChainsAndThoseWithSomethingToSayDoNotGoOutWhole) {
  const BufferPool::View view = pool_.view(12);
  const Packet chain = *pool_.Make(MakeFrame(65, 1));
  EXPECT_FALSE(GoesOutWhole(view, chain));
  Packet said = *pool_.Make(MakeFrame(60, 1));
  EXPECT_TRUE(GoesOutWhole(view, said));
  pool_.SetOffload(said, {});
  EXPECT_FALSE(GoesOutWhole(view, said));
}

TEST_F(BufferPoolTest, HighBitsOfAddressesAreKept_D19) {
  options_.memory_addr = {0xfedc'ba98'0000'0000};
  const BufferPool pool = *BufferPool::Create(options_);
  EXPECT_EQ(pool.view(12).ReceiveRoom(3).addr.value,
            0xfedc'ba98'0000'0000 + 3 * 128 + 52);
}

TEST_F(BufferPoolTest, NoBufferIsGivenOutTwiceInAnyOrderOfTakesAndGives) {
  constexpr uint64_t kSeed = 3;
  SCOPED_TRACE("seed " + std::to_string(kSeed));
  TestRandom random(kSeed);
  std::deque<std::pair<Packet, uint64_t>> out;
  size_t taken = 0;
  for (uint64_t i = 0; i < 20000; ++i) {
    const size_t bytes = 1 + random.Below(200);
    const size_t needed = (bytes + 63) / 64;
    const auto packet = pool_.Make(MakeFrame(bytes, i));
    ASSERT_EQ(packet.has_value(), needed + taken <= 5);
    if (packet) {
      out.emplace_back(*packet, i);
      taken += needed;
    }
    while (!out.empty() && random.OneIn(2)) {
      std::swap(out[random.Below(static_cast<uint32_t>(out.size()))],
                out.front());
      const auto [back, number] = out.front();
      out.pop_front();
      ASSERT_EQ(CopyOf(back), MakeFrame(back.bytes, number));
      pool_.Free(back);
      taken -= back.buffer_count;
    }
    ASSERT_EQ(pool_.free_count() + taken, 5u);
  }
  EXPECT_TRUE(arena_.GuardsIntact());
}

TEST_F(BufferPoolTest, SetupsThatCannotWorkAreNamed) {
  BufferPoolOptions options = options_;
  for (const uint32_t bytes : {0u, 64u, 100u, 130u, 65600u}) {
    options.buffer_bytes = bytes;
    EXPECT_THAT(WhyNot(options),
                HasSubstr("buffers of " + std::to_string(bytes) + " bytes"));
  }
  options = options_;
  options.memory = memory_.first(127);
  EXPECT_THAT(WhyNot(options), HasSubstr("127 bytes holds 0 buffers"));
  options.memory = memory_.subspan(8);
  EXPECT_THAT(WhyNot(options), HasSubstr("not aligned to 64"));
  EXPECT_EQ(WhyNot(options_), "");
}

TEST(BufferPoolLarge, TheLargestBuffersHoldTheirFramesAndChains) {
  TestArena arena(5 * 65536);
  const std::span<std::byte> memory = arena.Take(4 * 65536);
  BufferPool pool =
      *BufferPool::Create({.memory = memory,
                           .memory_addr = arena.Addr(memory.data()),
                           .buffer_bytes = 65536});
  const Bytes frame = MakeFrame(3 * 65472 + 1, 9);
  const Packet packet = *pool.Make(frame);
  EXPECT_EQ(packet.buffer_count, 4u);
  Bytes copy(frame.size());
  pool.CopyOut(packet, copy);
  EXPECT_EQ(copy, frame);
  std::vector<DeviceBuffer> parts;
  EXPECT_NE(pool.CollectParts(packet, 12, 8, parts), nullptr);
  EXPECT_EQ(parts[0].bytes, 65484u);
  EXPECT_TRUE(arena.GuardsIntact());
}

}  // namespace
}  // namespace virtio_user
