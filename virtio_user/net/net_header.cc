// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/net/net_header.h"

#include "virtio_user/ring/shared_memory.h"
#include "virtio_user/spec/net.h"

namespace virtio_user {

size_t NetHeaderBytes(FeatureSet accepted) {
  if (accepted.Has(Feature::kNetHashReport)) return kHashNetHeaderBytes;
  return accepted.HasAny({Feature::kVersion1, Feature::kNetMrgRxbuf})
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

uint16_t LoadNumBuffers(std::byte* header) {
  return LoadRelaxed<uint16_t>(header + offsetof(NetHeader, num_buffers));
}

}  // namespace virtio_user
