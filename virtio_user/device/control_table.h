// SPDX-License-Identifier: BSD-3-Clause
//
// Every command of the control virtqueue (virtio 1.4, "Control Virtqueue").
// What is served, what the tests expect and docs/control_queue.md are this
// table.

#ifndef VIRTIO_USER_DEVICE_CONTROL_TABLE_H_
#define VIRTIO_USER_DEVICE_CONTROL_TABLE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

#include "virtio_user/spec/feature.h"
#include "virtio_user/spec/net.h"

namespace virtio_user {

// Who carries a command out.
enum class ControlCarrier : uint8_t {
  kFrontEnd,  // Here, or a device that has a control queue itself.
  kBackEnd,   // An operation of the back-end, whose kind has to have it
              // (BackendCaps); if not, the feature is never offered.
  // Only a device that has a control queue itself, beyond what a vhost
  // back-end can be told. Without such a device it is VIRTIO_NET_ERR, and its
  // feature is not offered.
  kOwnControlQueue,
};

// How long the data of a command may be: `at_least` bytes and any number of
// steps. Where the device writes a part of it, what the driver writes.
struct ControlDataBytes {
  uint16_t at_least = 0;
  uint16_t step = 0;  // 0: exactly so many.

  static constexpr ControlDataBytes Exactly(uint16_t bytes) {
    return {.at_least = bytes, .step = 0};
  }
  constexpr bool Allows(size_t bytes) const {
    if (bytes < at_least) return false;
    return step == 0 ? bytes == at_least : (bytes - at_least) % step == 0;
  }
};

struct ControlRow {
  CtrlClass ctrl_class;
  uint8_t command;
  std::string_view name;  // The spec's.
  Feature gate;           // Without it the command does not exist.
  ControlDataBytes data;
  ControlCarrier carrier;
};

// By class and command.
inline constexpr auto kControlTable = [] {
  using enum ControlCarrier;
  using enum CtrlClass;
  using enum Feature;
  constexpr auto Exactly = ControlDataBytes::Exactly;
  // Two counts, with addresses of 6 bytes after each.
  constexpr ControlDataBytes kMacTables = {.at_least = 8, .step = 6};
  // Tables of at least one entry, and a key, of any bytes.
  constexpr ControlDataBytes kRssConfig = {.at_least = 13, .step = 1};
  constexpr ControlDataBytes kHashConfig = {.at_least = 13, .step = 1};
  // An id with padding, then the same as RSS_CONFIG.
  constexpr ControlDataBytes kContextConfig = {.at_least = 21, .step = 1};
  constexpr ControlDataBytes kStatsList = {.at_least = 16, .step = 16};
  return std::to_array<ControlRow>({
      {kRx, kCtrlRxPromisc, "VIRTIO_NET_CTRL_RX_PROMISC", kNetCtrlRx,
       Exactly(1), kFrontEnd},
      {kRx, kCtrlRxAllMulti, "VIRTIO_NET_CTRL_RX_ALLMULTI", kNetCtrlRx,
       Exactly(1), kFrontEnd},
      {kRx, kCtrlRxAllUni, "VIRTIO_NET_CTRL_RX_ALLUNI", kNetCtrlRxExtra,
       Exactly(1), kFrontEnd},
      {kRx, kCtrlRxNoMulti, "VIRTIO_NET_CTRL_RX_NOMULTI", kNetCtrlRxExtra,
       Exactly(1), kFrontEnd},
      {kRx, kCtrlRxNoUni, "VIRTIO_NET_CTRL_RX_NOUNI", kNetCtrlRxExtra,
       Exactly(1), kFrontEnd},
      {kRx, kCtrlRxNoBcast, "VIRTIO_NET_CTRL_RX_NOBCAST", kNetCtrlRxExtra,
       Exactly(1), kFrontEnd},
      {kMac, kCtrlMacTableSet, "VIRTIO_NET_CTRL_MAC_TABLE_SET", kNetCtrlRx,
       kMacTables, kFrontEnd},
      {kMac, kCtrlMacAddrSet, "VIRTIO_NET_CTRL_MAC_ADDR_SET", kNetCtrlMacAddr,
       Exactly(6), kFrontEnd},
      {kVlan, kCtrlVlanAdd, "VIRTIO_NET_CTRL_VLAN_ADD", kNetCtrlVlan,
       Exactly(2), kFrontEnd},
      {kVlan, kCtrlVlanDel, "VIRTIO_NET_CTRL_VLAN_DEL", kNetCtrlVlan,
       Exactly(2), kFrontEnd},
      {kAnnounce, kCtrlAnnounceAck, "VIRTIO_NET_CTRL_ANNOUNCE_ACK",
       kNetGuestAnnounce, Exactly(0), kFrontEnd},
      {kMq, kCtrlMqVqPairsSet, "VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET", kNetMq,
       Exactly(2), kBackEnd},
      {kMq, kCtrlMqRssConfig, "VIRTIO_NET_CTRL_MQ_RSS_CONFIG", kNetRss,
       kRssConfig, kOwnControlQueue},
      {kMq, kCtrlMqHashConfig, "VIRTIO_NET_CTRL_MQ_HASH_CONFIG", kNetHashReport,
       kHashConfig, kOwnControlQueue},
      {kGuestOffloads, kCtrlGuestOffloadsSet,
       "VIRTIO_NET_CTRL_GUEST_OFFLOADS_SET", kNetCtrlGuestOffloads, Exactly(8),
       kBackEnd},
      {kNotfCoal, kCtrlNotfCoalTxSet, "VIRTIO_NET_CTRL_NOTF_COAL_TX_SET",
       kNetNotfCoal, Exactly(8), kOwnControlQueue},
      {kNotfCoal, kCtrlNotfCoalRxSet, "VIRTIO_NET_CTRL_NOTF_COAL_RX_SET",
       kNetNotfCoal, Exactly(8), kOwnControlQueue},
      {kNotfCoal, kCtrlNotfCoalVqSet, "VIRTIO_NET_CTRL_NOTF_COAL_VQ_SET",
       kNetVqNotfCoal, Exactly(12), kOwnControlQueue},
      {kNotfCoal, kCtrlNotfCoalVqGet, "VIRTIO_NET_CTRL_NOTF_COAL_VQ_GET",
       kNetVqNotfCoal, Exactly(4), kOwnControlQueue},
      {kHashTunnel, kCtrlHashTunnelSet, "VIRTIO_NET_CTRL_HASH_TUNNEL_SET",
       kNetHashTunnel, Exactly(4), kOwnControlQueue},
      {kStats, kCtrlStatsQuery, "VIRTIO_NET_CTRL_STATS_QUERY", kNetDeviceStats,
       Exactly(0), kOwnControlQueue},
      {kStats, kCtrlStatsGet, "VIRTIO_NET_CTRL_STATS_GET", kNetDeviceStats,
       kStatsList, kOwnControlQueue},
      {kRssContext, kCtrlRssContextCapGet, "VIRTNET_RSS_CTX_CTRL_CAP_GET",
       kNetRssContext, Exactly(0), kOwnControlQueue},
      {kRssContext, kCtrlRssContextAdd, "VIRTNET_RSS_CTX_CTRL_ADD",
       kNetRssContext, kContextConfig, kOwnControlQueue},
      {kRssContext, kCtrlRssContextMod, "VIRTNET_RSS_CTX_CTRL_MOD",
       kNetRssContext, kContextConfig, kOwnControlQueue},
      {kRssContext, kCtrlRssContextDel, "VIRTNET_RSS_CTX_CTRL_DEL",
       kNetRssContext, Exactly(2), kOwnControlQueue},
  });
}();

// nullptr: no such command.
constexpr const ControlRow* FindControlRow(uint8_t ctrl_class,
                                           uint8_t command) {
  for (const ControlRow& row : kControlTable) {
    if (std::to_underlying(row.ctrl_class) == ctrl_class &&
        row.command == command) {
      return &row;
    }
  }
  return nullptr;
}

}  // namespace virtio_user

#endif  // VIRTIO_USER_DEVICE_CONTROL_TABLE_H_
