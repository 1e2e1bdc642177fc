// SPDX-License-Identifier: BSD-3-Clause
//
// Receiving from a device that lies about lengths and num_buffers.

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/net_support.h"
#include "virtio_user/net/rx_queue.h"

namespace virtio_user {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class HostileRx : public ::testing::Test {
 protected:
  explicit HostileRx(FeatureSet features = {Feature::kVersion1,
                                            Feature::kNetMrgRxbuf})
      : bench_({.num = 16, .buffer_count = 16, .features = features}) {
    auto queue = RxQueue::Create(bench_.vring, bench_.options);
    EXPECT_TRUE(queue.has_value());
    queue_ = std::move(*queue);
    bench_.vring.ring.gate.Open();
    Poll();
  }

  std::vector<Bytes> Poll() {
    std::vector<Bytes> frames;
    queue_->Receive(64, [&](std::span<const std::byte> frame) {
      frames.emplace_back(frame.begin(), frame.end());
    });
    return frames;
  }
  // Uses one buffer: writes what fits of `bytes`, and says `used`.
  void Use(const Bytes& bytes, uint32_t used) {
    DescriptorChain chain;
    const uint16_t head = bench_.Pop(chain);
    const auto memory = *bench_.arena.Resolve(chain.writable[0]);
    std::copy_n(bytes.begin(), std::min(bytes.size(), memory.size()),
                memory.begin());
    bench_.device->Push(head, used);
  }
  void UseHonestly(uint64_t number) {
    ASSERT_TRUE(bench_.Deliver(WithHeader(12, 1, MakeFrame(60, number))));
  }
  void ExpectBroken(const std::string& reason) {
    ASSERT_TRUE(queue_->broken().has_value());
    EXPECT_EQ(queue_->broken()->code(), ErrorCode::kProtocol);
    EXPECT_THAT(std::string(queue_->broken()->text()), HasSubstr(reason));
    const uint16_t published = bench_.vring.ring.published.index;
    EXPECT_THAT(Poll(), IsEmpty());
    EXPECT_EQ(bench_.vring.ring.published.index, published);
    EXPECT_TRUE(bench_.arena.GuardsIntact());
  }

  NetBench bench_;
  std::unique_ptr<RxQueue> queue_;
};

class HostileRxPlain : public HostileRx {
 protected:
  HostileRxPlain() : HostileRx({Feature::kVersion1}) {}
};

TEST_F(HostileRx, LessThanAHeaderIsDroppedAndCounted) {
  for (uint32_t used = 0; used <= 12; ++used) {
    Use(WithHeader(12, 1, MakeFrame(60, 1)), used);
    EXPECT_THAT(Poll(), IsEmpty()) << used;
    EXPECT_EQ(queue_->stats().dropped, used + 1);
  }
  UseHonestly(5);
  EXPECT_THAT(Poll(), ElementsAre(MakeFrame(60, 5)));
  EXPECT_EQ(queue_->in_flight(), 16u);
}

TEST_F(HostileRxPlain, LessThanAHeaderIsDroppedAndCounted) {
  Use(WithHeader(12, 1, MakeFrame(60, 1)), 11);
  Use(WithHeader(12, 1, MakeFrame(60, 1)), 13);
  EXPECT_THAT(Poll(), ElementsAre(MakeFrame(1, 1)));
  EXPECT_EQ(queue_->stats().dropped, 1u);
}

TEST_F(HostileRxPlain, NumBuffersMeansNothingWithoutMergeableBuffers) {
  for (const uint16_t num_buffers : {0, 2, 65535}) {
    Use(WithHeader(12, num_buffers, MakeFrame(60, 3)), 72);
    EXPECT_THAT(Poll(), ElementsAre(MakeFrame(60, 3)));
  }
}

TEST_F(HostileRxPlain, MoreThanABufferHoldsBreaksTheQueue_H18) {
  Use(WithHeader(12, 1, MakeFrame(60, 3)), 129);
  EXPECT_THAT(Poll(), IsEmpty());
  ExpectBroken("129 bytes");
}

TEST_F(HostileRx, NoBuffersIsDroppedAndCounted_H18) {
  Use(WithHeader(12, 0, MakeFrame(60, 1)), 72);
  UseHonestly(2);
  EXPECT_THAT(Poll(), ElementsAre(MakeFrame(60, 2)));
  EXPECT_EQ(queue_->stats().dropped, 1u);
}

TEST_F(HostileRx, MoreBuffersThanWereUsedBreaksTheQueue_H18_D09) {
  for (const uint16_t num_buffers : {3, 17, 65535}) {
    SCOPED_TRACE(num_buffers);
    UseHonestly(1);
    Use(WithHeader(12, num_buffers, MakeFrame(60, 2)), 72);
    Use(MakeFrame(60, 3), 60);
    EXPECT_THAT(Poll(), ElementsAre(MakeFrame(60, 1)));
    ExpectBroken("a frame of " + std::to_string(num_buffers) +
                 " buffers, of which the device has used 2");
    bench_.vring.ring.gate.Close();
    queue_->ReclaimAll();
    EXPECT_EQ(queue_->in_flight(), 0u);  // No buffer was lost.
    bench_.device.emplace(bench_.vring.ring.layout, 0, 0);
    bench_.vring.ring.gate.Open();
    Poll();
    EXPECT_EQ(queue_->in_flight(), 16u);
  }
}

TEST_F(HostileRx, WhatFollowsMayBeShortOrEmpty) {
  Use(WithHeader(12, 3, MakeFrame(20, 2)), 32);
  Use(MakeFrame(128, 3), 0);
  Use(MakeFrame(10, 4), 10);
  Bytes want = MakeFrame(20, 2);
  const Bytes rest = MakeFrame(10, 4);
  want.insert(want.end(), rest.begin(), rest.end());
  EXPECT_THAT(Poll(), ElementsAre(want));
}

TEST_F(HostileRx, EmptyBuffersAloneAreNoFrame) {
  Use(WithHeader(12, 2, {}), 12);
  Use({}, 0);
  EXPECT_THAT(Poll(), IsEmpty());
  EXPECT_EQ(queue_->stats().dropped, 1u);
  EXPECT_FALSE(queue_->broken().has_value());
}

TEST(HostileRxHuge, AFrameLongerThanAnyIsDroppedWithAllItsBuffers) {
  NetBench bench({.num = 32,
                  .buffer_count = 32,
                  .buffer_bytes = 4096,
                  .features = {Feature::kVersion1, Feature::kNetMrgRxbuf}});
  const auto queue = *RxQueue::Create(bench.vring, bench.options);
  bench.vring.ring.gate.Open();
  std::vector<size_t> sizes;
  const auto note = [&](std::span<const std::byte> f) {
    sizes.push_back(f.size());
  };
  for (const size_t bytes :
       {RxQueue::kMaxFrameBytes + 1, RxQueue::kMaxFrameBytes,
        size_t{32 * 4096 - 12}, size_t{17 * 4096 - 2}}) {
    queue->Receive(1, note);
    const auto buffers = static_cast<uint16_t>((bytes + 12 + 4095) / 4096);
    ASSERT_TRUE(bench.Deliver(WithHeader(12, buffers, MakeFrame(bytes, 1))));
    queue->Receive(1, note);
  }
  EXPECT_THAT(sizes, ElementsAre(RxQueue::kMaxFrameBytes));
  EXPECT_EQ(queue->stats().dropped, 3u);
  EXPECT_EQ(queue->in_flight(), 32u);
}

// Random headers, lengths, ids and indexes: nothing is touched that is not a
// buffer, no buffer is lost, and no call goes on for ever.
void ThrowGarbage(uint64_t seed) {
  TestRandom random(seed);
  NetBench bench({.num = 8,
                  .buffer_count = 12,
                  .buffer_bytes = 32,
                  .features = {Feature::kVersion1, Feature::kNetMrgRxbuf}});
  const auto queue = *RxQueue::Create(bench.vring, bench.options);
  const BareRing bare(bench.vring.ring.layout);
  for (int step = 0; step < 100; ++step) {
    bench.vring.ring.gate.Open();
    for (std::byte& b : bench.pool) {
      b = static_cast<std::byte>(random.OneIn(3) ? random.Below(256) : 0);
    }
    for (uint32_t i = 0; i < 12; ++i) {
      bench.pool[32 * i + 10] = static_cast<std::byte>(random.Below(4));
    }
    for (uint32_t i = 0; i < 8; ++i) {
      bare.SetUsed(i,
                   {bare.Avail(i), random.Below(random.OneIn(20) ? 40 : 33)});
    }
    bare.set_used_idx(static_cast<uint16_t>(bare.used_idx() + random.Below(6)));
    queue->Receive(1 + random.Below(5), [](std::span<const std::byte> frame) {
      EXPECT_LE(frame.size(), 12u * 32);
    });
    ASSERT_LE(queue->in_flight(), 12u);
    bench.vring.ring.gate.Close();
    if (!queue->broken()) continue;
    queue->ReclaimAll();
    ASSERT_EQ(queue->in_flight(), 0u);
  }
  ASSERT_TRUE(bench.arena.GuardsIntact());
}

TEST(HostileRxGarbage, IsSurvived_H18) {
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    ThrowGarbage(seed);
    ASSERT_FALSE(::testing::Test::HasFailure());
  }
}

}  // namespace
}  // namespace virtio_user
