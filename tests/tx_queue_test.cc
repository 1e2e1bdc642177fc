// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/net/tx_queue.h"

#include <array>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/net_support.h"

namespace virtio_user {
namespace {

using ::testing::HasSubstr;

std::unique_ptr<TxQueue> MakeQueue(NetBench& bench) {
  auto queue = TxQueue::Create(bench.vring, bench.options);
  EXPECT_TRUE(queue.has_value());
  bench.vring.ring.gate.Open();
  return std::move(*queue);
}

TEST(TxQueue, AFrameArrivesBehindAZeroedHeader_H19) {
  for (const FeatureSet features :
       {FeatureSet{Feature::kVersion1}, FeatureSet{Feature::kNetMrgRxbuf},
        FeatureSet{Feature::kAnyLayout}, FeatureSet{}}) {
    NetBench bench({.features = features});
    std::ranges::fill(bench.pool, std::byte{0xee});  // Left by an earlier user.
    const auto queue = MakeQueue(bench);
    const Bytes frame = MakeFrame(60, 1);
    ASSERT_TRUE(queue->Send(frame));
    EXPECT_EQ(bench.TakeSent(), WithHeader(NetHeaderBytes(features), 0, frame));
    EXPECT_TRUE(bench.arena.GuardsIntact());
  }
}

TEST(TxQueue, ALegacyDeviceGetsTheHeaderInADescriptorOfItsOwn) {
  NetBench bench({.features = {}});
  const auto queue = MakeQueue(bench);
  ASSERT_TRUE(queue->Send(MakeFrame(300, 1)));
  DescriptorChain chain;
  bench.Pop(chain);
  ASSERT_EQ(chain.readable.size(), 4u);
  EXPECT_EQ(chain.readable[0].bytes, 10u);
  EXPECT_EQ(chain.readable[1].bytes, 118u);
  EXPECT_EQ(chain.readable[3].bytes, 300u - 118 - 128);
}

TEST(TxQueue, EveryLengthArrivesByteForByteAcrossBuffers) {
  for (const FeatureSet features :
       {FeatureSet{Feature::kVersion1},
        FeatureSet{Feature::kVersion1, Feature::kIndirectDesc},
        FeatureSet{Feature::kVersion1, Feature::kInOrder},
        FeatureSet{Feature::kIndirectDesc}, FeatureSet{}}) {
    NetBench bench({.features = features});
    const auto queue = MakeQueue(bench);
    ASSERT_GE(queue->max_frame_bytes(), 800u);
    for (size_t bytes = 1; bytes <= queue->max_frame_bytes(); ++bytes) {
      const Bytes frame = MakeFrame(bytes, bytes);
      ASSERT_TRUE(queue->Send(frame)) << bytes;
      ASSERT_EQ(bench.TakeSent(),
                WithHeader(NetHeaderBytes(features), 0, frame));
    }
    EXPECT_EQ(queue->Reap(), 1u);
    EXPECT_EQ(queue->in_flight(), 0u);
    EXPECT_TRUE(bench.arena.GuardsIntact());
  }
}

TEST(TxQueue, AnIndirectFrameTakesOneDescriptor) {
  NetBench bench({.num = 2,
                  .buffer_count = 10,
                  .features = {Feature::kVersion1, Feature::kIndirectDesc}});
  const auto queue = MakeQueue(bench);
  EXPECT_EQ(queue->max_frame_bytes(), 2 * 128u - 12);  // As long as the ring.
  const Bytes frame = MakeFrame(200, 3);
  EXPECT_TRUE(queue->Send(frame));
  EXPECT_TRUE(queue->Send(frame));
  EXPECT_FALSE(queue->Send(frame));
  EXPECT_EQ(bench.TakeSent(), WithHeader(12, 0, frame));
}

TEST(TxQueue, AFullRingTakesWhatFitsAndRecoversByItself_D01_D20) {
  NetBench bench({.num = 4, .buffer_count = 16});
  const auto queue = MakeQueue(bench);
  const std::vector<Bytes> frames(7, MakeFrame(64, 5));
  const std::vector<std::span<const std::byte>> burst(frames.begin(),
                                                      frames.end());
  EXPECT_EQ(queue->SendBurst(burst), 4u);
  EXPECT_EQ(queue->SendBurst(burst), 0u);
  EXPECT_FALSE(bench.TakeSent().empty());
  EXPECT_FALSE(bench.TakeSent().empty());
  EXPECT_EQ(queue->SendBurst(burst), 2u);
  EXPECT_EQ(queue->in_flight(), 4u);
}

TEST(TxQueue, AnEmptyPoolTakesWhatFitsAndRecoversByItself_D01) {
  NetBench bench({.num = 16, .buffer_count = 3});
  const auto queue = MakeQueue(bench);
  EXPECT_TRUE(queue->Send(MakeFrame(200, 1)));  // Two buffers.
  EXPECT_FALSE(queue->Send(MakeFrame(200, 2)));
  EXPECT_TRUE(queue->Send(MakeFrame(60, 3)));
  EXPECT_FALSE(queue->Send(MakeFrame(60, 4)));
  EXPECT_FALSE(bench.TakeSent().empty());
  EXPECT_TRUE(queue->Send(MakeFrame(200, 5)));
}

TEST(TxQueue, ABurstIsKickedOnceAndOnlyIfTheDeviceWantsIt) {
  NetBench bench({});
  const auto queue = MakeQueue(bench);
  const std::vector<Bytes> frames(5, MakeFrame(64, 5));
  const std::vector<std::span<const std::byte>> burst(frames.begin(),
                                                      frames.end());
  EXPECT_EQ(queue->SendBurst(burst), 5u);
  EXPECT_EQ(bench.fd_ops.signals, 1);
  bench.device->SuppressKicks(true);
  EXPECT_EQ(queue->SendBurst(burst), 3u);
  EXPECT_EQ(queue->SendBurst(burst), 0u);
  EXPECT_EQ(bench.fd_ops.signals, 1);
}

TEST(TxQueue, ABurstOfNothingWritesAndKicksNothing) {
  NetBench bench({});
  const auto queue = MakeQueue(bench);
  EXPECT_EQ(queue->SendBurst({}), 0u);
  EXPECT_EQ(bench.fd_ops.signals, 0);
}

TEST(TxQueue, AFrameThatCanNeverBeSentIsDroppedAndTheBurstGoesOn) {
  NetBench bench({.num = 2});
  const auto queue = MakeQueue(bench);
  ASSERT_EQ(queue->max_frame_bytes(), 2 * 128u - 12);
  const Bytes too_long = MakeFrame(2 * 128 - 11, 1);
  const Bytes good = MakeFrame(60, 2);
  const std::array<std::span<const std::byte>, 3> burst = {too_long, {}, good};
  EXPECT_EQ(queue->SendBurst(burst), 3u);
  EXPECT_EQ(bench.TakeSent(), WithHeader(12, 0, good));
  EXPECT_EQ(queue->stats().dropped, 2u);
}

TEST(TxQueue, StatisticsCountFramesWithoutHeaders) {
  NetBench bench({});
  const auto queue = MakeQueue(bench);
  ASSERT_TRUE(queue->Send(MakeFrame(60, 1)));
  ASSERT_TRUE(queue->Send(MakeFrame(300, 2)));
  const NetQueueStats stats = queue->stats();
  EXPECT_EQ(stats.packets, 2u);
  EXPECT_EQ(stats.bytes, 360u);
  EXPECT_EQ(stats.kicks, 2u);
  EXPECT_EQ(stats.dropped, 0u);
}

TEST(TxQueue, NothingHappensWhileTheGateIsClosed) {
  NetBench bench({});
  const auto queue = MakeQueue(bench);
  bench.vring.ring.gate.Close();
  EXPECT_FALSE(queue->Send(MakeFrame(60, 1)));
  EXPECT_EQ(queue->Reap(), 0u);
  EXPECT_EQ(bench.fd_ops.signals, 0);
  EXPECT_EQ(bench.vring.ring.published.index, 0);
  EXPECT_FALSE(bench.vring.ring.gate.busy());
}

TEST(TxQueue, StopAndStartKeepWhatIsOnTheRing_D18) {
  NetBench bench({});
  const auto queue = MakeQueue(bench);
  ASSERT_TRUE(queue->Send(MakeFrame(60, 1)));
  ASSERT_TRUE(queue->Send(MakeFrame(60, 2)));
  EXPECT_EQ(bench.TakeSent(), WithHeader(12, 0, MakeFrame(60, 1)));
  bench.vring.ring.gate.Close();
  // Another device goes on where the first one was.
  const uint16_t base = bench.device->next_avail();
  bench.device.emplace(bench.vring.ring.layout, base, base);
  bench.vring.ring.gate.Open();
  ASSERT_TRUE(queue->Send(MakeFrame(60, 3)));
  EXPECT_EQ(bench.TakeSent(), WithHeader(12, 0, MakeFrame(60, 2)));
  EXPECT_EQ(bench.TakeSent(), WithHeader(12, 0, MakeFrame(60, 3)));
  EXPECT_EQ(queue->Reap(), 2u);
}

TEST(TxQueue, ReclaimAllTakesEveryBufferBack_D18) {
  NetBench bench({.num = 4, .buffer_count = 4});
  const auto queue = MakeQueue(bench);
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(queue->Send(MakeFrame(60, 1)));
  bench.TakeSent();
  bench.vring.ring.gate.Close();
  EXPECT_EQ(queue->ReclaimAll(), 3u);
  EXPECT_EQ(queue->stats().dropped, 3u);
  EXPECT_EQ(bench.vring.ring.published.index, 0);
  bench.device.emplace(bench.vring.ring.layout, 0, 0);
  bench.vring.ring.gate.Open();
  for (uint64_t i = 0; i < 4; ++i) {
    ASSERT_TRUE(queue->Send(MakeFrame(60, i)));
  }
  for (uint64_t i = 0; i < 4; ++i) {
    EXPECT_EQ(bench.TakeSent(), WithHeader(12, 0, MakeFrame(60, i)));
  }
}

TEST(TxQueue, ALyingDeviceBreaksTheQueueWithAReason_H18) {
  NetBench bench({});
  const auto queue = MakeQueue(bench);
  ASSERT_TRUE(queue->Send(MakeFrame(60, 1)));
  BareRing(bench.vring.ring.layout).set_used_idx(2);
  EXPECT_EQ(queue->Reap(), 0u);
  ASSERT_TRUE(queue->broken().has_value());
  EXPECT_THAT(std::string(queue->broken()->text()), HasSubstr("used index 2"));
  EXPECT_FALSE(queue->Send(MakeFrame(60, 2)));
  bench.vring.ring.gate.Close();
  EXPECT_EQ(queue->ReclaimAll(), 1u);
  EXPECT_FALSE(queue->broken().has_value());
}

TEST(TxQueue, ARingThatCanSendNothingIsRefused) {
  NetBench bench({.num = 1, .features = {}});  // Header and data: two.
  const auto queue = TxQueue::Create(bench.vring, bench.options);
  ASSERT_FALSE(queue.has_value());
  EXPECT_THAT(std::string(queue.error().text()),
              HasSubstr("ring of 1 descriptors"));
  bench.options.buffer_bytes = 8;
  EXPECT_FALSE(TxQueue::Create(bench.vring, bench.options).has_value());
  bench.options.features = {Feature::kRingPacked};
  EXPECT_FALSE(TxQueue::Create(bench.vring, bench.options).has_value());
}

}  // namespace
}  // namespace virtio_user
