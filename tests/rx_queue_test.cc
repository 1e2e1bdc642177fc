// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/net/rx_queue.h"

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/net_support.h"

namespace virtio_user {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr FeatureSet kModern = {Feature::kVersion1};

class RxLayouts : public ::testing::TestWithParam<NetLayout> {
 protected:
  FeatureSet features() const { return GetParam().features; }
};
INSTANTIATE_TEST_SUITE_P(All, RxLayouts, ::testing::ValuesIn(AllLayouts()),
                         NetLayoutName());

TEST_P(RxLayouts, FramesArriveInTurnWithTheirBytes) {
  Receiver rx({.features = features()});
  for (uint64_t i = 0; i < 100; ++i) {
    const Bytes one = MakeFrame(14 + i % 150, i);
    const Bytes other = MakeFrame(60, i + 1);
    ASSERT_TRUE(rx.Give(one));
    ASSERT_TRUE(rx.Give(other));
    ASSERT_THAT(Poll(rx, *rx.queue), ElementsAre(one, other));
  }
  EXPECT_EQ(rx.queue->stats().packets, 200u);
  EXPECT_EQ(rx.queue->stats().dropped, 0u);
  EXPECT_TRUE(rx.arena.GuardsIntact());
}

TEST_P(RxLayouts, OneByteAndAFullBufferAreFrames) {
  Receiver rx({.features = features()});
  const Bytes full = MakeFrame(rx.pool.room_bytes(), 3);
  ASSERT_TRUE(rx.Give(MakeFrame(1, 7)));
  ASSERT_TRUE(rx.Give(full));
  EXPECT_THAT(Poll(rx, *rx.queue), ElementsAre(MakeFrame(1, 7), full));
  EXPECT_EQ(rx.queue->stats().bytes, 1 + full.size());
}

TEST_P(RxLayouts, NoMoreIsHandedOutThanWasAskedFor) {
  Receiver rx({.features = features()});
  for (uint64_t i = 0; i < 4; ++i) ASSERT_TRUE(rx.Give(MakeFrame(60, i)));
  EXPECT_THAT(Poll(rx, *rx.queue, 3), SizeIs(3));
  EXPECT_THAT(Poll(rx, *rx.queue, 3), ElementsAre(MakeFrame(60, 3)));
}

// D14: at the end of a ring whose size is no power of 2, more came than was
// asked for.
TEST(RxQueue, NoMoreComesThanWasAskedForAtTheEndOfAnOddRing_D14) {
  for (const uint16_t num : {255, 1025}) {
    Receiver rx({.num = num,
                 .buffer_count = num + 70u,
                 .features = {Feature::kVersion1, Feature::kRingPacked}});
    uint64_t next = 0;
    for (uint64_t given = 0; given < 5u * num; given += 7) {
      for (uint64_t i = 0; i < 7; ++i) {
        ASSERT_TRUE(rx.Give(MakeFrame(60, given + i)));
      }
      for (const size_t most : {4, 3}) {
        const std::vector<Bytes> frames = Poll(rx, *rx.queue, most);
        ASSERT_THAT(frames, SizeIs(most));
        for (const Bytes& frame : frames) {
          ASSERT_EQ(frame, MakeFrame(60, next++));
        }
      }
    }
  }
}

// D01: a ring that the device ate empty, while the pool was empty too, fills
// up by itself as soon as buffers come back: nobody has to see a frame first.
TEST_P(RxLayouts, ARingThatStarvedFillsUpWhenBuffersComeBack_D01) {
  Receiver rx({.buffer_count = 8, .features = features()});
  std::vector<Packet> held;
  while (rx.Give(MakeFrame(60, held.size()))) {
    std::vector<Packet> got(8);
    got.resize(rx.queue->Receive(got));
    ASSERT_THAT(got, SizeIs(1));
    held.push_back(got[0]);
  }
  EXPECT_EQ(rx.pool.free_count(), 0u);
  EXPECT_EQ(rx.queue->in_flight(), 0u);
  const uint64_t before = rx.queue->stats().no_buffer;
  EXPECT_GT(before, 0u);
  std::array<Packet, 4> none;
  EXPECT_EQ(rx.queue->Receive(none), 0u);
  EXPECT_EQ(rx.queue->stats().no_buffer, before + 1);
  EXPECT_FALSE(rx.Give(MakeFrame(60, 1)));

  for (const Packet& packet : held) rx.pool.Free(packet);
  EXPECT_THAT(Poll(rx, *rx.queue), IsEmpty());
  ASSERT_TRUE(rx.Give(MakeFrame(60, 99)));
  EXPECT_THAT(Poll(rx, *rx.queue), ElementsAre(MakeFrame(60, 99)));
}

TEST_P(RxLayouts, APollWithoutRoomForPacketsFillsTheRing_D01) {
  NetBench bench({.features = features()});
  const auto queue = *RxQueue::Create(bench.vring, bench.pool, bench.options);
  bench.Open();
  EXPECT_EQ(queue->Receive({}), 0u);
  const bool in_two = RxHeaderPlace(features()) == HeaderPlace::kOwnDescriptor;
  EXPECT_EQ(queue->in_flight(), in_two ? 4u : 8u);
}

// D05: vector paths assumed a ring that is full of buffers.
TEST_P(RxLayouts, FewerBuffersThanTheRingHasAreEnough_D05_D20) {
  Receiver rx({.num = 256, .buffer_count = 3, .features = features()});
  for (uint64_t i = 0; i < 1000; ++i) {
    ASSERT_TRUE(rx.Give(MakeFrame(60, i)));
    ASSERT_THAT(Poll(rx, *rx.queue), ElementsAre(MakeFrame(60, i)));
  }
}

TEST_P(RxLayouts, MoreBuffersThanTheRingStayInThePool) {
  Receiver rx({.num = 4, .buffer_count = 20, .features = features()});
  EXPECT_EQ(rx.pool.free_count() + rx.queue->in_flight(), 20u);
  EXPECT_GE(rx.pool.free_count(), 16u);
  EXPECT_EQ(rx.queue->stats().no_buffer, 0u);
}

TEST_P(RxLayouts, ABurstLargerThanTheRingTakesEverything_D01) {
  Receiver rx({.num = 8, .buffer_count = 8, .features = features()});
  size_t given = 0;
  while (rx.Give(MakeFrame(60, given))) ++given;
  EXPECT_THAT(Poll(rx, *rx.queue, 500), SizeIs(given));
  EXPECT_EQ(rx.pool.free_count() + rx.queue->in_flight(), 8u);
}

TEST_P(RxLayouts, AClosedGateKeepsTheRingAsItIs) {
  Receiver rx({.features = features()});
  ASSERT_TRUE(rx.Give(MakeFrame(60, 1)));
  rx.Close();
  const int signals = rx.fd_ops.signals;
  EXPECT_THAT(Poll(rx, *rx.queue), IsEmpty());
  EXPECT_FALSE(rx.queue->SuppressInterrupts(false));
  EXPECT_FALSE(rx.device->DriverWantsInterrupt());
  EXPECT_EQ(rx.fd_ops.signals, signals);
  rx.Open();
  EXPECT_THAT(Poll(rx, *rx.queue), ElementsAre(MakeFrame(60, 1)));
  EXPECT_TRUE(rx.queue->SuppressInterrupts(false));
  EXPECT_TRUE(rx.device->DriverWantsInterrupt());
  EXPECT_TRUE(rx.queue->SuppressInterrupts(true));
  EXPECT_FALSE(rx.device->DriverWantsInterrupt());
}

TEST_P(RxLayouts, APollKicksOnceAndOnlyIfItOfferedSomething) {
  Receiver rx({.features = features()});
  EXPECT_EQ(rx.fd_ops.signals, 1);
  EXPECT_THAT(Poll(rx, *rx.queue), IsEmpty());
  EXPECT_EQ(rx.fd_ops.signals, 1);
  for (uint64_t i = 0; i < 4; ++i) ASSERT_TRUE(rx.Give(MakeFrame(60, i)));
  EXPECT_THAT(Poll(rx, *rx.queue), SizeIs(4));
  Poll(rx, *rx.queue);
  EXPECT_EQ(rx.fd_ops.signals, 2);
  EXPECT_EQ(rx.queue->stats().kicks, 2u);
}

TEST_P(RxLayouts, ReclaimedBuffersAreFreeAndTheRingStartsAfresh) {
  Receiver rx({.features = features()});
  ASSERT_TRUE(rx.Give(MakeFrame(60, 1)));
  ASSERT_THAT(Poll(rx, *rx.queue), SizeIs(1));
  ASSERT_TRUE(rx.Give(MakeFrame(60, 2)));
  rx.Close();
  const size_t in_flight = rx.queue->in_flight();
  EXPECT_EQ(rx.queue->ReclaimAll(), in_flight);
  EXPECT_EQ(rx.pool.free_count(), rx.pool.size());
  EXPECT_EQ(rx.queue->ReclaimAll(), 0u);
  rx.device.emplace(rx.vring.ring.layout);
  rx.Open();
  EXPECT_THAT(Poll(rx, *rx.queue), IsEmpty());
  ASSERT_TRUE(rx.Give(MakeFrame(60, 3)));
  EXPECT_THAT(Poll(rx, *rx.queue), ElementsAre(MakeFrame(60, 3)));
}

TEST_P(RxLayouts, ADeviceThatRestartsGoesOnWhereItWas) {
  Receiver rx({.num = 4, .buffer_count = 4, .features = features()});
  for (uint64_t i = 0; i < 50; ++i) {
    ASSERT_TRUE(rx.Give(MakeFrame(60, i)));
    rx.Close();
    rx.RestartDevice();
    rx.Open();
    ASSERT_THAT(Poll(rx, *rx.queue), ElementsAre(MakeFrame(60, i)));
  }
}

class RxMergeable : public RxLayouts {};
std::vector<NetLayout> MergeableLayouts() {
  std::vector<NetLayout> layouts = AllLayouts();
  std::erase_if(layouts, [](const auto& l) { return !l.mergeable(); });
  return layouts;
}
INSTANTIATE_TEST_SUITE_P(All, RxMergeable,
                         ::testing::ValuesIn(MergeableLayouts()),
                         NetLayoutName());

// D08: the tail of a packet that was the last of a burst got lost, or the
// head's length was the whole packet's.
TEST_P(RxMergeable, AJumboFrameThatIsTheLastOfABurstArrivesWhole_D08) {
  Receiver rx({.num = 128, .buffer_count = 200, .features = features()});
  const Bytes jumbo = MakeFrame(9728, 5);
  std::vector<Bytes> want;
  for (uint64_t i = 0; i < 63; ++i) {
    want.push_back(MakeFrame(60, i));
    ASSERT_TRUE(rx.Give(want.back()));
  }
  want.push_back(jumbo);
  ASSERT_TRUE(rx.Give(jumbo));
  ASSERT_TRUE(rx.Give(MakeFrame(70, 6)));
  EXPECT_EQ(Poll(rx, *rx.queue, 64), want);
  EXPECT_THAT(Poll(rx, *rx.queue, 64), ElementsAre(MakeFrame(70, 6)));
  EXPECT_EQ(rx.pool.free_count() + rx.queue->in_flight(), rx.pool.size());
}

TEST_P(RxMergeable, EveryNumberOfBuffersIsPutTogether) {
  Receiver rx({.num = 64, .buffer_count = 64, .features = features()});
  for (size_t bytes = 1; bytes < 3000; bytes += 7) {
    const Bytes frame = MakeFrame(bytes, bytes);
    ASSERT_TRUE(rx.Give(frame));
    ASSERT_THAT(Poll(rx, *rx.queue, 1), ElementsAre(frame)) << bytes;
  }
  EXPECT_EQ(rx.queue->stats().dropped, 0u);
}

TEST_P(RxMergeable, AFrameOfTheWholeRingIsTaken) {
  Receiver rx({.num = 16, .buffer_count = 32, .features = features()});
  const size_t room = rx.pool.room_bytes() + rx.header_bytes();
  const Bytes frame = MakeFrame(16 * room - rx.header_bytes(), 3);
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(rx.Give(frame));
    ASSERT_THAT(Poll(rx, *rx.queue), ElementsAre(frame));
  }
}

TEST_P(RxMergeable, TheLongestFrameOfAllIsTakenAndALongerOneIsNot) {
  Receiver rx({.num = 128,
               .buffer_count = 256,
               .buffer_bytes = 1024,
               .features = features()});
  const Bytes longest = MakeFrame(kMaxFrameBytes, 3);
  ASSERT_TRUE(rx.Give(longest));
  EXPECT_THAT(Poll(rx, *rx.queue), ElementsAre(longest));
  ASSERT_TRUE(rx.Give(MakeFrame(kMaxFrameBytes + 1, 4)));
  ASSERT_TRUE(rx.Give(MakeFrame(60, 5)));
  EXPECT_THAT(Poll(rx, *rx.queue), ElementsAre(MakeFrame(60, 5)));
  EXPECT_EQ(rx.queue->stats().dropped, 1u);
  EXPECT_EQ(rx.pool.free_count() + rx.queue->in_flight(), 256u);
}

// D17: without merging, nothing that is longer than a buffer can come, and a
// device that says so is not believed.
TEST(RxQueue, AFrameLongerThanABufferDoesNotFitWithoutMerging_D17) {
  for (const Feature format : {Feature::kVersion1, Feature::kRingPacked}) {
    Receiver rx({.features = kModern | FeatureSet{format}});
    const uint32_t room = rx.pool.room_bytes() + 12;
    DescriptorChain chain;
    ASSERT_TRUE(rx.Pop(chain));
    EXPECT_EQ(chain.writable[0].bytes, room);
    rx.device->Push(chain.token, room + 1);
    EXPECT_THAT(Poll(rx, *rx.queue), IsEmpty());
    ASSERT_TRUE(rx.queue->broken().has_value());
    EXPECT_THAT(std::string(rx.queue->broken()->text()),
                HasSubstr(std::to_string(room + 1) + " bytes"));
    EXPECT_TRUE(rx.arena.GuardsIntact());
  }
}

// D06: one used element may stand for all before it; those are full then.
TEST(RxQueue, InOrderBatchesOfOneElementAreTakenApart_D06) {
  for (const Feature format : {Feature::kVersion1, Feature::kRingPacked}) {
    Receiver rx({.features = {Feature::kVersion1, Feature::kInOrder, format}});
    const size_t room = rx.pool.room_bytes();
    std::vector<ChainToken> batch;
    std::vector<Bytes> want;
    for (uint64_t i = 0; i < 5; ++i) {
      want.push_back(MakeFrame(i < 4 ? room : 60, i));
      const Bytes bytes = WithHeader(12, 1, want.back());
      std::span<const std::byte> rest = bytes;
      DescriptorChain chain;
      ASSERT_TRUE(rx.Pop(chain));
      rx.Fill(chain, rest);
      batch.push_back(chain.token);
    }
    rx.device->PutBatch(batch, 60 + 12);
    rx.device->Publish();
    EXPECT_EQ(Poll(rx, *rx.queue, 2), (std::vector{want[0], want[1]}));
    EXPECT_EQ(Poll(rx, *rx.queue), (std::vector{want[2], want[3], want[4]}));
  }
}

// D13: what came back is known by its id and not by its place.
TEST(RxQueue, BuffersThatComeBackInAnotherOrderAreTheRightOnes_D13) {
  for (const Feature format : {Feature::kVersion1, Feature::kRingPacked}) {
    Receiver rx({.buffer_count = 16, .features = kModern | FeatureSet{format}});
    for (int round = 0; round < 20; ++round) {
      std::vector<DescriptorChain> chains(6);
      std::vector<Bytes> want;
      for (DescriptorChain& chain : chains) ASSERT_TRUE(rx.Pop(chain));
      for (const size_t i : {3, 0, 5, 1, 4, 2}) {
        want.push_back(MakeFrame(60 + i, i));
        const Bytes bytes = WithHeader(12, 1, want.back());
        std::span<const std::byte> rest = bytes;
        rx.device->Push(chains[i].token, rx.Fill(chains[i], rest));
      }
      ASSERT_EQ(Poll(rx, *rx.queue), want);
    }
  }
}

TEST(RxQueue, AKickThatFailsIsCountedAndTheNextOneTells) {
  NetBench bench({});
  const auto queue = *RxQueue::Create(bench.vring, bench.pool, bench.options);
  bench.Open();
  bench.fd_ops.refuse = true;
  queue->Receive({});
  EXPECT_EQ(queue->stats().failed_kicks, 1u);
  EXPECT_TRUE(bench.Deliver(WithHeader(12, 1, MakeFrame(60, 1))));
  bench.fd_ops.refuse = false;
  EXPECT_THAT(Poll(bench, *queue), SizeIs(1));
  EXPECT_EQ(queue->stats().failed_kicks, 1u);
}

// A header and its data take two descriptors: of an odd number one is left.
TEST(RxQueue, ALegacyHeaderInAnOddRingLeavesADescriptor) {
  Receiver rx({.num = 3, .features = {Feature::kRingPacked}});
  for (uint64_t i = 0; i < 5; ++i) {
    ASSERT_TRUE(rx.Give(MakeFrame(60, i)));
    EXPECT_THAT(Poll(rx, *rx.queue), ElementsAre(MakeFrame(60, i)));
  }
}

TEST(RxQueue, ARingThatCannotServeIsRefused) {
  NetBench legacy({.num = 1, .features = {}});
  const auto one = RxQueue::Create(legacy.vring, legacy.pool, legacy.options);
  ASSERT_FALSE(one.has_value());
  EXPECT_THAT(std::string(one.error().text()), HasSubstr("1 descriptor"));
  NetBench bench({});
  bench.options.features.Add(Feature::kEventIdx);
  EXPECT_EQ(
      RxQueue::Create(bench.vring, bench.pool, bench.options).error().code(),
      ErrorCode::kUnsupported);
}

}  // namespace
}  // namespace virtio_user
