// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/spec/feature.h"

#include <array>

namespace virtio_user {

namespace {

// Indexed by the bit.
constexpr auto kNames = std::to_array<std::string_view>({
    "VIRTIO_NET_F_CSUM",
    "VIRTIO_NET_F_GUEST_CSUM",
    "VIRTIO_NET_F_CTRL_GUEST_OFFLOADS",
    "VIRTIO_NET_F_MTU",
    "",
    "VIRTIO_NET_F_MAC",
    "VIRTIO_NET_F_GSO",
    "VIRTIO_NET_F_GUEST_TSO4",
    "VIRTIO_NET_F_GUEST_TSO6",
    "VIRTIO_NET_F_GUEST_ECN",
    "VIRTIO_NET_F_GUEST_UFO",
    "VIRTIO_NET_F_HOST_TSO4",
    "VIRTIO_NET_F_HOST_TSO6",
    "VIRTIO_NET_F_HOST_ECN",
    "VIRTIO_NET_F_HOST_UFO",
    "VIRTIO_NET_F_MRG_RXBUF",
    "VIRTIO_NET_F_STATUS",
    "VIRTIO_NET_F_CTRL_VQ",
    "VIRTIO_NET_F_CTRL_RX",
    "VIRTIO_NET_F_CTRL_VLAN",
    "VIRTIO_NET_F_CTRL_RX_EXTRA",
    "VIRTIO_NET_F_GUEST_ANNOUNCE",
    "VIRTIO_NET_F_MQ",
    "VIRTIO_NET_F_CTRL_MAC_ADDR",
    "VIRTIO_F_NOTIFY_ON_EMPTY",
    "",
    "VHOST_F_LOG_ALL",
    "VIRTIO_F_ANY_LAYOUT",
    "VIRTIO_F_INDIRECT_DESC",
    "VIRTIO_F_EVENT_IDX",
    "VHOST_USER_F_PROTOCOL_FEATURES",
    "",
    "VIRTIO_F_VERSION_1",
    "VIRTIO_F_ACCESS_PLATFORM",
    "VIRTIO_F_RING_PACKED",
    "VIRTIO_F_IN_ORDER",
    "VIRTIO_F_ORDER_PLATFORM",
    "VIRTIO_F_SR_IOV",
    "VIRTIO_F_NOTIFICATION_DATA",
    "VIRTIO_F_NOTIF_CONFIG_DATA",
    "VIRTIO_F_RING_RESET",
    "VIRTIO_F_ADMIN_VQ",
    "",
    "VIRTIO_F_SUSPEND",
    "",
    "",
    "",
    "",
    "",
    "",
    "VIRTIO_NET_F_DEVICE_STATS",
    "VIRTIO_NET_F_HASH_TUNNEL",
    "VIRTIO_NET_F_VQ_NOTF_COAL",
    "VIRTIO_NET_F_NOTF_COAL",
    "VIRTIO_NET_F_GUEST_USO4",
    "VIRTIO_NET_F_GUEST_USO6",
    "VIRTIO_NET_F_HOST_USO",
    "VIRTIO_NET_F_HASH_REPORT",
    "",
    "VIRTIO_NET_F_GUEST_HDRLEN",
    "VIRTIO_NET_F_RSS",
    "VIRTIO_NET_F_RSC_EXT",
    "VIRTIO_NET_F_STANDBY",
    "VIRTIO_NET_F_SPEED_DUPLEX",
    "VIRTIO_NET_F_RSS_CONTEXT",
    "VIRTIO_NET_F_GUEST_UDP_TUNNEL_GSO",
    "VIRTIO_NET_F_GUEST_UDP_TUNNEL_GSO_CSUM",
    "VIRTIO_NET_F_HOST_UDP_TUNNEL_GSO",
    "VIRTIO_NET_F_HOST_UDP_TUNNEL_GSO_CSUM",
    "VIRTIO_NET_F_OUT_NET_HEADER",
    "VIRTIO_NET_F_IPSEC",
});
static_assert(std::size(kNames) == 71);

}  // namespace

std::string_view FeatureName(unsigned bit) {
  if (bit >= std::size(kNames) || kNames[bit].empty()) return "bit";
  return kNames[bit];
}

}  // namespace virtio_user
