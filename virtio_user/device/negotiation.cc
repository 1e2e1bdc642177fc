// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/device/negotiation.h"

namespace virtio_user {
namespace {

// `feature` requires all of `all`, and at least one of `any` unless that is
// empty.
struct Dependency {
  Feature feature;
  FeatureSet all;
  FeatureSet any;
};

using enum Feature;

constexpr FeatureSet kCtrlVq = {kNetCtrlVq};

// What a feature requires stands before it.
constexpr Dependency kDependencies[] = {
    {kNetGuestTso4, {kNetGuestCsum}, {}},
    {kNetGuestTso6, {kNetGuestCsum}, {}},
    {kNetGuestUfo, {kNetGuestCsum}, {}},
    {kNetGuestUso4, {kNetGuestCsum}, {}},
    {kNetGuestUso6, {kNetGuestCsum}, {}},
    {kNetGuestEcn, {}, {kNetGuestTso4, kNetGuestTso6}},
    {kNetHostTso4, {kNetCsum}, {}},
    {kNetHostTso6, {kNetCsum}, {}},
    {kNetHostUfo, {kNetCsum}, {}},
    {kNetHostUso, {kNetCsum}, {}},
    {kNetHostEcn, {}, {kNetHostTso4, kNetHostTso6}},
    {kNetRscExt, {}, {kNetHostTso4, kNetHostTso6}},
    {kNetCtrlRx, kCtrlVq, {}},
    {kNetCtrlVlan, kCtrlVq, {}},
    {kNetGuestAnnounce, kCtrlVq, {}},
    {kNetMq, kCtrlVq, {}},
    {kNetCtrlMacAddr, kCtrlVq, {}},
    {kNetRss, kCtrlVq, {}},
    {kNetNotfCoal, kCtrlVq, {}},
    {kNetVqNotfCoal, kCtrlVq, {}},
    {kNetHashReport, kCtrlVq, {}},
    {kNetHashTunnel, kCtrlVq, {kNetRss, kNetHashReport}},
    {kNetRssContext, {kNetCtrlVq, kNetRss}, {}},
    {kNetGuestUdpTunnelGso,
     {kNetGuestTso4, kNetGuestTso6, kNetGuestUso4, kNetGuestUso6},
     {}},
    {kNetHostUdpTunnelGso, {kNetHostTso4, kNetHostTso6, kNetHostUso}, {}},
    {kNetGuestUdpTunnelGsoCsum, {kNetGuestUdpTunnelGso}, {}},
    {kNetHostUdpTunnelGsoCsum, {kNetHostUdpTunnelGso}, {}},
    // As HASH_REPORT above not on the spec's list; their commands travel on the
    // control queue.
    {kNetCtrlGuestOffloads, kCtrlVq, {}},
    {kNetCtrlRxExtra, kCtrlVq, {}},
    {kNetDeviceStats, kCtrlVq, {}},
};

constexpr bool InOrder() {
  FeatureSet before;
  for (const Dependency& dependency : kDependencies) {
    before.Add(dependency.feature);
    for (const Dependency& other : kDependencies) {
      if ((dependency.all | dependency.any).Has(other.feature) &&
          !before.Has(other.feature)) {
        return false;
      }
    }
  }
  return true;
}
static_assert(InOrder());

bool Satisfied(const Dependency& dependency, FeatureSet features) {
  return features.HasAll(dependency.all) &&
         (dependency.any.empty() || features.HasAny(dependency.any));
}

// The lowest bit of a set that is not empty.
unsigned LowestBit(FeatureSet features) {
  unsigned bit = 0;
  while (bit < kFeatureBits && !features.HasBit(bit)) ++bit;
  return bit;
}

}  // namespace

FeatureSet FeatureMasks::Offered() const {
  return DependencyClosure((device | frontend) & ~unsupported);
}

FeatureMasks ComposeMasks(FeatureSet device, const NegotiationInputs& inputs) {
  FeatureMasks masks;
  masks.device = device;
  masks.unsupported = ~kImplementedFeatures;
  if (!inputs.mrg_rxbuf) masks.unsupported.Add(kNetMrgRxbuf);
  if (!inputs.in_order) masks.unsupported.Add(kInOrder);
  if (!inputs.packed) masks.unsupported.Add(kRingPacked);
  if (!inputs.multiqueue) masks.unsupported.Add(kNetMq);
  // Adds a feature that the front-end has by itself, or hides it.
  const auto have = [&](Feature feature, bool can) {
    (can ? masks.frontend : masks.unsupported).Add(feature);
  };
  have(kNetMac, inputs.mac_known);
  have(kNetMtu, inputs.mtu_known);
  // What hangs on it goes with the closure.
  have(kNetCtrlVq, inputs.control_queue);
  // A back-end's own STATUS bit says nothing to us: the link that we can see
  // is the connection.
  have(kNetStatus, inputs.link_state);
  // It is we who know when the peer is a new one. The driver reads of it in
  // the status and answers on the control queue.
  have(kNetGuestAnnounce, inputs.link_state && inputs.control_queue);
  if (inputs.config_events) {
    masks.ours.Remove(kNetMac);
    masks.ours.Remove(kNetStatus);
  }
  if (inputs.own_control_queue && inputs.control_queue &&
      device.Has(kNetCtrlVq)) {
    masks.ours = {};
    masks.unsupported = masks.unsupported & ~kServedByDevices;
    return masks;
  }
  // Whether it can be done is a matter of the back-end's kind; the command is
  // ours, so the bit of a back-end says nothing here either.
  have(kNetCtrlGuestOffloads, inputs.guest_offloads && inputs.control_queue);
  return masks;
}

FeatureSet DependencyClosure(FeatureSet features) {
  // When a feature's turn comes, what it requires has had its own.
  for (const Dependency& dependency : kDependencies) {
    if (features.Has(dependency.feature) && !Satisfied(dependency, features)) {
      features.Remove(dependency.feature);
    }
  }
  return features;
}

Result<void> CheckAccepted(FeatureSet offered, FeatureSet accepted) {
  const FeatureSet unasked = accepted & ~offered;
  if (unasked.high() != 0) {
    const unsigned bit = LowestBit(FeatureSet::FromWords(0, unasked.high()));
    return Fail(ErrorCode::kUnsupported,
                "feature bit %u (%s): vhost carries bits 0 to 63 alone; do "
                "not accept it",
                bit, FeatureName(bit).data());
  }
  if (!unasked.empty()) {
    const unsigned bit = LowestBit(unasked);
    return Fail(ErrorCode::kInvalidArgument,
                "feature bit %u (%s) was accepted but not offered", bit,
                FeatureName(bit).data());
  }
  const FeatureSet lacking = accepted & ~DependencyClosure(accepted);
  if (!lacking.empty()) {
    const unsigned bit = LowestBit(lacking);
    return Fail(ErrorCode::kInvalidArgument,
                "feature bit %u (%s) was accepted without a feature that it "
                "requires",
                bit, FeatureName(bit).data());
  }
  return {};
}

FeatureSet Forwarded(const FeatureMasks& masks, FeatureSet accepted) {
  return accepted & masks.device & ~masks.ours;
}

}  // namespace virtio_user
