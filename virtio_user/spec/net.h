// SPDX-License-Identifier: BSD-3-Clause
//
// Layouts of the network device (virtio 1.4, "Network Device").

#ifndef VIRTIO_USER_SPEC_NET_H_
#define VIRTIO_USER_SPEC_NET_H_

#include <cstddef>
#include <cstdint>

namespace virtio_user {

// "Device Initialization": the device status field.
inline constexpr uint8_t kStatusReset = 0;
inline constexpr uint8_t kStatusAcknowledge = 1;
inline constexpr uint8_t kStatusDriver = 2;
inline constexpr uint8_t kStatusDriverOk = 4;
inline constexpr uint8_t kStatusFeaturesOk = 8;
inline constexpr uint8_t kStatusNeedsReset = 64;
inline constexpr uint8_t kStatusFailed = 128;

// "Device configuration layout": bounds of max_virtqueue_pairs.
inline constexpr uint32_t kMinQueuePairs = 1;
inline constexpr uint32_t kMaxQueuePairs = 0x8000;

// mac, status, max_virtqueue_pairs: what every version of the layout begins
// with.
inline constexpr size_t kNetConfigFrontBytes = 10;
// With mtu after them, for a device that offers VIRTIO_NET_F_MTU.
inline constexpr size_t kNetConfigMtuBytes = 12;

// Bounds of mtu.
inline constexpr uint32_t kMinMtu = 68;
inline constexpr uint32_t kMaxMtu = 65535;

// Where in it the status and the limits of steering lie.
inline constexpr uint32_t kNetConfigStatusOffset = 6;
inline constexpr uint32_t kNetConfigRssOffset = 17;

inline constexpr uint16_t kNetStatusLinkUp = 1;
inline constexpr uint16_t kNetStatusAnnounce = 2;

// "Device Operation": struct virtio_net_hdr, the part that every header has.
struct NetHeader {
  uint8_t flags;
  uint8_t gso_type;
  uint16_t hdr_len;
  uint16_t gso_size;
  uint16_t csum_start;
  uint16_t csum_offset;
  uint16_t num_buffers;  // Absent from the legacy header of 10 bytes.
};
static_assert(sizeof(NetHeader) == 12);

// VIRTIO_NET_HDR_F_*.
inline constexpr uint8_t kNetHeaderNeedsCsum = 1;
inline constexpr uint8_t kNetHeaderDataValid = 2;

// VIRTIO_NET_HDR_GSO_*.
inline constexpr uint8_t kGsoNone = 0;
inline constexpr uint8_t kGsoTcp4 = 1;
inline constexpr uint8_t kGsoUdp = 3;
inline constexpr uint8_t kGsoTcp6 = 4;
inline constexpr uint8_t kGsoUdpL4 = 5;
inline constexpr uint8_t kGsoEcn = 0x80;  // Added to a TCP kind.

// With VIRTIO_NET_F_HASH_REPORT.
struct HashNetHeader {
  NetHeader base;
  uint32_t hash_value;
  uint16_t hash_report;  // VIRTIO_NET_HASH_REPORT_*.
  uint16_t padding_reserved;
};
static_assert(sizeof(HashNetHeader) == 20);
inline constexpr size_t kHashNetHeaderBytes = 20;
// The highest kind of report: UDPv6_EX.
inline constexpr uint16_t kMaxHashReport = 9;

inline constexpr size_t kNetHeaderBytes = 12;
// Neither VERSION_1 nor MRG_RXBUF: num_buffers is not there.
inline constexpr size_t kLegacyNetHeaderBytes = 10;

// "Control Virtqueue". Request: class, command, data; answer: ack.
inline constexpr uint8_t kCtrlAckOk = 0;   // VIRTIO_NET_OK
inline constexpr uint8_t kCtrlAckErr = 1;  // VIRTIO_NET_ERR

enum class CtrlClass : uint8_t {
  kRx = 0,             // VIRTIO_NET_CTRL_RX
  kMac = 1,            // VIRTIO_NET_CTRL_MAC
  kVlan = 2,           // VIRTIO_NET_CTRL_VLAN
  kAnnounce = 3,       // VIRTIO_NET_CTRL_ANNOUNCE
  kMq = 4,             // VIRTIO_NET_CTRL_MQ
  kGuestOffloads = 5,  // VIRTIO_NET_CTRL_GUEST_OFFLOADS
  kNotfCoal = 6,       // VIRTIO_NET_CTRL_NOTF_COAL
  kHashTunnel = 7,     // VIRTIO_NET_CTRL_HASH_TUNNEL
  kStats = 8,          // VIRTIO_NET_CTRL_STATS
  kRssContext = 9,     // VIRTNET_RSS_CTX_CTRL
};

inline constexpr uint8_t kCtrlRxPromisc = 0;         // CTRL_RX
inline constexpr uint8_t kCtrlRxAllMulti = 1;        // CTRL_RX
inline constexpr uint8_t kCtrlRxAllUni = 2;          // CTRL_RX_EXTRA
inline constexpr uint8_t kCtrlRxNoMulti = 3;         // CTRL_RX_EXTRA
inline constexpr uint8_t kCtrlRxNoUni = 4;           // CTRL_RX_EXTRA
inline constexpr uint8_t kCtrlRxNoBcast = 5;         // CTRL_RX_EXTRA
inline constexpr uint8_t kCtrlMacTableSet = 0;       // CTRL_RX
inline constexpr uint8_t kCtrlMacAddrSet = 1;        // CTRL_MAC_ADDR
inline constexpr uint8_t kCtrlVlanAdd = 0;           // CTRL_VLAN
inline constexpr uint8_t kCtrlVlanDel = 1;           // CTRL_VLAN
inline constexpr uint8_t kCtrlAnnounceAck = 0;       // GUEST_ANNOUNCE
inline constexpr uint8_t kCtrlMqVqPairsSet = 0;      // MQ
inline constexpr uint8_t kCtrlMqRssConfig = 1;       // RSS
inline constexpr uint8_t kCtrlMqHashConfig = 2;      // HASH_REPORT
inline constexpr uint8_t kCtrlGuestOffloadsSet = 0;  // CTRL_GUEST_OFFLOADS
inline constexpr uint8_t kCtrlNotfCoalTxSet = 0;     // NOTF_COAL
inline constexpr uint8_t kCtrlNotfCoalRxSet = 1;     // NOTF_COAL
inline constexpr uint8_t kCtrlNotfCoalVqSet = 2;     // VQ_NOTF_COAL
inline constexpr uint8_t kCtrlNotfCoalVqGet = 3;     // VQ_NOTF_COAL
inline constexpr uint8_t kCtrlHashTunnelSet = 0;     // HASH_TUNNEL
inline constexpr uint8_t kCtrlStatsQuery = 0;        // DEVICE_STATS
inline constexpr uint8_t kCtrlStatsGet = 1;          // DEVICE_STATS
inline constexpr uint8_t kCtrlRssContextCapGet = 0;  // RSS_CONTEXT
inline constexpr uint8_t kCtrlRssContextAdd = 1;     // RSS_CONTEXT
inline constexpr uint8_t kCtrlRssContextMod = 2;     // RSS_CONTEXT
inline constexpr uint8_t kCtrlRssContextDel = 3;     // RSS_CONTEXT

// VLAN identifiers have 12 bits.
inline constexpr uint16_t kMaxVlanId = 4095;

}  // namespace virtio_user

#endif  // VIRTIO_USER_SPEC_NET_H_
