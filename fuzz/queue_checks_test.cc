// SPDX-License-Identifier: BSD-3-Clause
//
// What judges queues is judged: rings are written by hand, and packets too.

#include "fuzz/queue_checks.h"

#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "fuzz/net_memory.h"
#include "virtio_user/spec/feature.h"
#include "virtio_user/spec/ring.h"

namespace fuzz {
namespace {

using virtio_user::Feature;
using virtio_user::FeatureSet;
using virtio_user::Packet;
using virtio_user::RingFormat;

constexpr uint16_t kNum = 4;
constexpr uint32_t kHeader = 12;
constexpr uint32_t kRoom = NetMemory::kBufferBytes - 64 + kHeader;
constexpr uint16_t kFirst = 65534;  // So that each test goes round the index.

template <typename T>
void Put(std::byte* at, T value) {
  std::memcpy(at, &value, sizeof(value));
}

// A split ring with three buffers in it, 0 to 2, which are chains 0 to 2.
class Ring {
 public:
  explicit Ring(bool in_order = false)
      : memory_(NetMemory::Wiped(RingFormat::kSplit, 1)),
        shared_(memory_.shared()),
        kind_{.device_writes = true,
              .in_order = in_order,
              .header_bytes = kHeader} {
    for (uint16_t i = 0; i < 3; ++i) {
      const uint64_t addr =
          shared_.buffers_addr + i * NetMemory::kBufferBytes + 64 - kHeader;
      Put(shared_.layout.desc + 16 * i,
          virtio_user::VirtqDesc{.addr = addr,
                                 .len = kRoom,
                                 .flags = virtio_user::kDescFlagWrite,
                                 .next = 0});
      Put(shared_.layout.driver + 4 + 2 * ((kFirst + i) % kNum), i);
    }
    Put(shared_.layout.driver + 2, static_cast<uint16_t>(kFirst + 3));
  }
  const SharedRing& shared() const { return shared_; }
  const OfferKind& kind() const { return kind_; }
  NetMemory& memory() { return memory_; }

  // The i-th used element, and the index.
  void Use(uint16_t i, uint32_t id, uint32_t bytes) {
    Put(shared_.layout.device + 4 + 8 * ((kFirst + i) % kNum),
        virtio_user::VirtqUsedElem{.id = id, .len = bytes});
  }
  void SetIndex(int uses) {
    Put(shared_.layout.device + 2, static_cast<uint16_t>(kFirst + uses));
  }
  // A header that counts `buffers`, and behind it `value` alone.
  void Fill(uint32_t buffer, uint16_t buffers, uint8_t value) {
    const auto room = shared_.buffers.subspan(
        buffer * NetMemory::kBufferBytes + 64 - kHeader, kRoom);
    std::memset(room.data(), 0, kHeader);
    Put(room.data() + 10, buffers);
    std::memset(room.data() + kHeader, value, room.size() - kHeader);
  }

 private:
  NetMemory& memory_;
  SharedRing shared_;
  OfferKind kind_;
};

struct Looked {
  std::vector<uint32_t> ids{};
  std::vector<uint32_t> bytes{};
  bool broken = false;

  friend bool operator==(const Looked&, const Looked&) = default;
};

Looked Look(Ring& ring, size_t most) {
  ChainsInFlight chains(ring.shared(), ring.kind());
  chains.Restart({.index = kFirst});
  EXPECT_EQ(chains.TakeNew().size(), 3u);
  std::array<ChainsInFlight::Used, 4> used;
  const size_t count = chains.Take(std::span(used).first(most));
  Looked looked{.broken = chains.broken()};
  for (size_t i = 0; i < count; ++i) {
    looked.ids.push_back(used[i].chain.id);
    looked.bytes.push_back(used[i].bytes);
  }
  return looked;
}

TEST(ChainsInFlightTest, AnyOrder_EachElementIsOneChain) {
  Ring ring;
  ring.Use(0, 2, 20);
  ring.Use(1, 0, kRoom);
  ring.SetIndex(2);
  EXPECT_EQ(Look(ring, 4), (Looked{{2, 0}, {20, kRoom}, false}));
  EXPECT_EQ(Look(ring, 1), (Looked{{2}, {20}, false}));
}

TEST(ChainsInFlightTest, InOrder_ElementStandsForAllUpToItsOwn) {
  Ring ring(true);
  ring.Use(0, 2, 20);
  ring.SetIndex(3);
  EXPECT_EQ(Look(ring, 4), (Looked{{0, 1, 2}, {kRoom, kRoom, 20}, false}));
}

TEST(ChainsInFlightTest, WhatCannotBe_Breaks) {
  Ring ring;
  ring.Use(0, 1, kRoom + 1);
  ring.SetIndex(1);
  EXPECT_EQ(Look(ring, 4), (Looked{{}, {}, true})) << "too long";
  ring.Use(0, 3, 20);
  EXPECT_EQ(Look(ring, 4), (Looked{{}, {}, true})) << "not in flight";
  ring.Use(0, 1, 20);
  ring.Use(1, 1, 20);
  ring.SetIndex(2);
  EXPECT_EQ(Look(ring, 4), (Looked{{1}, {20}, true})) << "twice";
  ring.SetIndex(4);
  EXPECT_EQ(Look(ring, 4), (Looked{{}, {}, true})) << "an index beyond";
  ring.SetIndex(-1);
  EXPECT_EQ(Look(ring, 4), (Looked{{}, {}, true})) << "an index that goes back";
  Ring in_order(true);
  in_order.Use(0, 2, 20);
  in_order.SetIndex(2);
  EXPECT_EQ(Look(in_order, 4), (Looked{{}, {}, true})) << "for more than used";
}

TEST(ChainsInFlightDeathTest, DriverThatSaysOtherwise_IsReported) {
  Ring ring;
  ChainsInFlight chains(ring.shared(), ring.kind());
  EXPECT_DEATH(chains.Looked(true), "finding: broken .* nothing that breaks");
  chains.Break();
  EXPECT_DEATH(chains.Looked(false), "finding: broken .* it goes on");
}

// A ring in which buffer 1 has a frame of 8 bytes, and buffers 2 and 0 together
// one of 64 and 5.
class ReceivedFramesTest : public ::testing::Test {
 protected:
  ReceivedFramesTest()
      : chains_(ring_.shared(), ring_.kind()),
        frames_(ring_.shared(),
                {.accepted = {Feature::kVersion1, Feature::kNetMrgRxbuf},
                 .header_bytes = kHeader,
                 .buffer_bytes = NetMemory::kBufferBytes}) {
    ring_.Fill(1, 1, 'a');
    ring_.Use(0, 1, kHeader + 8);
    ring_.Fill(2, 2, 'b');
    ring_.Use(1, 2, kRoom);
    ring_.Use(2, 0, 5);
    chains_.Restart({.index = kFirst});
    chains_.TakeNew();
  }
  void Foresee(int uses) {
    ring_.SetIndex(uses);
    frames_.Foresee(chains_, 8);
  }
  // Packets as the pool has them, in buffers that are its own.
  static Packet Frame(uint32_t buffer, uint32_t bytes) {
    return {.buffer = buffer, .bytes = bytes, .offset = 64};
  }
  void Check(std::vector<Packet> packets) {
    frames_.Check(ring_.memory().pool(), packets);
  }

  Ring ring_;
  ChainsInFlight chains_;
  ReceivedFrames frames_;
};

TEST_F(ReceivedFramesTest, FrameOfOneBuffer_IsTakenAsItIsAlone) {
  Foresee(1);
  ASSERT_EQ(frames_.count(), 1u);
  EXPECT_EQ(frames_.bytes(), 8u);
  Check({Frame(1, 8)});
  EXPECT_DEATH(Check({}), "finding: frames .* kept back");
  EXPECT_DEATH(Check({Frame(1, 8), Frame(1, 8)}), "finding: frames .* more");
  EXPECT_DEATH(Check({Frame(1, 7)}), "finding: frames .* length");
  EXPECT_DEATH(Check({Frame(0, 8)}), "finding: frames .* other buffers");
  ring_.Fill(1, 1, 'c');
  EXPECT_DEATH(Check({Frame(1, 8)}), "finding: frames .* than the device");
}

TEST_F(ReceivedFramesTest, FrameOfTwoBuffers_IsOnePacket) {
  Foresee(3);
  EXPECT_EQ(frames_.count(), 2u);
  EXPECT_EQ(frames_.bytes(), 8u + 64 + 5);
  EXPECT_FALSE(chains_.broken());
  EXPECT_EQ(chains_.count(), 0u);
}

TEST_F(ReceivedFramesTest, FrameThatMissesABuffer_BreaksTheQueue) {
  Foresee(2);
  EXPECT_EQ(frames_.count(), 1u);
  EXPECT_EQ(frames_.dropped(), 1u);
  EXPECT_TRUE(chains_.broken());
}

TEST_F(ReceivedFramesTest, NoFrame_IsDropped) {
  ring_.Use(0, 1, kHeader);
  Foresee(1);
  EXPECT_EQ(frames_.count(), 0u);
  EXPECT_EQ(frames_.dropped(), 1u);
}

// How many descriptors a packet takes; 0: it is dropped.
struct SendCase {
  std::string name;
  uint16_t offset = 64;
  uint16_t buffers = 1;
  uint32_t first_bytes = 60;
  uint32_t rest_bytes = 0;
  FeatureSet accepted{Feature::kVersion1};
  bool scratch = false;
  size_t descriptors = 1;
};

TEST(SendRuleTest, DescriptorsFor_AreByPartsHeaderAndTable) {
  constexpr auto kTables = Feature::kIndirectDesc;
  const SendCase cases[] = {
      {.name = "one buffer"},
      {.name = "empty", .first_bytes = 0, .descriptors = 0},
      {.name = "three",
       .buffers = 3,
       .first_bytes = 64,
       .rest_bytes = 70,
       .descriptors = 3},
      {.name = "a table",
       .buffers = 3,
       .first_bytes = 64,
       .rest_bytes = 70,
       .accepted = {Feature::kVersion1, kTables},
       .scratch = true},
      {.name = "a table without memory",
       .buffers = 3,
       .first_bytes = 64,
       .rest_bytes = 70,
       .accepted = {Feature::kVersion1, kTables},
       .descriptors = 3},
      {.name = "longer than the ring",
       .buffers = 5,
       .first_bytes = 64,
       .rest_bytes = 200,
       .scratch = true,
       .descriptors = 0},
      {.name = "no room in front", .offset = 11, .descriptors = 0},
      {.name = "scratch in front",
       .offset = 11,
       .scratch = true,
       .descriptors = 2},
      {.name = "a header apart", .accepted = {}, .descriptors = 2},
      {.name = "a first buffer of nothing",
       .buffers = 2,
       .first_bytes = 0,
       .rest_bytes = 9,
       .accepted = {},
       .descriptors = 2},
  };
  const auto& pool = NetMemory::Wiped(RingFormat::kSplit, 1).pool();
  for (const SendCase& is : cases) {
    SendRule rule({.accepted = is.accepted,
                   .header_bytes = is.accepted.empty() ? 10 : kHeader,
                   .num = kNum,
                   .scratch = is.scratch});
    const Packet packet = {.bytes = is.first_bytes + is.rest_bytes,
                           .offset = is.offset,
                           .buffer_count = is.buffers};
    rule.Made(packet, is.rest_bytes);
    EXPECT_EQ(rule.DescriptorsFor(pool, packet).value_or(0), is.descriptors)
        << is.name;
  }
}

}  // namespace
}  // namespace fuzz
