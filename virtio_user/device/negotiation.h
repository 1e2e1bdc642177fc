// SPDX-License-Identifier: BSD-3-Clause
//
// Mask algebra of feature negotiation. Pure functions; no message is sent.

#ifndef VIRTIO_USER_DEVICE_NEGOTIATION_H_
#define VIRTIO_USER_DEVICE_NEGOTIATION_H_

#include "virtio_user/base/error.h"
#include "virtio_user/spec/feature.h"

namespace virtio_user {

// What this front-end implements. All else is unsupported.
inline constexpr FeatureSet kImplementedFeatures = {
    Feature::kNetCsum,
    Feature::kNetGuestCsum,
    Feature::kNetCtrlGuestOffloads,
    Feature::kNetMtu,
    Feature::kNetMac,
    Feature::kNetGuestTso4,
    Feature::kNetGuestTso6,
    Feature::kNetHostTso4,
    Feature::kNetHostTso6,
    Feature::kNetMrgRxbuf,
    Feature::kNetStatus,
    Feature::kNetCtrlVq,
    Feature::kNetCtrlRx,
    Feature::kNetCtrlVlan,
    Feature::kNetCtrlRxExtra,
    Feature::kNetGuestAnnounce,
    Feature::kNetMq,
    Feature::kNetCtrlMacAddr,
    Feature::kIndirectDesc,
    Feature::kVersion1,
    Feature::kInOrder,
    Feature::kRingPacked,
    Feature::kOrderPlatform,
};

// What comes on top where a device hears the driver's commands itself.
inline constexpr FeatureSet kServedByDevices = {Feature::kNetHashReport,
                                                Feature::kNetRss};

// What decides about features beside the back-end's offer.
struct NegotiationInputs {
  bool mac_known = false;      // The user gave a MAC address.
  bool mtu_known = false;      // Told by the user or by the back-end.
  bool control_queue = false;  // A control queue is wanted.
  bool mrg_rxbuf = true;
  bool in_order = true;
  bool packed = false;
  bool link_state = false;      // The back-end's presence can be seen.
  bool multiqueue = false;      // The transport can carry several pairs.
  bool guest_offloads = false;  // The back-end switches them at any time.
  // A device with CTRL_VQ hears the driver's commands.
  bool own_control_queue = false;
  bool config_events = false;  // BackendCaps has it.
};

// What the front-end serves itself and tells no back-end of: MAC and STATUS,
// the control queue and everything whose commands travel on it.
inline constexpr FeatureSet kServedHere = {
    Feature::kNetMac,           Feature::kNetStatus,
    Feature::kNetCtrlVq,        Feature::kNetCtrlRx,
    Feature::kNetCtrlVlan,      Feature::kNetCtrlRxExtra,
    Feature::kNetCtrlMacAddr,   Feature::kNetCtrlGuestOffloads,
    Feature::kNetGuestAnnounce,
};

// The three masks, kept apart so that each can be asked again later.
struct FeatureMasks {
  FeatureSet device;  // What the back-end offers.
  // What we add: MAC, MTU, CTRL_VQ, STATUS, GUEST_ANNOUNCE,
  // CTRL_GUEST_OFFLOADS.
  FeatureSet frontend;
  FeatureSet unsupported;         // What the driver must not see.
  FeatureSet ours = kServedHere;  // Never forwarded.

  // (device | frontend) & ~unsupported, less what lacks a dependency.
  FeatureSet Offered() const;

  friend bool operator==(const FeatureMasks&, const FeatureMasks&) = default;
};

FeatureMasks ComposeMasks(FeatureSet device, const NegotiationInputs& inputs);

// The largest subset of `features` in which every bit has what it requires
// (virtio: "Feature bit requirements", and the commands that live on the
// control virtqueue need it).
FeatureSet DependencyClosure(FeatureSet features);

// Whether a driver may accept `accepted`: kInvalidArgument names a bit that
// was not offered, or one whose requirement is missing. Bits from 64 up, which
// no vhost message can carry, are named too.
Result<void> CheckAccepted(FeatureSet offered, FeatureSet accepted);

// What of the accepted set the back-end is told: what it offers and is not
// ours. MQ is told without CTRL_VQ too, since back-ends free rings 2 and up
// without it.
FeatureSet Forwarded(const FeatureMasks& masks, FeatureSet accepted);

}  // namespace virtio_user

#endif  // VIRTIO_USER_DEVICE_NEGOTIATION_H_
