// SPDX-License-Identifier: BSD-3-Clause
//
// Packets of several buffers, and what is asked of the device: how many
// descriptors they take, where their header is, what stands in it.

#include <string>
#include <tuple>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/net_support.h"

namespace virtio_user {
namespace {

using ::testing::IsEmpty;

constexpr FeatureSet kIndirect = {Feature::kIndirectDesc};

class TxChains : public ::testing::TestWithParam<std::tuple<NetLayout, bool>> {
 protected:
  FeatureSet features() const {
    const auto& [layout, indirect] = GetParam();
    return layout.features | (indirect ? kIndirect : FeatureSet{});
  }
  bool indirect() const { return std::get<1>(GetParam()); }
  size_t HeaderCount() const {
    return TxHeaderPlace(features()) == HeaderPlace::kOwnDescriptor ? 1 : 0;
  }
};
INSTANTIATE_TEST_SUITE_P(All, TxChains,
                         ::testing::Combine(::testing::ValuesIn(AllLayouts()),
                                            ::testing::Bool()),
                         [](const auto& chosen) {
                           return std::get<0>(chosen.param).name +
                                  (std::get<1>(chosen.param) ? "Indirect" : "");
                         });

// D11: format, slots, length and id of indirect tables on packed rings, at
// every place of the ring and with both wrap counters.
TEST_P(TxChains, OneToEightBuffersGoOutAtEveryPlaceOfTheRing_D11) {
  Sender tx({.num = 16, .buffer_count = 32, .features = features()});
  for (int round = 0; round < 40; ++round) {
    for (size_t count = 1; count <= 8; ++count) {
      const Bytes frame = MakeFrame(count * 192, count);
      ASSERT_TRUE(tx.Send(frame));
      DescriptorChain chain;
      ASSERT_TRUE(tx.Pop(chain));
      const size_t parts = count + HeaderCount();
      ASSERT_EQ(chain.readable.size(), parts);
      ASSERT_EQ(chain.indirect, indirect() && parts > 1);
      if (tx.format == RingFormat::kPacked) {
        ASSERT_EQ(chain.token.descriptor_count, chain.indirect ? 1 : parts);
      }
      ASSERT_EQ(tx.Gather(chain.readable), tx.Plain(frame));
      tx.device->Push(chain.token, 0);
      ASSERT_EQ(tx.queue->Complete(4), 1u);
    }
  }
  EXPECT_EQ(tx.pool.free_count(), 32u);
  EXPECT_TRUE(tx.arena.GuardsIntact());
}

// A frame of 60 bytes that asks for a checksum over what follows `csum_start`.
Packet WithChecksum(Sender& tx, uint16_t csum_start) {
  Packet packet = tx.Make(MakeFrame(60, 1));
  tx.pool.SetOffload(packet, {.checksum = Checksum::kPartial,
                              .csum_start = csum_start,
                              .csum_offset = 16});
  return packet;
}

// A table of one descriptor is one more load for the device.
TEST_P(TxChains, APacketInOnePartHasNoTable) {
  Sender tx({.features = features() | FeatureSet{Feature::kNetCsum}});
  const Packet packet = WithChecksum(tx, 34);
  ASSERT_TRUE(tx.Send(packet));
  DescriptorChain chain;
  ASSERT_TRUE(tx.Pop(chain));
  EXPECT_EQ(chain.readable.size(), 1 + HeaderCount());
  EXPECT_EQ(chain.indirect, indirect() && HeaderCount() != 0);
}

// Each chain in flight has a table, and a header where it has no room in
// front, of its own.
TEST_P(TxChains, ChainsInFlightDoNotShareTheirScratchMemory) {
  Sender tx({.num = 64, .buffer_count = 64, .features = features()});
  std::vector<Bytes> want;
  for (uint64_t i = 0; i < 8; ++i) {
    Packet packet = tx.Make(MakeFrame(3 * 192, i));
    Bytes frame = MakeFrame(3 * 192, i);
    if (i % 2 == 0) {
      // All but the last 4 bytes of the first buffer are cut away.
      frame.erase(frame.begin(), frame.begin() + 188);
      packet.offset = 252;
      packet.bytes -= 188;
    } else {
      // The same at the other end: no room for a header.
      std::copy_n(frame.begin(), 192, tx.Host(packet.buffer, 5));
      packet.offset = 5;
    }
    want.push_back(tx.Plain(frame));
    ASSERT_TRUE(tx.Send(packet));
  }
  for (const Bytes& bytes : want) EXPECT_EQ(tx.TakeSent(), bytes);
  EXPECT_TRUE(tx.arena.GuardsIntact());
}

// "The driver MUST NOT create a descriptor chain longer than the Queue Size of
// the device", of which an indirect table is a part.
TEST_P(TxChains, NoChainIsLongerThanTheRing) {
  Sender tx({.num = 4, .buffer_count = 32, .features = features()});
  const size_t most = 4 - HeaderCount();
  ASSERT_TRUE(tx.Send(MakeFrame(most * 192, 1)));
  EXPECT_EQ(tx.TakeSent(), tx.Plain(MakeFrame(most * 192, 1)));
  ASSERT_TRUE(tx.Send(MakeFrame(most * 192 + 1, 2)));
  EXPECT_THAT(tx.TakeSent(), IsEmpty());
  EXPECT_EQ(tx.queue->stats().dropped, 1u);
  ASSERT_TRUE(tx.Send(MakeFrame(60, 3)));
  EXPECT_EQ(tx.TakeSent(), tx.Plain(MakeFrame(60, 3)));
}

TEST_P(TxChains, MorePartsThanATableHoldsAreChained) {
  Sender tx({.num = 64, .buffer_count = 64, .features = features()});
  for (const size_t count : {15, 16, 17, 40}) {
    const Bytes frame = MakeFrame(count * 192, count);
    ASSERT_TRUE(tx.Send(frame));
    DescriptorChain chain;
    ASSERT_TRUE(tx.Pop(chain));
    EXPECT_EQ(chain.indirect, indirect() && count + HeaderCount() <= 16);
    EXPECT_EQ(tx.Gather(chain.readable), tx.Plain(frame));
    tx.device->Push(chain.token, 0);
    ASSERT_EQ(tx.queue->Complete(4), 1u);
  }
}

TEST_P(TxChains, AChainThatDoesNotFitNowIsNotTakenApart) {
  Sender tx({.num = 8, .buffer_count = 32, .features = features()});
  const size_t slots = indirect() ? 1 : 3 + HeaderCount();
  std::vector<Packet> packets;
  for (uint64_t i = 0; i < 9; ++i)
    packets.push_back(tx.Make(MakeFrame(570, i)));
  const size_t sent = tx.queue->Send(packets);
  EXPECT_EQ(sent, 8 / slots);
  for (uint64_t i = 0; i < sent; ++i) {
    EXPECT_EQ(tx.TakeSent(), tx.Plain(MakeFrame(570, i)));
  }
  EXPECT_THAT(tx.TakeSent(), IsEmpty());
  EXPECT_GT(tx.queue->Send(std::span(packets).subspan(sent)), 0u);
  EXPECT_EQ(tx.TakeSent(), tx.Plain(MakeFrame(570, sent)));
}

// Few chains can fill a ring: nobody may wait for more of them.
TEST_P(TxChains, ARingFullOfFewLongChainsRecoversByItself_D01) {
  Sender tx({.num = 16, .buffer_count = 180, .features = features()});
  for (uint64_t i = 0; i < 100; ++i) {
    const Bytes frame = MakeFrame(9 * 192, i);
    ASSERT_TRUE(tx.Send(frame)) << i;
    ASSERT_EQ(tx.TakeSent(), tx.Plain(frame));
  }
}

// D12, D16: the header that the device gets, byte by byte, on whole packets
// and on chains.
TEST_P(TxChains, TheHeaderAsksForWhatThePacketSays_D16) {
  NetBench::Shape shape{.num = 16, .buffer_count = 32, .features = features()};
  shape.features.Add(Feature::kNetCsum);
  shape.features.Add(Feature::kNetHostTso6);
  shape.features.Add(Feature::kNetHostEcn);
  Sender tx(shape);
  for (const size_t bytes : {100, 192, 193, 1000}) {
    Packet packet = tx.Make(MakeFrame(bytes, 1));
    tx.pool.SetOffload(packet, {.checksum = Checksum::kPartial,
                                .csum_start = 54,
                                .csum_offset = 16,
                                .segmentation = Segmentation::kTcp6,
                                .ecn = true,
                                .segment_bytes = 1440,
                                .header_bytes = 74});
    ASSERT_TRUE(tx.Send(packet));
    HashNetHeader want{};
    want.base = {.flags = 1,
                 .gso_type = 0x84,
                 .hdr_len = 74,
                 .gso_size = 1440,
                 .csum_start = 54,
                 .csum_offset = 16,
                 .num_buffers = 0};
    EXPECT_EQ(tx.TakeSent(),
              WithHeader(tx.header_bytes(), want, MakeFrame(bytes, 1)));
  }
}

TEST_P(TxChains, AChecksumOutsideOfTheFrameIsNotAskedFor_D12) {
  Sender tx({.features = features() | FeatureSet{Feature::kNetCsum}});
  const Packet packet = WithChecksum(tx, 60);
  EXPECT_TRUE(tx.Send(packet));
  EXPECT_THAT(tx.TakeSent(), IsEmpty());
  EXPECT_EQ(tx.queue->stats().dropped, 1u);
  EXPECT_EQ(tx.pool.free_count(), tx.pool.size());
  EXPECT_EQ(tx.fd_ops.signals, 0);
}

// A received packet goes out again as it is, verified checksum and all.
TEST_P(TxChains, AVerifiedChecksumIsNothingToAskFor) {
  Sender tx({.features = features()});
  Packet packet = tx.Make(MakeFrame(60, 1));
  tx.pool.SetOffload(
      packet, {.checksum = Checksum::kValid, .hash_report = 1, .hash = 2});
  ASSERT_TRUE(tx.Send(packet));
  EXPECT_EQ(tx.TakeSent(), tx.Plain(MakeFrame(60, 1)));
}

TEST(TxLegacy, TheHeaderHasADescriptorOfTenBytes) {
  Sender tx({.features = {}});
  for (const size_t bytes : {60, 300}) {
    ASSERT_TRUE(tx.Send(MakeFrame(bytes, 1)));
    DescriptorChain chain;
    ASSERT_TRUE(tx.Pop(chain));
    EXPECT_EQ(chain.readable[0].bytes, 10u);
    EXPECT_EQ(tx.Gather(std::span(chain.readable).subspan(1)),
              MakeFrame(bytes, 1));
    tx.device->Push(chain.token, 0);
  }
}

TEST(TxLegacy, AFirstBufferWithoutAByteOfTheFrameMakesNoEmptyDescriptor) {
  Sender tx({.features = {}});
  Packet packet = tx.Make(MakeFrame(200, 1));
  packet.offset += 192;
  packet.bytes -= 192;
  ASSERT_TRUE(tx.Send(packet));
  DescriptorChain chain;
  ASSERT_TRUE(tx.Pop(chain));
  ASSERT_EQ(chain.readable.size(), 2u);
  EXPECT_EQ(chain.readable[0].bytes, 10u);
  EXPECT_EQ(chain.readable[1].bytes, 8u);
}

}  // namespace
}  // namespace virtio_user
