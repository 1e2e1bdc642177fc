// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/net/net_queue.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/net_support.h"
#include "virtio_user/ring/packed_driver_queue.h"
#include "virtio_user/ring/split_driver_queue.h"

namespace virtio_user {
namespace {

using ::testing::HasSubstr;

TEST(NetQueue, AVringWithoutARingIsRefused) {
  const VringState vring;
  const Result<void> checked = CheckNetQueue(vring, {});
  ASSERT_FALSE(checked.has_value());
  EXPECT_EQ(checked.error().code(), ErrorCode::kWrongState);
}

TEST(NetQueue, ARingThatNoQueueCanStandOnIsRefused) {
  NetBench bench({});
  bench.vring.ring.layout.device += 1;
  const Result<void> checked = CheckNetQueue(bench.vring, {});
  ASSERT_FALSE(checked.has_value());
  EXPECT_THAT(std::string(checked.error().text()), HasSubstr("used ring"));
}

TEST(NetQueue, FeaturesThatTheDataPathDoesNotCarryAreRefusedByName) {
  const NetBench bench({});
  const std::pair<Feature, const char*> refused[] = {
      {Feature::kEventIdx, "VIRTIO_F_EVENT_IDX"},
      {Feature::kNotificationData, "VIRTIO_F_NOTIFICATION_DATA"},
      {Feature::kNetGuestUfo, "VIRTIO_NET_F_GUEST_UFO"},
      {Feature::kNetHashTunnel, "VIRTIO_NET_F_HASH_TUNNEL"},
      {Feature::kNetGuestUdpTunnelGso, "VIRTIO_NET_F_GUEST_UDP_TUNNEL_GSO"},
      {Feature::kNetHostUdpTunnelGso, "VIRTIO_NET_F_HOST_UDP_TUNNEL_GSO"},
      {Feature::kNetOutNetHeader, "VIRTIO_NET_F_OUT_NET_HEADER"},
      {Feature::kNetIpsec, "VIRTIO_NET_F_IPSEC"},
  };
  for (const auto& [feature, name] : refused) {
    const Result<void> checked =
        CheckNetQueue(bench.vring, {Feature::kVersion1, feature});
    ASSERT_FALSE(checked.has_value()) << name;
    EXPECT_EQ(checked.error().code(), ErrorCode::kUnsupported);
    EXPECT_THAT(std::string(checked.error().text()), HasSubstr(name));
  }
}

TEST(NetQueue, ARingOfTheOtherFormatIsRefused) {
  const FeatureSet packed = {Feature::kVersion1, Feature::kRingPacked};
  const NetBench split_bench({});
  const NetBench packed_bench({.features = packed});
  EXPECT_TRUE(CheckNetQueue(packed_bench.vring, packed).has_value());
  const Result<void> one = CheckNetQueue(split_bench.vring, packed);
  const Result<void> other =
      CheckNetQueue(packed_bench.vring, {Feature::kVersion1});
  ASSERT_FALSE(one.has_value() || other.has_value());
  EXPECT_EQ(one.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(std::string(one.error().text()),
            "the ring is split, but VIRTIO_F_RING_PACKED was accepted");
  EXPECT_EQ(std::string(other.error().text()),
            "the ring is packed, but VIRTIO_F_RING_PACKED was not accepted");
}

TEST(NetQueue, EveryLayoutIsTaken) {
  for (const NetLayout& layout : AllLayouts()) {
    const FeatureSet features =
        layout.features | FeatureSet{Feature::kIndirectDesc};
    const NetBench bench({.features = features});
    EXPECT_TRUE(CheckNetQueue(bench.vring, features).has_value())
        << layout.name;
  }
}

TEST(NetQueue, OrderPlatformChoosesTheStrongerBarriers) {
  EXPECT_EQ(RingOrderFor({}), RingOrder::kSmp);
  EXPECT_EQ(RingOrderFor({Feature::kOrderPlatform}), RingOrder::kPlatform);
}

TEST(NetQueue, ScratchMemoryHasAHeaderAndATableForEachSlot) {
  EXPECT_EQ(TxScratchBytes(1), 64u + 16 * 16);
  EXPECT_EQ(TxScratchBytes(32768), 32768u * 320);
}

// A queue that has something to publish, as far as PublishAndKick goes.
template <typename Queue>
void ExpectKicks(const FeatureSet features) {
  NetBench bench({.features = features});
  Queue queue(bench.vring.ring);
  NetQueueCounters counters;
  PublishAndKick(queue, bench.vring, counters);
  EXPECT_EQ(bench.fd_ops.signals, 1);
  bench.device->SuppressKicks(true);
  PublishAndKick(queue, bench.vring, counters);
  EXPECT_EQ(bench.fd_ops.signals, 1);
  EXPECT_EQ(counters.Snapshot().kicks, 1u);
  bench.device->SuppressKicks(false);
  bench.fd_ops.refuse = true;
  PublishAndKick(queue, bench.vring, counters);
  EXPECT_EQ(counters.Snapshot().kicks, 2u);
  EXPECT_EQ(counters.Snapshot().failed_kicks, 1u);
}

TEST(NetQueue, TheDeviceIsKickedUnlessItAsksNotToBeAndFailuresCount) {
  ExpectKicks<SplitDriverQueue<UseOrder::kAny, int>>({Feature::kVersion1});
  ExpectKicks<PackedDriverQueue<UseOrder::kAny, int>>(
      {Feature::kVersion1, Feature::kRingPacked});
}

}  // namespace
}  // namespace virtio_user
