// SPDX-License-Identifier: BSD-3-Clause
//
// Receiving from a device that lies about lengths and num_buffers. What a
// frame may not be is dropped and counted; what leaves open where the next
// frame begins breaks the queue.

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

class HostileRx : public ::testing::TestWithParam<NetLayout> {
 protected:
  HostileRx()
      : rx_({.num = 16,
             .buffer_count = 40,
             .features =
                 GetParam().features |
                 FeatureSet{Feature::kNetGuestCsum, Feature::kNetGuestTso4}}) {}

  Bytes Wire(uint16_t num_buffers, const Bytes& frame) const {
    return WithHeader(rx_.header_bytes(), num_buffers, frame);
  }
  uint32_t header_bytes() const {
    return static_cast<uint32_t>(rx_.header_bytes());
  }
  std::vector<Bytes> Poll() { return virtio_user::Poll(rx_, *rx_.queue); }
  void UseHonestly(uint64_t number) {
    ASSERT_TRUE(rx_.Deliver(Wire(1, MakeFrame(60, number))));
  }
  // The queue stays as it is, and gives everything back.
  void ExpectBroken(const std::string& reason) {
    ASSERT_TRUE(rx_.queue->broken().has_value());
    EXPECT_EQ(rx_.queue->broken()->code(), ErrorCode::kProtocol);
    EXPECT_THAT(std::string(rx_.queue->broken()->text()), HasSubstr(reason));
    const RingPosition published = rx_.vring.ring.published;
    const int signals = rx_.fd_ops.signals;
    EXPECT_THAT(Poll(), IsEmpty());
    EXPECT_EQ(rx_.vring.ring.published, published);
    EXPECT_EQ(rx_.fd_ops.signals, signals);
    EXPECT_TRUE(rx_.arena.GuardsIntact());
    StartOver();
  }
  void StartOver() {
    rx_.Close();
    rx_.queue->ReclaimAll();
    EXPECT_EQ(rx_.pool.free_count(), rx_.pool.size());
    EXPECT_FALSE(rx_.queue->broken().has_value());
    rx_.device.emplace(rx_.vring.ring.layout);
    rx_.Open();
    EXPECT_THAT(Poll(), IsEmpty());
    UseHonestly(77);
    EXPECT_THAT(Poll(), ElementsAre(MakeFrame(60, 77)));
  }
  uint64_t dropped() const { return rx_.queue->stats().dropped; }

  Receiver rx_;
};
INSTANTIATE_TEST_SUITE_P(All, HostileRx, ::testing::ValuesIn(AllLayouts()),
                         NetLayoutName());

TEST_P(HostileRx, LessThanAHeaderAndAByteIsDroppedAndCounted) {
  for (uint32_t used = 0; used <= header_bytes(); ++used) {
    rx_.Use(Wire(1, MakeFrame(60, 1)), used);
    EXPECT_THAT(Poll(), IsEmpty()) << used;
    EXPECT_EQ(dropped(), used + 1);
  }
  rx_.Use(Wire(1, MakeFrame(60, 1)), header_bytes() + 1);
  EXPECT_THAT(Poll(), ElementsAre(MakeFrame(1, 1)));
  EXPECT_EQ(rx_.pool.free_count() + rx_.queue->in_flight(), 40u);
}

TEST_P(HostileRx, MoreThanABufferHoldsBreaksTheQueue_H18) {
  const uint32_t room = rx_.pool.room_bytes() + header_bytes();
  for (const uint32_t used : {room + 1, 0x7fffffffu, 0xffffffffu}) {
    UseHonestly(1);
    rx_.Use(Wire(1, MakeFrame(60, 3)), used);
    UseHonestly(2);
    EXPECT_THAT(Poll(), ElementsAre(MakeFrame(60, 1)));
    ExpectBroken(std::to_string(used) + " bytes");
  }
}

TEST_P(HostileRx, AChecksumOutsideOfTheFrameIsDropped_D12) {
  HashNetHeader header{};
  header.base.flags = kNetHeaderNeedsCsum;
  header.base.csum_start = 59;
  header.base.num_buffers = 1;
  ASSERT_TRUE(
      rx_.Deliver(WithHeader(header_bytes(), header, MakeFrame(60, 1))));
  UseHonestly(2);
  EXPECT_THAT(Poll(), ElementsAre(MakeFrame(60, 2)));
  EXPECT_EQ(dropped(), 1u);
}

TEST_P(HostileRx, SegmentsOfNothingOrOfAnUnknownKindAreDropped) {
  for (const uint8_t kind : {1, 2, 3, 4, 5, 6, 0x80, 0x81, 0xff}) {
    HashNetHeader header{};
    header.base.gso_type = kind;
    header.base.gso_size = kind == 1 ? 0 : 1448;
    header.base.num_buffers = 1;
    ASSERT_TRUE(
        rx_.Deliver(WithHeader(header_bytes(), header, MakeFrame(60, 1))));
    EXPECT_THAT(Poll(), IsEmpty()) << int{kind};
  }
  EXPECT_EQ(dropped(), 9u);
  EXPECT_EQ(rx_.pool.free_count() + rx_.queue->in_flight(), 40u);
}

// The header is the caller's no more than the frame is the device's: what was
// said once counts.
TEST_P(HostileRx, AHeaderThatChangesAfterwardsChangesNothing) {
  HashNetHeader header{};
  header.base.flags = kNetHeaderDataValid;
  header.base.num_buffers = 1;
  DescriptorChain chain;
  ASSERT_TRUE(rx_.Pop(chain));
  const Bytes wire = WithHeader(header_bytes(), header, MakeFrame(60, 1));
  std::span<const std::byte> rest = wire;
  rx_.device->Push(chain.token, rx_.Fill(chain, rest));
  std::vector<Packet> got(4);
  ASSERT_EQ(rx_.queue->Receive(got), 1u);
  const std::span<std::byte> memory = *rx_.arena.Resolve(chain.writable[0]);
  std::fill_n(memory.begin(), header_bytes(), std::byte{0xff});
  EXPECT_EQ(rx_.pool.offload(got[0]), (Offload{.checksum = Checksum::kValid}));
  EXPECT_EQ(rx_.Frame(got[0]), MakeFrame(60, 1));
  EXPECT_THAT(Poll(), IsEmpty());
  EXPECT_EQ(rx_.pool.free_count() + rx_.queue->in_flight(), 40u);
}

class HostilePlain : public HostileRx {};
std::vector<NetLayout> PlainLayouts() {
  std::vector<NetLayout> layouts = ModernLayouts();
  std::erase_if(layouts, [](const auto& l) { return l.mergeable(); });
  return layouts;
}
INSTANTIATE_TEST_SUITE_P(All, HostilePlain, ::testing::ValuesIn(PlainLayouts()),
                         NetLayoutName());

TEST_P(HostilePlain, NumBuffersMeansNothingWithoutMergeableBuffers) {
  for (const uint16_t num_buffers : {0, 2, 65535}) {
    rx_.Use(Wire(num_buffers, MakeFrame(60, 3)), header_bytes() + 60);
    EXPECT_THAT(Poll(), ElementsAre(MakeFrame(60, 3)));
  }
}

class HostileMerge : public HostileRx {};
std::vector<NetLayout> MergeableLayouts() {
  std::vector<NetLayout> layouts = AllLayouts();
  std::erase_if(layouts, [](const auto& l) { return !l.mergeable(); });
  return layouts;
}
INSTANTIATE_TEST_SUITE_P(All, HostileMerge,
                         ::testing::ValuesIn(MergeableLayouts()),
                         NetLayoutName());

TEST_P(HostileMerge, NoBuffersAtAllIsDroppedAndCounted_H18) {
  rx_.Use(Wire(0, MakeFrame(60, 1)), header_bytes() + 60);
  UseHonestly(2);
  EXPECT_THAT(Poll(), ElementsAre(MakeFrame(60, 2)));
  EXPECT_EQ(dropped(), 1u);
}

// D09: of the segments that were there, all but the last one leaked.
TEST_P(HostileMerge, MoreBuffersThanWereUsedBreaksTheQueue_H18_D09) {
  for (const uint16_t num_buffers : {5, 17, 65535}) {
    SCOPED_TRACE(num_buffers);
    UseHonestly(1);
    rx_.Use(Wire(num_buffers, MakeFrame(60, 2)), header_bytes() + 60);
    rx_.Use(MakeFrame(60, 3), 60);
    rx_.Use(MakeFrame(60, 4), 60);
    EXPECT_THAT(Poll(), ElementsAre(MakeFrame(60, 1)));
    ExpectBroken("a frame of " + std::to_string(num_buffers) +
                 " buffers, of which the device has used 3");
  }
}

TEST_P(HostileMerge, WhatFollowsMayBeShortOrEmpty) {
  rx_.Use(Wire(3, MakeFrame(20, 2)), header_bytes() + 20);
  rx_.Use(MakeFrame(60, 3), 0);
  rx_.Use(MakeFrame(10, 4), 10);
  Bytes want = MakeFrame(20, 2);
  const Bytes rest = MakeFrame(10, 4);
  want.insert(want.end(), rest.begin(), rest.end());
  EXPECT_THAT(Poll(), ElementsAre(want));
}

// A first buffer without a byte of the frame is dropped alone: its header is
// not looked at.
TEST_P(HostileMerge, AHeaderAloneIsDroppedWhateverItSays) {
  rx_.Use(Wire(2, {}), header_bytes());
  UseHonestly(2);
  EXPECT_THAT(Poll(), ElementsAre(MakeFrame(60, 2)));
  EXPECT_EQ(dropped(), 1u);
}

TEST_P(HostileMerge, ABadHeaderTakesAllBuffersOfItsFrameAlong) {
  HashNetHeader header{};
  header.base.gso_type = 0x7f;
  header.base.num_buffers = 3;
  rx_.Use(WithHeader(header_bytes(), header, MakeFrame(60, 1)),
          header_bytes() + 60);
  rx_.Use(MakeFrame(60, 2), 60);
  rx_.Use(MakeFrame(60, 3), 60);
  UseHonestly(4);
  EXPECT_THAT(Poll(), ElementsAre(MakeFrame(60, 4)));
  EXPECT_EQ(dropped(), 1u);
  EXPECT_EQ(rx_.pool.free_count() + rx_.queue->in_flight(), 40u);
}

}  // namespace
}  // namespace virtio_user
