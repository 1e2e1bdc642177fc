// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/dpdk/pmd_stats.h"

#include <algorithm>

namespace virtio_user {
namespace {

void AddRx(const NetQueueStats& queue, uint16_t index, rte_eth_stats& stats) {
  stats.ipackets += queue.packets;
  stats.ibytes += queue.bytes;
  stats.ierrors += queue.dropped;
  stats.rx_nombuf += queue.no_buffer;
  if (index >= RTE_ETHDEV_QUEUE_STAT_CNTRS) return;
  stats.q_ipackets[index] = queue.packets;
  stats.q_ibytes[index] = queue.bytes;
  stats.q_errors[index] = queue.dropped;
}

void AddTx(const NetQueueStats& queue, uint16_t index, rte_eth_stats& stats) {
  // What was dropped was never counted as sent.
  stats.opackets += queue.packets;
  stats.obytes += queue.bytes;
  stats.oerrors += queue.dropped;
  if (index >= RTE_ETHDEV_QUEUE_STAT_CNTRS) return;
  stats.q_opackets[index] = queue.packets;
  stats.q_obytes[index] = queue.bytes;
}

// A queue that was set up anew counts from 0.
void Subtract(uint64_t& value, uint64_t base) {
  value -= std::min(value, base);
}

}  // namespace

void ReadPortStats(PmdPort& port, const PmdStatsBase& base,
                   rte_eth_stats& stats) {
  for (uint16_t i = 0; i < port.rx_count(); ++i) {
    if (port.rx(i) != nullptr) AddRx(port.rx(i)->stats(), i, stats);
  }
  for (uint16_t i = 0; i < port.tx_count(); ++i) {
    if (port.tx(i) != nullptr) AddTx(port.tx(i)->stats(), i, stats);
  }
  Subtract(stats.ipackets, base.ipackets);
  Subtract(stats.ibytes, base.ibytes);
  Subtract(stats.ierrors, base.ierrors);
  Subtract(stats.rx_nombuf, base.rx_nombuf);
  Subtract(stats.opackets, base.opackets);
  Subtract(stats.obytes, base.obytes);
  Subtract(stats.oerrors, base.oerrors);
  for (size_t i = 0; i < RTE_ETHDEV_QUEUE_STAT_CNTRS; ++i) {
    Subtract(stats.q_ipackets[i], base.q_ipackets[i]);
    Subtract(stats.q_ibytes[i], base.q_ibytes[i]);
    Subtract(stats.q_errors[i], base.q_errors[i]);
    Subtract(stats.q_opackets[i], base.q_opackets[i]);
    Subtract(stats.q_obytes[i], base.q_obytes[i]);
  }
}

}  // namespace virtio_user
