// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/device/guest_offloads.h"

namespace virtio_user {
namespace {

struct Offload {
  unsigned bit;  // Of the mask: the feature's own, unless that is beyond it.
  Feature feature;
};

using enum Feature;

constexpr Offload kOffloads[] = {
    {1, kNetGuestCsum},  {7, kNetGuestTso4},  {8, kNetGuestTso6},
    {9, kNetGuestEcn},   {10, kNetGuestUfo},  {46, kNetGuestUdpTunnelGso},
    {54, kNetGuestUso4}, {55, kNetGuestUso6}, {47, kNetGuestUdpTunnelGsoCsum},
};

}  // namespace

std::optional<FeatureSet> DecodeGuestOffloads(uint64_t mask,
                                              FeatureSet accepted) {
  FeatureSet enabled;
  for (const Offload& offload : kOffloads) {
    const uint64_t bit = uint64_t{1} << offload.bit;
    if ((mask & bit) == 0) continue;
    if (!accepted.Has(offload.feature)) return std::nullopt;
    enabled.Add(offload.feature);
    mask &= ~bit;
  }
  if (mask != 0) return std::nullopt;
  return enabled;
}

uint64_t EncodeGuestOffloads(FeatureSet offloads) {
  uint64_t mask = 0;
  for (const Offload& offload : kOffloads) {
    if (offloads.Has(offload.feature)) mask |= uint64_t{1} << offload.bit;
  }
  return mask;
}

}  // namespace virtio_user
