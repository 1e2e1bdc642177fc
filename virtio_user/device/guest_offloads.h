// SPDX-License-Identifier: BSD-3-Clause
//
// The mask of VIRTIO_NET_CTRL_GUEST_OFFLOADS_SET (virtio 1.4, "Setting
// Offloads State").

#ifndef VIRTIO_USER_DEVICE_GUEST_OFFLOADS_H_
#define VIRTIO_USER_DEVICE_GUEST_OFFLOADS_H_

#include <cstdint>
#include <optional>

#include "virtio_user/spec/feature.h"

namespace virtio_user {

// The offloads that `mask` leaves enabled, as the features that they belong
// to; those that it lacks are disabled. Nothing where it enables what is no
// offload, or one whose feature is not in `accepted`, which no driver may do.
std::optional<FeatureSet> DecodeGuestOffloads(uint64_t mask,
                                              FeatureSet accepted);

// The inverse: the mask that leaves `offloads` enabled.
uint64_t EncodeGuestOffloads(FeatureSet offloads);

}  // namespace virtio_user

#endif  // VIRTIO_USER_DEVICE_GUEST_OFFLOADS_H_
