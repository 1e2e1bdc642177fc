// SPDX-License-Identifier: BSD-3-Clause
//
// Feature bits (virtio 1.4, "Feature Bits" and "Network Device / Feature
// bits") and sets of them. A Feature is a bit number, a FeatureSet is a mask;
// the two cannot be mixed up.

#ifndef VIRTIO_USER_SPEC_FEATURE_H_
#define VIRTIO_USER_SPEC_FEATURE_H_

#include <array>
#include <cstdint>
#include <initializer_list>
#include <string_view>

namespace virtio_user {

enum class Feature : uint8_t {
  // Network device.
  kNetCsum = 0,                    // VIRTIO_NET_F_CSUM
  kNetGuestCsum = 1,               // VIRTIO_NET_F_GUEST_CSUM
  kNetCtrlGuestOffloads = 2,       // VIRTIO_NET_F_CTRL_GUEST_OFFLOADS
  kNetMtu = 3,                     // VIRTIO_NET_F_MTU
  kNetMac = 5,                     // VIRTIO_NET_F_MAC
  kNetGso = 6,                     // VIRTIO_NET_F_GSO (legacy)
  kNetGuestTso4 = 7,               // VIRTIO_NET_F_GUEST_TSO4
  kNetGuestTso6 = 8,               // VIRTIO_NET_F_GUEST_TSO6
  kNetGuestEcn = 9,                // VIRTIO_NET_F_GUEST_ECN
  kNetGuestUfo = 10,               // VIRTIO_NET_F_GUEST_UFO
  kNetHostTso4 = 11,               // VIRTIO_NET_F_HOST_TSO4
  kNetHostTso6 = 12,               // VIRTIO_NET_F_HOST_TSO6
  kNetHostEcn = 13,                // VIRTIO_NET_F_HOST_ECN
  kNetHostUfo = 14,                // VIRTIO_NET_F_HOST_UFO
  kNetMrgRxbuf = 15,               // VIRTIO_NET_F_MRG_RXBUF
  kNetStatus = 16,                 // VIRTIO_NET_F_STATUS
  kNetCtrlVq = 17,                 // VIRTIO_NET_F_CTRL_VQ
  kNetCtrlRx = 18,                 // VIRTIO_NET_F_CTRL_RX
  kNetCtrlVlan = 19,               // VIRTIO_NET_F_CTRL_VLAN
  kNetCtrlRxExtra = 20,            // VIRTIO_NET_F_CTRL_RX_EXTRA
  kNetGuestAnnounce = 21,          // VIRTIO_NET_F_GUEST_ANNOUNCE
  kNetMq = 22,                     // VIRTIO_NET_F_MQ
  kNetCtrlMacAddr = 23,            // VIRTIO_NET_F_CTRL_MAC_ADDR
  kNetDeviceStats = 50,            // VIRTIO_NET_F_DEVICE_STATS
  kNetHashTunnel = 51,             // VIRTIO_NET_F_HASH_TUNNEL
  kNetVqNotfCoal = 52,             // VIRTIO_NET_F_VQ_NOTF_COAL
  kNetNotfCoal = 53,               // VIRTIO_NET_F_NOTF_COAL
  kNetGuestUso4 = 54,              // VIRTIO_NET_F_GUEST_USO4
  kNetGuestUso6 = 55,              // VIRTIO_NET_F_GUEST_USO6
  kNetHostUso = 56,                // VIRTIO_NET_F_HOST_USO
  kNetHashReport = 57,             // VIRTIO_NET_F_HASH_REPORT
  kNetGuestHdrlen = 59,            // VIRTIO_NET_F_GUEST_HDRLEN
  kNetRss = 60,                    // VIRTIO_NET_F_RSS
  kNetRscExt = 61,                 // VIRTIO_NET_F_RSC_EXT
  kNetStandby = 62,                // VIRTIO_NET_F_STANDBY
  kNetSpeedDuplex = 63,            // VIRTIO_NET_F_SPEED_DUPLEX
  kNetRssContext = 64,             // VIRTIO_NET_F_RSS_CONTEXT
  kNetGuestUdpTunnelGso = 65,      // VIRTIO_NET_F_GUEST_UDP_TUNNEL_GSO
  kNetGuestUdpTunnelGsoCsum = 66,  // VIRTIO_NET_F_GUEST_UDP_TUNNEL_GSO_CSUM
  kNetHostUdpTunnelGso = 67,       // VIRTIO_NET_F_HOST_UDP_TUNNEL_GSO
  kNetHostUdpTunnelGsoCsum = 68,   // VIRTIO_NET_F_HOST_UDP_TUNNEL_GSO_CSUM
  kNetOutNetHeader = 69,           // VIRTIO_NET_F_OUT_NET_HEADER
  kNetIpsec = 70,                  // VIRTIO_NET_F_IPSEC
  // Common.
  kNotifyOnEmpty = 24,     // VIRTIO_F_NOTIFY_ON_EMPTY (legacy)
  kAnyLayout = 27,         // VIRTIO_F_ANY_LAYOUT (legacy)
  kIndirectDesc = 28,      // VIRTIO_F_INDIRECT_DESC
  kEventIdx = 29,          // VIRTIO_F_EVENT_IDX
  kVersion1 = 32,          // VIRTIO_F_VERSION_1
  kAccessPlatform = 33,    // VIRTIO_F_ACCESS_PLATFORM
  kRingPacked = 34,        // VIRTIO_F_RING_PACKED
  kInOrder = 35,           // VIRTIO_F_IN_ORDER
  kOrderPlatform = 36,     // VIRTIO_F_ORDER_PLATFORM
  kSrIov = 37,             // VIRTIO_F_SR_IOV
  kNotificationData = 38,  // VIRTIO_F_NOTIFICATION_DATA
  kNotifConfigData = 39,   // VIRTIO_F_NOTIF_CONFIG_DATA
  kRingReset = 40,         // VIRTIO_F_RING_RESET
  kAdminVq = 41,           // VIRTIO_F_ADMIN_VQ
  kSuspend = 43,           // VIRTIO_F_SUSPEND
  // Of vhost-user itself; never shown to a driver.
  kVhostLogAll = 26,       // VHOST_F_LOG_ALL
  kProtocolFeatures = 30,  // VHOST_USER_F_PROTOCOL_FEATURES
};

inline constexpr unsigned kFeatureBits = 128;

// A set of 128 feature bits.
class FeatureSet {
 public:
  constexpr FeatureSet() = default;
  constexpr FeatureSet(std::initializer_list<Feature> features) {
    for (const Feature feature : features) Add(feature);
  }
  static constexpr FeatureSet FromWords(uint64_t low, uint64_t high = 0) {
    FeatureSet set;
    set.words_ = {low, high};
    return set;
  }
  static constexpr FeatureSet FromBit(unsigned bit) {
    FeatureSet set;
    if (bit < kFeatureBits) set.words_[bit / 64] = uint64_t{1} << (bit % 64);
    return set;
  }

  // Bits 0 to 63: all that vhost-user's and vhost's feature words carry.
  constexpr uint64_t low() const { return words_[0]; }
  // Bits 64 to 127.
  constexpr uint64_t high() const { return words_[1]; }
  constexpr bool empty() const { return words_[0] == 0 && words_[1] == 0; }

  constexpr bool Has(Feature feature) const {
    return HasBit(static_cast<unsigned>(feature));
  }
  constexpr bool HasBit(unsigned bit) const {
    return bit < kFeatureBits && ((words_[bit / 64] >> (bit % 64)) & 1) != 0;
  }
  constexpr bool HasAny(FeatureSet others) const {
    return !(*this & others).empty();
  }
  constexpr bool HasAll(FeatureSet others) const {
    return (others & ~*this).empty();
  }
  constexpr void Add(Feature feature) {
    *this = *this | FromBit(static_cast<unsigned>(feature));
  }
  constexpr void Remove(Feature feature) {
    *this = *this & ~FromBit(static_cast<unsigned>(feature));
  }

  friend constexpr FeatureSet operator|(FeatureSet a, FeatureSet b) {
    return FromWords(a.low() | b.low(), a.high() | b.high());
  }
  friend constexpr FeatureSet operator&(FeatureSet a, FeatureSet b) {
    return FromWords(a.low() & b.low(), a.high() & b.high());
  }
  friend constexpr FeatureSet operator~(FeatureSet a) {
    return FromWords(~a.low(), ~a.high());
  }
  friend constexpr bool operator==(FeatureSet, FeatureSet) = default;

 private:
  std::array<uint64_t, 2> words_{};
};

// The spec's name ("VIRTIO_NET_F_MQ"); "bit" for a bit that has none, of
// which FeatureName gives no more. Bit 41 is named as ADMIN_VQ.
std::string_view FeatureName(unsigned bit);
inline std::string_view FeatureName(Feature feature) {
  return FeatureName(static_cast<unsigned>(feature));
}

}  // namespace virtio_user

#endif  // VIRTIO_USER_SPEC_FEATURE_H_
