// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/dpdk/pmd_ops.h"

#include <rte_ether.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cinttypes>
#include <utility>

#include "virtio_user/base/log.h"
#include "virtio_user/net/net_header.h"
#include "virtio_user/net/path_selection.h"

namespace virtio_user {
namespace {

// A frame's bytes beyond the MTU: addresses, type and one VLAN tag.
constexpr uint32_t kFrameOverhead = RTE_ETHER_HDR_LEN + 4;
constexpr uint32_t kMinFrame = 64;

PmdPrivate& PrivateOf(const rte_eth_dev& dev) {
  return *static_cast<PmdPrivate*>(dev.data->dev_private);
}
PmdPort& PortOf(const rte_eth_dev* dev) { return *PrivateOf(*dev).port; }

// Tells what became of the peer since it was looked at last; Configure and
// Start connect anew if it was lost.
void LookAtPeer(const rte_eth_dev& dev) {
  const DeviceEvents events = PortOf(&dev).device().Poll();
  if (!events.reason) return;
  Log(LogLevel::kWarning, "port %u: %s (stop and start the port for that)",
      dev.data->port_id, events.reason->text().data());
}

bool Merges(const rte_eth_dev* dev) {
  return PortOf(dev).device().accepted().Has(Feature::kNetMrgRxbuf);
}

// Whether each receive queue has room for a frame of this MTU; where frames
// come in several buffers it has.
Result<void> CheckMtu(rte_eth_dev* dev, uint32_t mtu) {
  if (Merges(dev)) return {};
  for (uint16_t i = 0; i < dev->data->nb_rx_queues; ++i) {
    const MbufRxQueue* const queue = PortOf(dev).rx(i);
    if (queue == nullptr || queue->room() >= mtu + kFrameOverhead) continue;
    return Fail(ErrorCode::kInvalidArgument,
                "frames of MTU %u do not fit the %u bytes of receive queue "
                "%u's mbufs, and VIRTIO_NET_F_MRG_RXBUF was not negotiated",
                mtu, queue->room(), i);
  }
  return {};
}

int DevConfigure(rte_eth_dev* dev) {
  LookAtPeer(*dev);
  PmdPort& port = PortOf(dev);
  auto done = port.Configure(dev->data->nb_rx_queues, dev->data->nb_tx_queues);
  if (!done) return Complain(*dev, "configure", done.error());
  const FeatureSet accepted = port.device().accepted();
  Log(LogLevel::kInfo, "port %u: %s", dev->data->port_id,
      DescribePath(accepted).c_str());
  dev->data->scattered_rx = Merges(dev);
  return 0;
}

void SetQueueStates(rte_eth_dev* dev, uint8_t state) {
  std::fill_n(dev->data->rx_queue_state, dev->data->nb_rx_queues, state);
  std::fill_n(dev->data->tx_queue_state, dev->data->nb_tx_queues, state);
}

int LinkUpdate(rte_eth_dev* dev, int) {
  LookAtPeer(*dev);
  const Device& device = PortOf(dev).device();
  const bool up = dev->data->dev_started != 0 &&
                  device.state() == DeviceState::kRunning &&
                  device.link() == LinkState::kUp;
  rte_eth_link link = {};
  link.link_speed = RTE_ETH_SPEED_NUM_UNKNOWN;
  link.link_duplex = RTE_ETH_LINK_FULL_DUPLEX;
  link.link_autoneg = RTE_ETH_LINK_FIXED;
  link.link_status = up ? RTE_ETH_LINK_UP : RTE_ETH_LINK_DOWN;
  return rte_eth_linkstatus_set(dev, &link);
}

int DevStart(rte_eth_dev* dev) {
  LookAtPeer(*dev);
  PmdPort& port = PortOf(dev);
  auto fits = CheckMtu(dev, dev->data->mtu);
  if (!fits) return Complain(*dev, "start", fits.error());
  auto done = port.Start();
  if (!done) return Complain(*dev, "start", done.error());
  const FeatureSet accepted = port.device().accepted();
  dev->rx_pkt_burst = MbufRxQueue::BurstFor(accepted);
  dev->tx_pkt_burst = MbufTxQueue::BurstFor(accepted);
  SetQueueStates(dev, RTE_ETH_QUEUE_STATE_STARTED);
  dev->data->dev_link.link_status = RTE_ETH_LINK_UP;
  return 0;
}

// A stopped port is stopped whatever the peer made of it, so this succeeds.
int DevStop(rte_eth_dev* dev) {
  dev->data->dev_started = 0;
  dev->data->dev_link.link_status = RTE_ETH_LINK_DOWN;
  LookAtPeer(*dev);
  PmdPort& port = PortOf(dev);
  if (auto done = port.Stop(); !done) {
    Log(LogLevel::kWarning,
        "port %u is stopped, but its back-end was not told: %s",
        dev->data->port_id, done.error().text().data());
    // That is all about it.
    (void)port.device().Poll();
  }
  SetQueueStates(dev, RTE_ETH_QUEUE_STATE_STOPPED);
  return 0;
}

int InfosGet(rte_eth_dev* dev, rte_eth_dev_info* info) {
  const Device& device = PortOf(dev).device();
  info->max_rx_queues = device.queue_pairs();
  info->max_tx_queues = device.queue_pairs();
  info->max_mac_addrs = 1;
  info->min_rx_bufsize = kMinFrame;
  info->max_rx_pktlen = kMaxFrameBytes;
  info->min_mtu = RTE_ETHER_MIN_MTU;
  info->max_mtu = UINT16_MAX - kFrameOverhead;
  info->rx_offload_capa = RTE_ETH_RX_OFFLOAD_SCATTER;
  info->tx_offload_capa = RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
  // The rings are as long as queue_size says, whatever a queue is asked for.
  rte_eth_desc_lim limits = {};
  limits.nb_max = device.queue_size();
  limits.nb_min = 1;
  limits.nb_align = 1;
  info->rx_desc_lim = limits;
  info->tx_desc_lim = limits;
  info->default_rxportconf.ring_size = device.queue_size();
  info->default_txportconf.ring_size = device.queue_size();
  info->speed_capa = 0;
  return 0;
}

int RxQueueSetup(rte_eth_dev* dev, uint16_t index, uint16_t, unsigned,
                 const rte_eth_rxconf* conf, rte_mempool* pool) {
  if (conf->rx_deferred_start != 0) return -EINVAL;
  auto queue = PortOf(dev).AddRx(index, *pool, dev->data->port_id);
  if (!queue) return Complain(*dev, "set a receive queue up", queue.error());
  dev->data->rx_queues[index] = *queue;
  return 0;
}

int TxQueueSetup(rte_eth_dev* dev, uint16_t index, uint16_t, unsigned,
                 const rte_eth_txconf* conf) {
  if (conf->tx_deferred_start != 0) return -EINVAL;
  auto queue = PortOf(dev).AddTx(index);
  if (!queue) return Complain(*dev, "set a transmit queue up", queue.error());
  dev->data->tx_queues[index] = *queue;
  return 0;
}

void RxQueueRelease(rte_eth_dev* dev, uint16_t index) {
  PortOf(dev).RemoveRx(index);
}

void TxQueueRelease(rte_eth_dev* dev, uint16_t index) {
  PortOf(dev).RemoveTx(index);
}

int TxDoneCleanup(void* queue, uint32_t most) {
  // 0 asks for all.
  const size_t count = most == 0 ? UINT16_MAX : most;
  return static_cast<int>(static_cast<MbufTxQueue*>(queue)->Complete(count));
}

int StatsGet(rte_eth_dev* dev, rte_eth_stats* stats) {
  ReadPortStats(PortOf(dev), *PrivateOf(*dev).stats_base, *stats);
  return 0;
}

int StatsReset(rte_eth_dev* dev) {
  rte_eth_stats now = {};
  ReadPortStats(PortOf(dev), {}, now);
  *PrivateOf(*dev).stats_base = now;
  return 0;
}

// Carries a setting out on the control queue, if the device has that command
// and runs; ethdev repeats all settings after a start. Otherwise nobody
// filters, and the setting is as good as made.
template <typename Command>
int Control(rte_eth_dev* dev, Feature needs, const Command& command) {
  PmdPort& port = PortOf(dev);
  if (port.control() == nullptr || !port.device().accepted().Has(needs) ||
      port.device().state() != DeviceState::kRunning) {
    return 0;
  }
  auto done = command(*port.control());
  return done ? 0 : Complain(*dev, "set a filter", done.error());
}

template <bool kOn>
int Promiscuous(rte_eth_dev* dev) {
  return Control(dev, Feature::kNetCtrlRx, [](ControlCommands& control) {
    return control.SetPromiscuous(kOn);
  });
}

template <bool kOn>
int AllMulticast(rte_eth_dev* dev) {
  return Control(dev, Feature::kNetCtrlRx, [](ControlCommands& control) {
    return control.SetAllMulticast(kOn);
  });
}

int MacAddrSet(rte_eth_dev* dev, rte_ether_addr* addr) {
  const MacAddress mac = {std::to_array(addr->addr_bytes)};
  return Control(dev, Feature::kNetCtrlMacAddr,
                 [&](ControlCommands& control) { return control.SetMac(mac); });
}

int MtuSet(rte_eth_dev* dev, uint16_t mtu) {
  auto fits = CheckMtu(dev, mtu);
  return fits ? 0 : Complain(*dev, "set the MTU", fits.error());
}

constexpr eth_dev_ops MakeOps() {
  eth_dev_ops ops = {};
  ops.dev_configure = &DevConfigure;
  ops.dev_start = &DevStart;
  ops.dev_stop = &DevStop;
  ops.dev_close = &ClosePort;
  ops.dev_infos_get = &InfosGet;
  ops.link_update = &LinkUpdate;
  ops.rx_queue_setup = &RxQueueSetup;
  ops.tx_queue_setup = &TxQueueSetup;
  ops.rx_queue_release = &RxQueueRelease;
  ops.tx_queue_release = &TxQueueRelease;
  ops.tx_done_cleanup = &TxDoneCleanup;
  ops.stats_get = &StatsGet;
  ops.stats_reset = &StatsReset;
  ops.promiscuous_enable = &Promiscuous<true>;
  ops.promiscuous_disable = &Promiscuous<false>;
  ops.allmulticast_enable = &AllMulticast<true>;
  ops.allmulticast_disable = &AllMulticast<false>;
  ops.mac_addr_set = &MacAddrSet;
  ops.mtu_set = &MtuSet;
  return ops;
}

}  // namespace

constinit const eth_dev_ops kPmdOps = MakeOps();

int ErrnoOf(const Error& error) {
  if (error.sys_errno() != 0) return -error.sys_errno();
  switch (error.code()) {
    case ErrorCode::kInvalidArgument:
      return -EINVAL;
    case ErrorCode::kWrongState:
      return -EBUSY;
    case ErrorCode::kUnsupported:
      return -ENOTSUP;
    case ErrorCode::kRefused:
      return -EACCES;
    case ErrorCode::kProtocol:
      return -EPROTO;
    case ErrorCode::kDeadline:
      return -ETIMEDOUT;
    case ErrorCode::kDisconnected:
      return -ENOTCONN;
    case ErrorCode::kSystem:
      break;
  }
  return -EIO;
}

int Complain(const rte_eth_dev& dev, const char* doing, const Error& error) {
  Log(LogLevel::kError, "port %u: cannot %s: %s", dev.data->port_id, doing,
      error.text().data());
  return ErrnoOf(error);
}

int ClosePort(rte_eth_dev* dev) {
  PmdPrivate& own = PrivateOf(*dev);
  const std::unique_ptr<PmdPort> port(std::exchange(own.port, nullptr));
  const std::unique_ptr<PmdStatsBase> base(
      std::exchange(own.stats_base, nullptr));
  return 0;
}

}  // namespace virtio_user
