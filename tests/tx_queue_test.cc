// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/net/tx_queue.h"

#include <algorithm>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/net_support.h"

namespace virtio_user {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

class TxLayouts : public ::testing::TestWithParam<NetLayout> {
 protected:
  FeatureSet features() const { return GetParam().features; }
  // Descriptors that a frame in one buffer takes.
  size_t PlainCount() const {
    return TxHeaderPlace(features()) == HeaderPlace::kOwnDescriptor ? 2 : 1;
  }
};
INSTANTIATE_TEST_SUITE_P(All, TxLayouts, ::testing::ValuesIn(AllLayouts()),
                         NetLayoutName());

TEST_P(TxLayouts, FramesGoOutInTurnBehindAHeaderOfZeros_H19) {
  Sender tx({.features = features()});
  for (uint64_t i = 0; i < 100; ++i) {
    // What was in a buffer before is not sent.
    std::ranges::fill(tx.buffers, std::byte{0xee});
    const Bytes one = MakeFrame(1 + i, i);
    const Bytes other = MakeFrame(192, i + 1);
    ASSERT_TRUE(tx.Send(one));
    ASSERT_TRUE(tx.Send(other));
    ASSERT_EQ(tx.TakeSent(), tx.Plain(one));
    ASSERT_EQ(tx.TakeSent(), tx.Plain(other));
    ASSERT_EQ(tx.queue->Complete(8), 2u);
  }
  EXPECT_EQ(tx.queue->stats().packets, 200u);
  EXPECT_EQ(tx.pool.free_count(), tx.pool.size());
  EXPECT_TRUE(tx.arena.GuardsIntact());
}

// D10: the header in front changed what the packet said about itself.
TEST_P(TxLayouts, SendingLeavesThePacketAndItsPayloadAsTheyWere_D10) {
  for (const size_t bytes : {60, 192, 193, 500}) {
    Sender tx({.features = features()});
    const Bytes frame = MakeFrame(bytes, bytes);
    const Packet packet = tx.Make(frame);
    const Packet before = packet;
    ASSERT_TRUE(tx.Send(packet));
    EXPECT_EQ(std::memcmp(&packet, &before, sizeof(packet)), 0);
    Bytes after(bytes);
    tx.pool.CopyOut(packet, after);
    EXPECT_EQ(after, frame);
    EXPECT_EQ(tx.TakeSent(), tx.Plain(frame));
  }
}

// D03: a header was pushed into room that was not its own.
TEST_P(TxLayouts, AHeaderThatHasNoRoomInFrontGoesElsewhere_D03) {
  for (uint16_t offset = 0; offset <= 24; ++offset) {
    Sender tx({.features = features()});
    Packet packet = tx.Make(MakeFrame(60, 1));
    ASSERT_EQ(packet.buffer, 0u);
    const Bytes frame = MakeFrame(60, offset);
    std::copy(frame.begin(), frame.end(), tx.buffers.begin() + offset);
    packet.offset = offset;
    ASSERT_TRUE(tx.Send(packet));
    EXPECT_EQ(tx.TakeSent(), tx.Plain(frame)) << offset;
    EXPECT_TRUE(tx.arena.GuardsIntact()) << offset;
  }
}

TEST_P(TxLayouts, WithoutScratchMemoryThatIsADrop) {
  Sender tx({.features = features(), .scratch = false});
  Packet packet = tx.Make(MakeFrame(60, 1));
  packet.offset = 9;
  EXPECT_TRUE(tx.Send(packet));
  EXPECT_THAT(tx.TakeSent(), IsEmpty());
  EXPECT_EQ(tx.queue->stats().dropped, 1u);
  EXPECT_EQ(tx.pool.free_count(), 8u);
}

TEST_P(TxLayouts, AFullRingTakesNoMoreUntilTheDeviceIsDone_D01) {
  Sender tx({.buffer_count = 32, .features = features()});
  const size_t most = 8 / PlainCount();
  std::vector<Packet> packets;
  for (uint64_t i = 0; i < most + 3; ++i) {
    packets.push_back(tx.Make(MakeFrame(60, i)));
  }
  EXPECT_EQ(tx.queue->Send(packets), most);
  const std::span rest = std::span(packets).subspan(most);
  EXPECT_EQ(tx.queue->Send(rest), 0u);
  EXPECT_EQ(tx.TakeSent(), tx.Plain(MakeFrame(60, 0)));
  EXPECT_EQ(tx.queue->Send(rest), 1u);
  for (uint64_t i = 1; i <= most; ++i) {
    EXPECT_EQ(tx.TakeSent(), tx.Plain(MakeFrame(60, i)));
  }
  EXPECT_EQ(tx.queue->Send(rest.subspan(1)), 2u);
}

// D20, D05: a ring that never fills gives its buffers back all the same.
TEST_P(TxLayouts, FewerBuffersThanTheRingHasGoRound_D20) {
  Sender tx({.num = 256, .buffer_count = 3, .features = features()});
  for (uint64_t i = 0; i < 1000; ++i) {
    if (tx.pool.free_count() == 0) tx.queue->Complete(64);
    ASSERT_TRUE(tx.Send(MakeFrame(60, i)));
    ASSERT_EQ(tx.TakeSent(), tx.Plain(MakeFrame(60, i)));
  }
}

// D20: with more buffers, sending alone sees to it.
TEST_P(TxLayouts, SendingGivesBuffersBackOnANearlyFullRing_D20) {
  Sender tx({.num = 256, .buffer_count = 100, .features = features()});
  for (uint64_t i = 0; i < 2000; ++i) {
    ASSERT_GT(tx.pool.free_count(), 0u) << i;
    ASSERT_TRUE(tx.Send(MakeFrame(60, i)));
    ASSERT_EQ(tx.TakeSent(), tx.Plain(MakeFrame(60, i)));
  }
  EXPECT_LT(tx.queue->in_flight(), 33u);
}

// D07: a packed ring was cleaned of fewer chains than were needed.
TEST_P(TxLayouts, ChainsCanBeTakenBackOneByOne_D07) {
  Sender tx({.num = 4, .buffer_count = 16, .features = features()});
  for (uint64_t round = 0; round < 50; ++round) {
    const size_t most = 4 / PlainCount();
    for (size_t i = 0; i < most; ++i) ASSERT_TRUE(tx.Send(MakeFrame(60, i)));
    for (size_t i = 0; i < most; ++i) tx.TakeSent();
    for (size_t i = 0; i < most; ++i) ASSERT_EQ(tx.queue->Complete(1), 1u);
    ASSERT_EQ(tx.queue->Complete(1), 0u);
  }
  EXPECT_EQ(tx.pool.free_count(), 16u);
}

// D18: what the device was done with leaked when the queue stopped.
TEST_P(TxLayouts, NothingLeaksWhenTheQueueStops_D18) {
  Sender tx({.features = features()});
  for (uint64_t i = 0; i < 4; ++i) ASSERT_TRUE(tx.Send(MakeFrame(60, i)));
  tx.TakeSent();
  tx.TakeSent();
  tx.Close();
  EXPECT_EQ(tx.queue->Complete(8), 0u);
  EXPECT_EQ(tx.queue->ReclaimAll(), 4u);
  EXPECT_EQ(tx.pool.free_count(), 8u);
  EXPECT_EQ(tx.queue->stats().dropped, 4u);
  tx.device.emplace(tx.vring.ring.layout);
  tx.Open();
  ASSERT_TRUE(tx.Send(MakeFrame(60, 9)));
  EXPECT_EQ(tx.TakeSent(), tx.Plain(MakeFrame(60, 9)));
}

TEST_P(TxLayouts, WhatWasSentBeforeAStopIsSentAfterTheNextStart) {
  Sender tx({.num = 4, .buffer_count = 64, .features = features()});
  for (uint64_t i = 0; i < 50; ++i) {
    ASSERT_TRUE(tx.Send(MakeFrame(60, i)));
    tx.Close();
    EXPECT_FALSE(tx.Send(Packet{}));
    tx.RestartDevice();
    tx.Open();
    ASSERT_EQ(tx.TakeSent(), tx.Plain(MakeFrame(60, i)));
    ASSERT_EQ(tx.queue->Complete(4), 1u);
  }
}

TEST_P(TxLayouts, OneKickABurstAndNoneForNothing) {
  Sender tx({.num = 16, .buffer_count = 16, .features = features()});
  const std::vector packets = {tx.Make(MakeFrame(60, 1)),
                               tx.Make(MakeFrame(300, 2)),
                               tx.Make(MakeFrame(60, 3))};
  EXPECT_EQ(tx.queue->Send(packets), 3u);
  EXPECT_EQ(tx.fd_ops.signals, 1);
  EXPECT_EQ(tx.queue->Send({}), 0u);
  EXPECT_EQ(tx.fd_ops.signals, 1);
  tx.device->SuppressKicks(true);
  EXPECT_TRUE(tx.Send(MakeFrame(60, 4)));
  EXPECT_EQ(tx.fd_ops.signals, 1);
  EXPECT_EQ(tx.queue->stats().kicks, 1u);
}

TEST_P(TxLayouts, WhatCanNeverBeSentIsFreedAndCounted) {
  Sender tx({.num = 4, .buffer_count = 512, .features = features()});
  Packet empty = tx.Make(MakeFrame(1, 1));
  empty.bytes = 0;
  std::vector<Packet> packets = {empty, tx.Make(MakeFrame(5 * 192, 2)),
                                 tx.Make(MakeFrame(60, 3)),
                                 tx.Make(MakeFrame(65590, 4))};
  tx.pool.SetOffload(packets.emplace_back(tx.Make(MakeFrame(60, 5))),
                     {.checksum = Checksum::kPartial});
  EXPECT_EQ(tx.queue->Send(packets), 5u);
  EXPECT_EQ(tx.queue->stats().dropped, 4u);
  EXPECT_EQ(tx.queue->stats().packets, 1u);
  EXPECT_EQ(tx.queue->stats().bytes, 60u);
  EXPECT_EQ(tx.TakeSent(), tx.Plain(MakeFrame(60, 3)));
  EXPECT_EQ(tx.queue->Complete(4), 1u);
  EXPECT_EQ(tx.pool.free_count(), 512u);
}

TEST_P(TxLayouts, OneLongestFrameGoesOut) {
  Sender tx({.num = 128,
             .buffer_count = 128,
             .buffer_bytes = 1024,
             .features = features()});
  const Bytes frame = MakeFrame(kMaxFrameBytes, 3);
  ASSERT_TRUE(tx.Send(frame));
  EXPECT_EQ(tx.TakeSent(), tx.Plain(frame));
}

// D13: the buffer that comes back is that of the id.
TEST(TxQueue, CompletionsInAnotherOrderFreeTheRightBuffers_D13) {
  for (const Feature format : {Feature::kVersion1, Feature::kRingPacked}) {
    Sender tx({.buffer_count = 32, .features = {Feature::kVersion1, format}});
    std::vector<DescriptorChain> chains(4);
    for (uint64_t i = 0; i < 4; ++i) {
      ASSERT_TRUE(tx.Send(MakeFrame(i % 2 == 0 ? 60 : 200, i)));
      ASSERT_TRUE(tx.Pop(chains[i]));
    }
    const uint32_t before = tx.pool.free_count();
    tx.device->Push(chains[3].token, 0);  // Two buffers.
    EXPECT_EQ(tx.queue->Complete(4), 1u);
    EXPECT_EQ(tx.pool.free_count(), before + 2);
    tx.device->Push(chains[0].token, 0);  // One.
    EXPECT_EQ(tx.queue->Complete(4), 1u);
    EXPECT_EQ(tx.pool.free_count(), before + 3);
    EXPECT_EQ(tx.Gather(chains[1].readable), tx.Plain(MakeFrame(200, 1)));
    tx.device->Push(chains[1].token, 4711);  // Some say what they read.
    tx.device->Push(chains[2].token, 0);
    EXPECT_EQ(tx.queue->Complete(4), 2u);
    EXPECT_EQ(tx.pool.free_count(), 32u);
    EXPECT_FALSE(tx.queue->broken().has_value());
  }
}

// D06: one used element for many.
TEST(TxQueue, OneUsedElementOfABatchGivesAllItsBuffersBack_D06) {
  for (const Feature format : {Feature::kVersion1, Feature::kRingPacked}) {
    Sender tx({.buffer_count = 32,
               .features = {Feature::kVersion1, Feature::kInOrder, format}});
    for (int round = 0; round < 20; ++round) {
      std::vector<ChainToken> batch;
      for (uint64_t i = 0; i < 4; ++i) {
        ASSERT_TRUE(tx.Send(MakeFrame(i % 2 == 0 ? 60 : 200, i)));
        DescriptorChain chain;
        ASSERT_TRUE(tx.Pop(chain));
        batch.push_back(chain.token);
      }
      tx.device->PutBatch(batch, 0);
      tx.device->Publish();
      ASSERT_EQ(tx.queue->Complete(3), 3u);
      ASSERT_EQ(tx.queue->Complete(9), 1u);
      ASSERT_EQ(tx.pool.free_count(), 32u);
    }
  }
}

// D15: with a queue index of 8 bits, sending on pair 128 went to pair 0.
TEST(TxQueue, AHundredAndTwentyNinePairsKeepApart_D15) {
  std::vector<std::unique_ptr<Sender>> pairs;
  std::vector<uint16_t> vrings;
  for (uint16_t pair = 0; pair < 129; ++pair) {
    pairs.push_back(std::make_unique<Sender>(NetBench::Shape{}));
    vrings.push_back(RxVring(pair));
    vrings.push_back(TxVring(pair));
    ASSERT_TRUE(pairs.back()->Send(MakeFrame(60, pair)));
  }
  EXPECT_EQ(vrings.back(), 257);
  for (uint16_t pair = 0; pair < 129; ++pair) {
    EXPECT_EQ(vrings[2 * pair + 1], 2 * pair + 1);
    EXPECT_EQ(pairs[pair]->TakeSent(), pairs[pair]->Plain(MakeFrame(60, pair)));
    EXPECT_THAT(pairs[pair]->TakeSent(), IsEmpty());
  }
}

// D19: builds of 32 bits lost the upper half of an address.
TEST(TxQueue, HighBitsOfAddressesReachTheRing_D19) {
  NetBench bench({});
  bench.pool = *BufferPool::Create({.memory = bench.buffers,
                                    .memory_addr = {0xfedc'ba98'7654'3000},
                                    .buffer_bytes = 256});
  const auto tx = *TxQueue::Create(bench.vring, bench.pool, bench.options);
  bench.Open();
  const Packet packets[] = {bench.Make(MakeFrame(60, 1)),
                            bench.Make(MakeFrame(60, 2))};
  ASSERT_EQ(tx->Send(packets), 2u);
  const BareRing ring(bench.vring.ring.layout);
  EXPECT_EQ(ring.Desc(ring.Avail(1)).addr,
            0xfedc'ba98'7654'3000 + 256 + 64 - 12);
}

TEST(TxQueue, ScratchMemoryThatDoesNotSufficeIsRefused) {
  NetBench bench({});
  const std::span<std::byte> scratch = bench.options.scratch;
  const auto why_not = [&](std::span<std::byte> memory) {
    bench.options.scratch = memory;
    const auto queue = TxQueue::Create(bench.vring, bench.pool, bench.options);
    return queue ? "" : std::string(queue.error().text());
  };
  EXPECT_THAT(why_not(scratch.first(8 * 320 - 1)),
              HasSubstr("2559 bytes: a ring of 8 needs 2560"));
  EXPECT_THAT(why_not(scratch.subspan(16)), HasSubstr("aligned to 64"));
  EXPECT_EQ(why_not(scratch), "");
  EXPECT_EQ(why_not({}), "");
  bench.options.features.Add(Feature::kEventIdx);
  EXPECT_THAT(why_not(scratch), HasSubstr("VIRTIO_F_EVENT_IDX"));
}

}  // namespace
}  // namespace virtio_user
