// SPDX-License-Identifier: BSD-3-Clause
//
// What the header of a received frame says, as far as a caller gets to see it.

#include <vector>

#include "gtest/gtest.h"
#include "tests/net_support.h"
#include "virtio_user/net/rx_queue.h"

namespace virtio_user {
namespace {

constexpr FeatureSet kModern = {Feature::kVersion1};
constexpr FeatureSet kMerge = {Feature::kVersion1, Feature::kNetMrgRxbuf};

TEST(RxOffload, WhatTheHeaderSaysIsKeptBesideTheFrame) {
  const FeatureSet guest = {Feature::kNetGuestCsum, Feature::kNetGuestTso4};
  Receiver rx({.features = kMerge | guest});
  HashNetHeader header{};
  header.base = {.flags = kNetHeaderNeedsCsum,
                 .gso_type = kGsoTcp4,
                 .hdr_len = 54,
                 .gso_size = 100,
                 .csum_start = 34,
                 .csum_offset = 16,
                 .num_buffers = 2};
  const Bytes frame = MakeFrame(300, 1);
  ASSERT_TRUE(rx.Deliver(WithHeader(12, header, frame)));
  std::vector<Packet> got(4);
  ASSERT_EQ(rx.queue->Receive(got), 1u);
  const Offload want{.checksum = Checksum::kPartial,
                     .csum_start = 34,
                     .csum_offset = 16,
                     .segmentation = Segmentation::kTcp4,
                     .segment_bytes = 100,
                     .header_bytes = 54};
  EXPECT_EQ(rx.pool.offload(got[0]), want);
  EXPECT_EQ(rx.Frame(got[0]), frame);
}

TEST(RxOffload, AVerifiedChecksumIsReported) {
  Receiver rx({.features = kModern | FeatureSet{Feature::kNetGuestCsum}});
  HashNetHeader header{};
  header.base.flags = kNetHeaderDataValid;
  ASSERT_TRUE(rx.Deliver(WithHeader(12, header, MakeFrame(60, 1))));
  std::vector<Packet> got(4);
  ASSERT_EQ(rx.queue->Receive(got), 1u);
  EXPECT_EQ(rx.pool.offload(got[0]), (Offload{.checksum = Checksum::kValid}));
}

TEST(RxOffload, FlagsThatNobodyAskedForAreNotLookedAt) {
  Receiver rx({.features = kModern});
  HashNetHeader header{};
  header.base.flags = header.base.gso_type = 0xff;
  header.base.csum_start = 65535;
  ASSERT_TRUE(rx.Deliver(WithHeader(12, header, MakeFrame(60, 1))));
  std::vector<Packet> got(4);
  ASSERT_EQ(rx.queue->Receive(got), 1u);
  EXPECT_EQ(got[0].has_offload, 0u);
  EXPECT_EQ(rx.Frame(got[0]), MakeFrame(60, 1));
}

TEST(RxOffload, TheHashOfAFrameIsReportedOnEveryFormat) {
  const FeatureSet features = {Feature::kVersion1, Feature::kNetHashReport};
  for (const Feature format : {Feature::kVersion1, Feature::kRingPacked}) {
    Receiver rx({.features = features | FeatureSet{format}});
    const HashNetHeader header{.base = {},
                               .hash_value = 0x12345678,
                               .hash_report = 2,
                               .padding_reserved = 0};
    ASSERT_TRUE(rx.Deliver(WithHeader(20, header, MakeFrame(60, 1))));
    ASSERT_TRUE(rx.Deliver(WithHeader(20, HashNetHeader{}, MakeFrame(60, 2))));
    std::vector<Packet> got(4);
    ASSERT_EQ(rx.queue->Receive(got), 2u);
    EXPECT_EQ(rx.pool.offload(got[0]),
              (Offload{.hash_report = 2, .hash = 0x12345678}));
    EXPECT_EQ(rx.pool.offload(got[1]), Offload{});
    EXPECT_EQ(got[1].has_offload, 0u);
  }
}

}  // namespace
}  // namespace virtio_user
