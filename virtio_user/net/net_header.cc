// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/net/net_header.h"

namespace virtio_user {

size_t NetHeaderBytes(FeatureSet accepted) {
  if (accepted.Has(Feature::kNetHashReport)) return kHashNetHeaderBytes;
  return accepted.HasAny(
             {Feature::kVersion1, Feature::kNetMrgRxbuf, Feature::kRingPacked})
             ? kNetHeaderBytes
             : kLegacyNetHeaderBytes;
}

HeaderPlace TxHeaderPlace(FeatureSet accepted) {
  return accepted.HasAny({Feature::kVersion1, Feature::kAnyLayout})
             ? HeaderPlace::kWithData
             : HeaderPlace::kOwnDescriptor;
}

HeaderPlace RxHeaderPlace(FeatureSet accepted) {
  return accepted.Has(Feature::kNetMrgRxbuf) ? HeaderPlace::kWithData
                                             : TxHeaderPlace(accepted);
}

}  // namespace virtio_user
