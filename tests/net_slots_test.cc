// SPDX-License-Identifier: BSD-3-Clause
//
// How many packets a ring of 256 takes while the device completes none: the
// account of DTS's vm2vm_virtio_user plans, 27 x 1 and 7 x 32 small packets,
// then chains of 4 x 2000 bytes (docs/data_path.md, "Slots").

#include <string>
#include <tuple>
#include <vector>

#include "gtest/gtest.h"
#include "tests/net_support.h"

namespace virtio_user {
namespace {

constexpr size_t kChainBytes = 4 * 2000;

class NetSlots : public ::testing::TestWithParam<std::tuple<NetLayout, bool>> {
 protected:
  NetSlots() : tx_(ShapeFor(std::get<0>(GetParam()).features | Indirect())) {}

  static FeatureSet Indirect() {
    return std::get<1>(GetParam()) ? FeatureSet{Feature::kIndirectDesc}
                                   : FeatureSet{};
  }
  static NetBench::Shape ShapeFor(FeatureSet features) {
    return {.num = 256,
            .buffer_count = 512,
            .buffer_bytes = 2112,  // With 2048 for the frame.
            .features = features};
  }
  static bool indirect() { return std::get<1>(GetParam()); }

  // Bursts of `burst` small packets; how many were taken.
  size_t SendSmall(size_t bursts, size_t burst) {
    size_t taken = 0;
    for (size_t i = 0; i < bursts; ++i) {
      std::vector<Packet> packets;
      for (size_t k = 0; k < burst; ++k) {
        packets.push_back(tx_.Make(MakeFrame(64, sent_++)));
      }
      taken += tx_.queue->Send(packets);
    }
    return taken;
  }
  // Chains until no more fit.
  size_t SendChains(bool header_in_front) {
    size_t taken = 0;
    while (true) {
      Packet packet = tx_.Make(MakeFrame(kChainBytes, taken));
      EXPECT_EQ(packet.buffer_count, 4u);
      // The frame at the front of its buffer: no room for a header there.
      if (!header_in_front) packet.offset = 0;
      if (!tx_.Send(packet)) return taken;
      ++taken;
    }
  }

  Sender tx_;
  uint64_t sent_ = 0;
};
INSTANTIATE_TEST_SUITE_P(
    All, NetSlots,
    ::testing::Combine(::testing::ValuesIn(ModernLayouts()), ::testing::Bool()),
    [](const auto& chosen) {
      return std::get<0>(chosen.param).name +
             (std::get<1>(chosen.param) ? "Indirect" : "");
    });

// 251 slots are taken, 5 are left: one chain, or one table in each.
TEST_P(NetSlots, AfterTwoHundredFiftyOneSmallPacketsOneChainOrFiveTablesFit) {
  EXPECT_EQ(SendSmall(27, 1) + SendSmall(7, 32), 251u);
  const size_t chains = SendChains(true);
  EXPECT_EQ(251 + chains, indirect() ? 256u : 252u);
  EXPECT_EQ(tx_.queue->stats().packets, 251 + chains);
  // The plan's own sum for the indirect case.
  if (indirect()) {
    EXPECT_EQ(tx_.queue->stats().bytes, 56064u);
  }
}

// DPDK gives each chain a descriptor for the header: 5 slots. Here that is so
// only where the first buffer has no room for it.
TEST_P(NetSlots, AHeaderOfItsOwnTakesTheFifthSlot) {
  EXPECT_EQ(SendSmall(27, 1) + SendSmall(7, 32), 251u);
  EXPECT_EQ(251 + SendChains(false), indirect() ? 256u : 252u);
}

// With 8 slots left the difference shows.
TEST_P(NetSlots, AChainTakesFourSlotsBecauseItsHeaderIsInTheHeadroom) {
  EXPECT_EQ(SendSmall(24, 1) + SendSmall(7, 32), 248u);
  EXPECT_EQ(SendChains(true), indirect() ? 8u : 2u);
}
TEST_P(NetSlots, WithoutHeadroomOnlyOneSuchChainFitsIntoEightSlots) {
  EXPECT_EQ(SendSmall(24, 1) + SendSmall(7, 32), 248u);
  EXPECT_EQ(SendChains(false), indirect() ? 8u : 1u);
}

// The other end of the same plan: what a receiver gets of it. A device drops a
// frame that is longer than a buffer where it may not use several.
TEST_P(NetSlots, AReceiverWithoutMergingGetsTheSmallPacketsAlone) {
  SendSmall(27, 1);
  SendSmall(7, 32);
  const size_t chains = SendChains(true);
  NetBench::Shape shape = ShapeFor(std::get<0>(GetParam()).features);
  Receiver rx(shape);
  const bool mergeable = std::get<0>(GetParam()).mergeable();
  const size_t room = rx.pool.room_bytes() + rx.header_bytes();
  size_t received = 0;
  for (size_t i = 0; i < 251 + chains; ++i) {
    Bytes sent = tx_.TakeSent();
    if (sent.size() > room && !mergeable) continue;
    const auto buffers = static_cast<uint16_t>((sent.size() + room - 1) / room);
    std::memcpy(&sent[10], &buffers, 2);
    ASSERT_TRUE(rx.Deliver(sent));
    const std::vector<Bytes> frames = Poll(rx, *rx.queue);
    ASSERT_EQ(frames.size(), 1u);
    ASSERT_EQ(frames[0].size(), sent.size() - rx.header_bytes());
    ++received;
  }
  EXPECT_EQ(received, mergeable ? 251 + chains : 251u);
}

}  // namespace
}  // namespace virtio_user
