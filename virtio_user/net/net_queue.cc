// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/net/net_queue.h"

namespace virtio_user {
namespace {

// Each changes the header's layout, or when or how a kick is due, or lets in
// frames that Offload has no word for.
constexpr Feature kNotCarried[] = {
    Feature::kEventIdx,
    Feature::kNotificationData,
    Feature::kNetGuestUfo,
    Feature::kNetHashTunnel,
    Feature::kNetGuestUdpTunnelGso,
    Feature::kNetHostUdpTunnelGso,
    Feature::kNetOutNetHeader,
    Feature::kNetIpsec,
};

}  // namespace

Result<void> CheckNetQueue(const VringState& vring, FeatureSet features) {
  if (!vring.configured()) {
    return Fail(ErrorCode::kWrongState, "the vring has no ring");
  }
  if (const auto layout = vring.ring.layout.Check(); !layout) return layout;
  const RingFormat format = features.Has(Feature::kRingPacked)
                                ? RingFormat::kPacked
                                : RingFormat::kSplit;
  if (vring.ring.layout.format != format) {
    return Fail(ErrorCode::kInvalidArgument,
                "the ring is %s, but VIRTIO_F_RING_PACKED was %s",
                format == RingFormat::kPacked ? "split" : "packed",
                format == RingFormat::kPacked ? "accepted" : "not accepted");
  }
  for (const Feature feature : kNotCarried) {
    if (!features.Has(feature)) continue;
    return Fail(ErrorCode::kUnsupported, "the data path does not carry %s",
                FeatureName(feature).data());
  }
  return {};
}

}  // namespace virtio_user
