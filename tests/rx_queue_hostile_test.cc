// SPDX-License-Identifier: BSD-3-Clause
//
// Receiving from a device that lies about lengths and num_buffers. What a
// frame may not be is dropped and counted; what leaves open where the next
// frame begins breaks the queue. Any kind of buffers.

#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/net_rig.h"
#include "virtio_user/net/net_header.h"

namespace virtio_user {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class HostileRx : public ::testing::TestWithParam<NetLayout> {
 protected:
  Bytes Wire(uint16_t num_buffers, const Bytes& frame) const {
    return WithHeader(header_bytes(), num_buffers, frame);
  }
  uint32_t header_bytes() const {
    return static_cast<uint32_t>(NetHeaderBytes(GetParam().features));
  }
  std::vector<Bytes> Poll() { return rx_->Poll(); }
  // A buffer with these bytes is used, for `used` of them.
  void Use(const Bytes& bytes, uint32_t used) { side_.Use(bytes, used); }
  void UseHonestly(uint64_t number) {
    ASSERT_TRUE(side_.Deliver(Wire(1, MakeFrame(60, number))));
  }
  // The queue stays as it is, and gives everything back.
  void ExpectBroken(const std::string& reason) {
    ASSERT_TRUE(rx_->broken().has_value());
    EXPECT_EQ(rx_->broken()->code(), ErrorCode::kProtocol);
    EXPECT_THAT(std::string(rx_->broken()->text()), HasSubstr(reason));
    const RingPosition published = side_.Vring().ring.published;
    const uint64_t kicks = rx_->stats().kicks;
    EXPECT_THAT(Poll(), IsEmpty());
    EXPECT_EQ(side_.Vring().ring.published, published);
    EXPECT_EQ(rx_->stats().kicks, kicks);
    StartOver();
  }
  void StartOver() {
    side_.Close();
    rx_->ReclaimAll();
    EXPECT_EQ(rx_->buffers_out(), 0u);
    rx_->ExpectSound();
    EXPECT_FALSE(rx_->broken().has_value());
    side_.NewDevice();
    side_.Open();
    EXPECT_THAT(Poll(), IsEmpty());
    UseHonestly(77);
    EXPECT_THAT(Poll(), ElementsAre(MakeFrame(60, 77)));
  }
  // No buffer is lost, and none is anywhere twice.
  void ExpectAllAccountedFor() {
    EXPECT_EQ(rx_->buffers_out(), rx_->in_flight());
    rx_->ExpectSound();
  }
  uint64_t dropped() const { return rx_->stats().dropped; }

  static constexpr uint32_t kRoom = 192;
  const std::unique_ptr<RxRig> rx_ = MakeRxRig(
      {.features = GetParam().features |
                   FeatureSet{Feature::kNetGuestCsum, Feature::kNetGuestTso4},
       .num = 16,
       .buffer_count = 40,
       .room_bytes = kRoom});
  DeviceSide& side_ = rx_->side();
};
INSTANTIATE_TEST_SUITE_P(All, HostileRx, ::testing::ValuesIn(RigLayouts()),
                         NetLayoutName());

TEST_P(HostileRx, LessThanAHeaderAndAByteIsDroppedAndCounted) {
  for (uint32_t used = 0; used <= header_bytes(); ++used) {
    Use(Wire(1, MakeFrame(60, 1)), used);
    EXPECT_THAT(Poll(), IsEmpty()) << used;
    EXPECT_EQ(dropped(), used + 1);
  }
  Use(Wire(1, MakeFrame(60, 1)), header_bytes() + 1);
  EXPECT_THAT(Poll(), ElementsAre(MakeFrame(1, 1)));
  ExpectAllAccountedFor();
}

TEST_P(HostileRx, MoreThanABufferHoldsBreaksTheQueue_H18) {
  const uint32_t room = kRoom + header_bytes();
  for (const uint32_t used : {room + 1, 0x7fffffffu, 0xffffffffu}) {
    UseHonestly(1);
    Use(Wire(1, MakeFrame(60, 3)), used);
    UseHonestly(2);
    EXPECT_THAT(Poll(), ElementsAre(MakeFrame(60, 1)));
    ExpectBroken(std::to_string(used) + " bytes");
  }
}

// The queue may look at several elements before it takes one.
TEST_P(HostileRx, MoreThanABufferHoldsBreaksTheQueueAnywhereInARow) {
  for (const uint32_t place : {0, 1, 2, 3, 4, 5, 6, 7}) {
    for (const uint32_t used : {kRoom + header_bytes() + 1, 0x80000000u}) {
      std::vector<Bytes> sound;
      for (uint32_t i = 0; i < place; ++i) {
        UseHonestly(i);
        sound.push_back(MakeFrame(60, i));
      }
      Use(Wire(1, MakeFrame(60, 9)), used);
      for (uint32_t i = place + 1; i < 8; ++i) UseHonestly(i);
      EXPECT_EQ(Poll(), sound);
      ExpectBroken(std::to_string(used) + " bytes");
    }
  }
}

TEST_P(HostileRx, AChecksumOutsideOfTheFrameIsDropped_D12) {
  HashNetHeader header{};
  header.base.flags = kNetHeaderNeedsCsum;
  header.base.csum_start = 59;
  header.base.num_buffers = 1;
  ASSERT_TRUE(
      side_.Deliver(WithHeader(header_bytes(), header, MakeFrame(60, 1))));
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
        side_.Deliver(WithHeader(header_bytes(), header, MakeFrame(60, 1))));
    EXPECT_THAT(Poll(), IsEmpty()) << int{kind};
  }
  EXPECT_EQ(dropped(), 9u);
  ExpectAllAccountedFor();
}

// The header is the caller's no more than the frame is the device's: what was
// said once counts.
TEST_P(HostileRx, AHeaderThatChangesAfterwardsChangesNothing) {
  HashNetHeader header{};
  header.base.flags = kNetHeaderDataValid;
  header.base.num_buffers = 1;
  DescriptorChain chain;
  ASSERT_TRUE(side_.Pop(chain));
  const Bytes wire = WithHeader(header_bytes(), header, MakeFrame(60, 1));
  std::span<const std::byte> rest = wire;
  side_.device->Push(chain.token, side_.Fill(chain, rest));
  ASSERT_THAT(rx_->Receive(4), ElementsAre(MakeFrame(60, 1)));
  const std::span<std::byte> memory = *side_.Resolve(chain.writable[0]);
  std::fill_n(memory.begin(), header_bytes(), std::byte{0xff});
  EXPECT_EQ(rx_->checksum(0), Checksum::kValid);
  rx_->FreeAllHeld();
  EXPECT_THAT(Poll(), IsEmpty());
  ExpectAllAccountedFor();
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
    Use(Wire(num_buffers, MakeFrame(60, 3)), header_bytes() + 60);
    EXPECT_THAT(Poll(), ElementsAre(MakeFrame(60, 3)));
  }
}

class HostileMerge : public HostileRx {};
std::vector<NetLayout> MergeableLayouts() {
  std::vector<NetLayout> layouts = RigLayouts();
  std::erase_if(layouts, [](const auto& l) { return !l.mergeable(); });
  return layouts;
}
INSTANTIATE_TEST_SUITE_P(All, HostileMerge,
                         ::testing::ValuesIn(MergeableLayouts()),
                         NetLayoutName());

TEST_P(HostileMerge, NoBuffersAtAllIsDroppedAndCounted_H18) {
  Use(Wire(0, MakeFrame(60, 1)), header_bytes() + 60);
  UseHonestly(2);
  EXPECT_THAT(Poll(), ElementsAre(MakeFrame(60, 2)));
  EXPECT_EQ(dropped(), 1u);
}

// D09: of the segments that were there, all but the last one leaked.
TEST_P(HostileMerge, MoreBuffersThanWereUsedBreaksTheQueue_H18_D09) {
  for (const uint16_t num_buffers : {5, 17, 65535}) {
    SCOPED_TRACE(num_buffers);
    UseHonestly(1);
    Use(Wire(num_buffers, MakeFrame(60, 2)), header_bytes() + 60);
    Use(MakeFrame(60, 3), 60);
    Use(MakeFrame(60, 4), 60);
    EXPECT_THAT(Poll(), ElementsAre(MakeFrame(60, 1)));
    ExpectBroken("a frame of " + std::to_string(num_buffers) +
                 " buffers, of which the device has used 3");
  }
}

TEST_P(HostileMerge, WhatFollowsMayBeShortOrEmpty) {
  Use(Wire(3, MakeFrame(20, 2)), header_bytes() + 20);
  Use(MakeFrame(60, 3), 0);
  Use(MakeFrame(10, 4), 10);
  Bytes want = MakeFrame(20, 2);
  const Bytes rest = MakeFrame(10, 4);
  want.insert(want.end(), rest.begin(), rest.end());
  EXPECT_THAT(Poll(), ElementsAre(want));
}

// A first buffer without a byte of the frame is dropped alone: its header is
// not looked at.
TEST_P(HostileMerge, AHeaderAloneIsDroppedWhateverItSays) {
  Use(Wire(2, {}), header_bytes());
  UseHonestly(2);
  EXPECT_THAT(Poll(), ElementsAre(MakeFrame(60, 2)));
  EXPECT_EQ(dropped(), 1u);
}

TEST_P(HostileMerge, ABadHeaderTakesAllBuffersOfItsFrameAlong) {
  HashNetHeader header{};
  header.base.gso_type = 0x7f;
  header.base.num_buffers = 3;
  Use(WithHeader(header_bytes(), header, MakeFrame(60, 1)),
      header_bytes() + 60);
  Use(MakeFrame(60, 2), 60);
  Use(MakeFrame(60, 3), 60);
  UseHonestly(4);
  EXPECT_THAT(Poll(), ElementsAre(MakeFrame(60, 4)));
  EXPECT_EQ(dropped(), 1u);
  ExpectAllAccountedFor();
}

}  // namespace
}  // namespace virtio_user
