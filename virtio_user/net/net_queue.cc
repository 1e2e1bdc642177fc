// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/net/net_queue.h"

namespace virtio_user {
namespace {

// Each changes the ring's layout, the header's, or when a kick is due.
constexpr Feature kNotCarried[] = {
    Feature::kRingPacked,           Feature::kEventIdx,
    Feature::kNetHashReport,        Feature::kNotificationData,
    Feature::kNetGuestUdpTunnelGso, Feature::kNetHostUdpTunnelGso,
    Feature::kNetOutNetHeader,      Feature::kNetIpsec,
};

}  // namespace

void PublishAndKick(SplitDriverQueue& queue, const VringState& vring,
                    NetQueueCounters& counters) {
  queue.Publish();
  if (!queue.DeviceWantsKick()) return;
  counters.kicks.Add(1);
  if (!vring.Notify()) counters.failed_kicks.Add(1);
}

Result<void> CheckNetQueue(const VringState& vring, FeatureSet features) {
  if (!vring.configured()) {
    return Fail(ErrorCode::kWrongState, "the vring has no ring");
  }
  if (const auto layout = vring.ring.layout.Check(); !layout) return layout;
  for (const Feature feature : kNotCarried) {
    if (!features.Has(feature)) continue;
    return std::unexpected(Error::Make(ErrorCode::kUnsupported,
                                       "the data path does not carry %s",
                                       FeatureName(feature).data()));
  }
  return {};
}

}  // namespace virtio_user
