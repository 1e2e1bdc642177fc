// SPDX-License-Identifier: BSD-3-Clause
//
// The device with packed rings: which sizes and formats it takes, and where a
// stopped back-end may say that it stands.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

#include "tests/fakes/recording_rig.h"
#include "virtio_user/ring/shared_memory.h"
#include "virtio_user/spec/ring.h"

namespace virtio_user {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;
using testing_support::RecordingRig;

constexpr FeatureSet kPacked = {Feature::kVersion1, Feature::kRingPacked};

DeviceOptions Packed(int64_t queue_size) {
  return {.queue_size = queue_size, .packed = true};
}

// A device of one pair, negotiated, whose back-end offers packed rings.
struct PackedRig : RecordingRig {
  explicit PackedRig(int64_t queue_size) {
    backend->features = kPacked;
    EXPECT_TRUE(Create(Packed(queue_size)));
    EXPECT_TRUE(device->Negotiate(kPacked));
  }
  RingLayout NewPackedRing(uint16_t num) {
    const auto bytes = RingLayout::BytesFor(RingFormat::kPacked, num);
    return *RingLayout::PlaceIn(*memory.Allocate(bytes, RingLayout::kAlign),
                                RingFormat::kPacked, num);
  }
  void Start() {
    for (const uint16_t vring : {uint16_t{0}, uint16_t{1}}) {
      ASSERT_TRUE(
          device->ConfigureRing(vring, NewPackedRing(device->queue_size())));
    }
    ASSERT_TRUE(device->Start());
    (void)backend->Take();
  }
  // Where ring 0 stands after a stop, if its driver has published up to
  // `published` and the back-end says `answer`.
  VringBase StopAt(RingPosition published, const VringBase& answer) {
    device->vring(0).ring.published = published;
    backend->whole_bases[0] = answer;
    EXPECT_TRUE(device->Stop());
    return device->vring(0).base;
  }
};

TEST(DevicePackedTest, SizesThatAreNoPowerOfTwoAreTakenForPackedRings) {
  for (const int64_t size : {1, 3, 255, 1025, 32767, 32768}) {
    PackedRig rig(size);
    EXPECT_EQ(rig.device->queue_size(), size);
    EXPECT_EQ(rig.device->ring_format(), RingFormat::kPacked);
  }
}

TEST(DevicePackedTest, SizesOutOfRangeAreRefusedWithTheirValue) {
  for (const int64_t size : {int64_t{0}, int64_t{-1}, int64_t{32769}}) {
    RecordingRig rig;
    rig.backend->features = kPacked;
    const auto made = rig.Create(Packed(size));
    ASSERT_FALSE(made);
    EXPECT_THAT(made.error().text(),
                HasSubstr("queue_size " + std::to_string(size)));
  }
}

TEST(DevicePackedTest, AnOddSizeIsRefusedWhereTheBackendHasNoPackedRings) {
  RecordingRig rig;

  const auto made = rig.Create(Packed(255));

  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_THAT(made.error().text(),
              AllOf(HasSubstr("queue_size 255"), HasSubstr("RING_PACKED")));
}

TEST(DevicePackedTest, AnOddSizeIsRefusedWhereTheDriverChoosesSplitRings) {
  RecordingRig rig;
  rig.backend->features = kPacked;
  ASSERT_TRUE(rig.Create(Packed(255)));

  const auto chosen = rig.device->Negotiate({Feature::kVersion1});

  ASSERT_FALSE(chosen);
  EXPECT_EQ(chosen.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(rig.device->state(), DeviceState::kCreated);
}

TEST(DevicePackedTest, PackedRingsAreOfferedOnlyWhenAskedFor) {
  RecordingRig rig;
  rig.backend->features = kPacked;
  ASSERT_TRUE(rig.Create({}));
  EXPECT_FALSE(rig.device->offered().Has(Feature::kRingPacked));
}

TEST(DevicePackedTest, ARingOfTheOtherFormatIsRefused) {
  PackedRig rig(256);
  const auto bytes = RingLayout::BytesFor(RingFormat::kSplit, 256);
  const RingLayout split = *RingLayout::PlaceIn(
      *rig.memory.Allocate(bytes, RingLayout::kAlign), RingFormat::kSplit, 256);

  const auto configured = rig.device->ConfigureRing(0, split);

  ASSERT_FALSE(configured);
  EXPECT_THAT(configured.error().text(), HasSubstr("RING_PACKED"));
}

TEST(DevicePackedTest, StoppingKeepsTheWholeBaseForTheNextStart) {
  PackedRig rig(255);
  rig.Start();
  // The driver has gone round once and published 10 more.
  rig.device->vring(0).ring.published = {.index = 10, .wrap = false};
  const VringBase stopped = {
      .avail = 7, .used = 250, .avail_wrap = false, .used_wrap = true};
  rig.backend->whole_bases[0] = stopped;

  ASSERT_TRUE(rig.device->Stop());

  EXPECT_EQ(rig.device->vring(0).base, stopped);
  EXPECT_EQ(rig.device->state(), DeviceState::kNegotiated);
}

// As DPDK's lib/vhost answers.
TEST(DevicePackedTest, ABaseWithoutAnUpperHalfStandsForBothPlaces) {
  PackedRig rig(255);
  rig.Start();
  const VringBase kept = {
      .avail = 9, .used = 9, .avail_wrap = true, .used_wrap = true};
  EXPECT_EQ(
      rig.StopAt(
          {.index = 10, .wrap = true},
          {.avail = 9, .used = 0, .avail_wrap = true, .used_wrap = false}),
      kept);
}

TEST(DevicePackedTest, ABaseWithoutAnUpperHalfMayBeBehindPlaceZero) {
  PackedRig rig(2);
  rig.Start();
  const VringBase kept = {
      .avail = 1, .used = 1, .avail_wrap = true, .used_wrap = true};
  EXPECT_EQ(
      rig.StopAt(
          {.index = 1, .wrap = false},
          {.avail = 1, .used = 0, .avail_wrap = true, .used_wrap = false}),
      kept);
}

// In every second round the upper half may mean place 0; what was used there
// tells.
TEST(DevicePackedTest, ABaseWithoutAnUpperHalfIsToldFromPlaceZero) {
  for (const bool used_there : {true, false}) {
    PackedRig rig(255);
    rig.Start();
    // Available in this round, of wrap 0; then used.
    StoreRelaxed<uint16_t>(
        rig.device->vring(0).ring.layout.desc + offsetof(PackedDesc, flags),
        used_there ? uint16_t{0} : uint16_t{kPackedFlagUsed});
    const VringBase answer = {
        .avail = 9, .used = 0, .avail_wrap = false, .used_wrap = false};
    const VringBase kept = {.avail = 9,
                            .used = used_there ? uint16_t{9} : uint16_t{0},
                            .avail_wrap = false,
                            .used_wrap = false};
    EXPECT_EQ(rig.StopAt({.index = 10, .wrap = false}, answer), kept);
  }
}

TEST(DevicePackedTest, APeerWithoutPackedRingsIsRefusedForAnOddSize) {
  RecordingRig rig;
  rig.backend->features = kPacked;
  ASSERT_TRUE(rig.Create(Packed(255)));
  rig.backend->features = {Feature::kVersion1};

  const auto attached = rig.device->Reattach();

  ASSERT_FALSE(attached);
  EXPECT_EQ(attached.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_THAT(attached.error().text(), HasSubstr("queue_size 255"));
}

TEST(DevicePackedTest, ABaseThatNoDeviceCanHaveEndsInNeedsReset) {
  const std::vector<VringBase> impossible = {
      {.avail = 255, .used = 0},                        // Outside the ring.
      {.avail = 11, .used = 10, .avail_wrap = false},   // Ahead of the driver.
      {.avail = 9, .used = 10},                         // More than a ring ago.
      {.avail = 10, .used = 255, .avail_wrap = false},  // Used: outside.
      {.avail = 10, .used = 9, .avail_wrap = false},    // Used: too long ago.
      {.avail = 5, .used = 8, .avail_wrap = false, .used_wrap = false},
  };
  for (const VringBase& base : impossible) {
    PackedRig rig(255);
    rig.Start();
    rig.device->vring(0).ring.published = {.index = 10, .wrap = false};
    rig.backend->whole_bases[0] = base;

    const auto stopped = rig.device->Stop();

    ASSERT_FALSE(stopped) << base.avail << " " << base.used;
    EXPECT_EQ(stopped.error().code(), ErrorCode::kProtocol);
    EXPECT_EQ(rig.device->state(), DeviceState::kNeedsReset);
  }
}

}  // namespace
}  // namespace virtio_user
