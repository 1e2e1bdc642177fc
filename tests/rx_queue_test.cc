// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/net/rx_queue.h"

#include <algorithm>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/net_support.h"

namespace virtio_user {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr FeatureSet kMergeable = {Feature::kVersion1, Feature::kNetMrgRxbuf};

std::unique_ptr<RxQueue> MakeQueue(NetBench& bench) {
  auto queue = RxQueue::Create(bench.vring, bench.options);
  EXPECT_TRUE(queue.has_value());
  bench.vring.ring.gate.Open();
  return std::move(*queue);
}

std::vector<Bytes> Poll(RxQueue& queue, size_t most = 64) {
  std::vector<Bytes> frames;
  const size_t count =
      queue.Receive(most, [&](std::span<const std::byte> frame) {
        frames.emplace_back(frame.begin(), frame.end());
      });
  EXPECT_EQ(count, frames.size());
  return frames;
}

TEST(RxQueue, TheFirstPollPostsEveryBufferWithOneKick) {
  NetBench bench({.num = 8, .buffer_count = 5});
  const auto queue = MakeQueue(bench);
  EXPECT_THAT(Poll(*queue), IsEmpty());
  EXPECT_EQ(bench.vring.ring.published.index, 5);
  EXPECT_EQ(bench.fd_ops.signals, 1);
  EXPECT_EQ(queue->in_flight(), 5u);
  EXPECT_THAT(Poll(*queue), IsEmpty());
  EXPECT_EQ(bench.fd_ops.signals, 1);
}

TEST(RxQueue, MoreBuffersThanDescriptorsWaitTheirTurn) {
  NetBench bench({.num = 4, .buffer_count = 9});
  const auto queue = MakeQueue(bench);
  Poll(*queue);
  EXPECT_EQ(bench.vring.ring.published.index, 4);
  for (uint64_t i = 0; i < 30; ++i) {
    ASSERT_TRUE(bench.Deliver(WithHeader(12, 1, MakeFrame(60, i))));
    EXPECT_THAT(Poll(*queue), ElementsAre(MakeFrame(60, i)));
  }
  EXPECT_EQ(queue->in_flight(), 4u);
}

TEST(RxQueue, EveryLengthArrivesByteForByte) {
  for (const FeatureSet features :
       {FeatureSet{Feature::kVersion1}, FeatureSet{}, kMergeable,
        FeatureSet{Feature::kVersion1, Feature::kInOrder},
        FeatureSet{Feature::kNetMrgRxbuf}, FeatureSet{Feature::kAnyLayout}}) {
    NetBench bench({.features = features});
    const size_t header = NetHeaderBytes(features);
    const auto queue = MakeQueue(bench);
    for (size_t bytes = 1; bytes <= 128 - header; ++bytes) {
      Poll(*queue);
      const Bytes frame = MakeFrame(bytes, bytes);
      ASSERT_TRUE(bench.Deliver(WithHeader(header, 1, frame))) << bytes;
      ASSERT_THAT(Poll(*queue), ElementsAre(frame));
    }
    EXPECT_TRUE(bench.arena.GuardsIntact());
  }
}

// Without GUEST_CSUM and GUEST_TSO a device must leave both 0; the driver has
// no use for either and takes the frame as it is.
TEST(RxQueue, OffloadFieldsOfTheHeaderChangeNothingAboutAFrame) {
  for (const FeatureSet features :
       {FeatureSet{Feature::kVersion1}, kMergeable}) {
    NetBench bench({.features = features});
    const auto queue = MakeQueue(bench);
    for (unsigned value = 0; value < 256; ++value) {
      Poll(*queue);
      const Bytes frame = MakeFrame(60, value);
      Bytes bytes = WithHeader(12, 1, frame);
      bytes[0] = static_cast<std::byte>(value);            // flags
      bytes[1] = static_cast<std::byte>(255 - value);      // gso_type
      std::fill_n(bytes.begin() + 2, 8, std::byte{0xff});  // up to csum_offset
      ASSERT_TRUE(bench.Deliver(bytes)) << value;
      ASSERT_THAT(Poll(*queue), ElementsAre(frame)) << value;
    }
    EXPECT_EQ(queue->stats().dropped, 0u);
  }
}

TEST(RxQueue, AFrameOfSeveralBuffersIsCollected_D08) {
  for (const FeatureSet features :
       {kMergeable, kMergeable | FeatureSet{Feature::kInOrder}}) {
    NetBench bench({.num = 32, .buffer_count = 32, .features = features});
    const auto queue = MakeQueue(bench);
    for (size_t bytes = 1; bytes <= 32 * 128 - 12; bytes += 13) {
      Poll(*queue);
      const Bytes frame = MakeFrame(bytes, bytes);
      const auto buffers = static_cast<uint16_t>((bytes + 12 + 127) / 128);
      ASSERT_TRUE(bench.Deliver(WithHeader(12, buffers, frame))) << bytes;
      ASSERT_THAT(Poll(*queue), ElementsAre(frame)) << bytes;
    }
    EXPECT_EQ(queue->stats().dropped, 0u);
  }
}

TEST(RxQueue, ABurstLimitNeverCutsAFrame_D08) {
  NetBench bench({.num = 256, .buffer_count = 256, .features = kMergeable});
  const auto queue = MakeQueue(bench);
  Poll(*queue);
  for (uint64_t i = 0; i < 4; ++i) {  // 60 buffers each: more than one look.
    ASSERT_TRUE(bench.Deliver(WithHeader(12, 60, MakeFrame(7600, i))));
  }
  for (uint64_t i = 0; i < 4; ++i) {
    EXPECT_THAT(Poll(*queue, 1), ElementsAre(MakeFrame(7600, i)));
  }
  EXPECT_THAT(Poll(*queue, 1), IsEmpty());
}

TEST(RxQueue, ALimitOfFramesLeavesTheRestForTheNextPoll) {
  NetBench bench({});
  const auto queue = MakeQueue(bench);
  Poll(*queue);
  for (uint64_t i = 0; i < 5; ++i) {
    ASSERT_TRUE(bench.Deliver(WithHeader(12, 1, MakeFrame(60, i))));
  }
  EXPECT_THAT(Poll(*queue, 0), IsEmpty());
  EXPECT_THAT(Poll(*queue, 2), ElementsAre(MakeFrame(60, 0), MakeFrame(60, 1)));
  EXPECT_THAT(Poll(*queue).size(), 3u);
}

TEST(RxQueue, ARingThatRanEmptyFillsUpAgain_D01) {
  NetBench bench({.num = 4, .buffer_count = 4});
  const auto queue = MakeQueue(bench);
  Poll(*queue);
  for (int round = 0; round < 10; ++round) {
    for (uint64_t i = 0; i < 4; ++i) {
      ASSERT_TRUE(bench.Deliver(WithHeader(12, 1, MakeFrame(60, i))));
    }
    EXPECT_FALSE(bench.Deliver(WithHeader(12, 1, MakeFrame(60, 9))));
    EXPECT_EQ(Poll(*queue).size(), 4u);
  }
}

TEST(RxQueue, BuffersComeBackByIdNotByPlace_D13) {
  NetBench bench({.num = 4, .buffer_count = 4});
  const auto queue = MakeQueue(bench);
  for (int round = 0; round < 100; ++round) {
    Poll(*queue);
    DescriptorChain first;
    const uint16_t late = bench.Pop(first);
    ASSERT_TRUE(bench.Deliver(WithHeader(12, 1, MakeFrame(60, 1))));
    const Bytes bytes = WithHeader(12, 1, MakeFrame(70, 2));
    const auto memory = *bench.arena.Resolve(first.writable[0]);
    std::copy(bytes.begin(), bytes.end(), memory.begin());
    bench.device->Push(late, 82);
    ASSERT_THAT(Poll(*queue), ElementsAre(MakeFrame(60, 1), MakeFrame(70, 2)));
  }
}

TEST(RxQueue, NothingHappensWhileTheGateIsClosed) {
  NetBench bench({});
  const auto queue = MakeQueue(bench);
  bench.vring.ring.gate.Close();
  EXPECT_THAT(Poll(*queue), IsEmpty());
  EXPECT_FALSE(queue->SuppressInterrupts(false));
  EXPECT_EQ(bench.vring.ring.published.index, 0);
  EXPECT_EQ(bench.fd_ops.signals, 0);
  EXPECT_FALSE(bench.vring.ring.gate.busy());
}

TEST(RxQueue, StopAndStartKeepTheBuffersOnTheRing) {
  NetBench bench({.num = 4, .buffer_count = 4});
  const auto queue = MakeQueue(bench);
  Poll(*queue);
  ASSERT_TRUE(bench.Deliver(WithHeader(12, 1, MakeFrame(60, 1))));
  bench.vring.ring.gate.Close();
  const uint16_t base = bench.device->next_avail();
  bench.device.emplace(bench.vring.ring.layout, base, base);
  bench.vring.ring.gate.Open();
  ASSERT_TRUE(bench.Deliver(WithHeader(12, 1, MakeFrame(60, 2))));
  EXPECT_THAT(Poll(*queue), ElementsAre(MakeFrame(60, 1), MakeFrame(60, 2)));
}

TEST(RxQueue, ReclaimAllTakesBackWhatTheDeviceHasAndWhatWaits) {
  NetBench bench({.num = 8, .buffer_count = 8, .features = kMergeable});
  const auto queue = MakeQueue(bench);
  Poll(*queue);
  for (uint64_t i = 0; i < 3; ++i) {
    ASSERT_TRUE(bench.Deliver(WithHeader(12, 1, MakeFrame(60, i))));
  }
  EXPECT_EQ(Poll(*queue, 1).size(), 1u);  // Two more were taken by that look.
  bench.vring.ring.gate.Close();
  EXPECT_EQ(queue->ReclaimAll(), 6u);
  EXPECT_EQ(queue->in_flight(), 0u);
  bench.device.emplace(bench.vring.ring.layout, 0, 0);
  bench.vring.ring.gate.Open();
  EXPECT_THAT(Poll(*queue), IsEmpty());
  EXPECT_EQ(bench.vring.ring.published.index, 8);
  ASSERT_TRUE(bench.Deliver(WithHeader(12, 1, MakeFrame(60, 7))));
  EXPECT_THAT(Poll(*queue), ElementsAre(MakeFrame(60, 7)));
}

TEST(RxQueue, InterruptsAreOffUntilAskedFor) {
  NetBench bench({});
  const auto queue = MakeQueue(bench);
  EXPECT_FALSE(bench.device->DriverWantsInterrupt());
  EXPECT_TRUE(queue->SuppressInterrupts(false));
  EXPECT_TRUE(bench.device->DriverWantsInterrupt());
}

TEST(RxQueue, StatisticsCountFramesWithoutHeaders) {
  NetBench bench({.features = kMergeable});
  const auto queue = MakeQueue(bench);
  Poll(*queue);
  ASSERT_TRUE(bench.Deliver(WithHeader(12, 1, MakeFrame(60, 1))));
  ASSERT_TRUE(bench.Deliver(WithHeader(12, 3, MakeFrame(300, 1))));
  Poll(*queue);
  EXPECT_EQ(queue->stats().packets, 2u);
  EXPECT_EQ(queue->stats().bytes, 360u);
}

TEST(RxQueue, SetupsThatCannotWorkAreRefused) {
  NetBench bench({.num = 1, .features = {}});
  EXPECT_FALSE(RxQueue::Create(bench.vring, bench.options).has_value());
  bench.options.features = {Feature::kVersion1};
  EXPECT_TRUE(RxQueue::Create(bench.vring, bench.options).has_value());
  bench.options.buffer_bytes = 24;
  EXPECT_FALSE(RxQueue::Create(bench.vring, bench.options).has_value());
  bench.options.features = {Feature::kRingPacked};
  EXPECT_FALSE(RxQueue::Create(bench.vring, bench.options).has_value());
}

}  // namespace
}  // namespace virtio_user
