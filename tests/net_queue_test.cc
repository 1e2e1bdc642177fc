// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/net/net_queue.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/net_support.h"

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

TEST(NetQueue, FeaturesThatChangeTheLayoutAreRefusedByName) {
  const NetBench bench({});
  const std::pair<Feature, const char*> refused[] = {
      {Feature::kRingPacked, "VIRTIO_F_RING_PACKED"},
      {Feature::kEventIdx, "VIRTIO_F_EVENT_IDX"},
      {Feature::kNetHashReport, "VIRTIO_NET_F_HASH_REPORT"},
      {Feature::kNetHostUdpTunnelGso, "VIRTIO_NET_F_HOST_UDP_TUNNEL_GSO"},
  };
  for (const auto& [feature, name] : refused) {
    const Result<void> checked =
        CheckNetQueue(bench.vring, {Feature::kVersion1, feature});
    ASSERT_FALSE(checked.has_value()) << name;
    EXPECT_EQ(checked.error().code(), ErrorCode::kUnsupported);
    EXPECT_THAT(std::string(checked.error().text()), HasSubstr(name));
  }
  EXPECT_TRUE(
      CheckNetQueue(bench.vring, {Feature::kVersion1, Feature::kNetMrgRxbuf,
                                  Feature::kInOrder, Feature::kIndirectDesc})
          .has_value());
}

TEST(NetQueue, TheDeviceIsKickedUnlessItAsksNotToBe) {
  NetBench bench({});
  SplitDriverQueue queue(bench.vring.ring, {});
  NetQueueCounters counters;
  PublishAndKick(queue, bench.vring, counters);
  EXPECT_EQ(bench.fd_ops.signals, 1);
  bench.device->SuppressKicks(true);
  PublishAndKick(queue, bench.vring, counters);
  EXPECT_EQ(bench.fd_ops.signals, 1);
  EXPECT_EQ(counters.Snapshot().kicks, 1u);
}

TEST(NetQueue, AKickThatFailsIsCounted) {
  NetBench bench({});
  SplitDriverQueue queue(bench.vring.ring, {});
  NetQueueCounters counters;
  bench.fd_ops.refuse = true;
  PublishAndKick(queue, bench.vring, counters);
  EXPECT_EQ(counters.Snapshot().failed_kicks, 1u);
}

}  // namespace
}  // namespace virtio_user
