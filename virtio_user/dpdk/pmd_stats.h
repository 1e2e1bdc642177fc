// SPDX-License-Identifier: BSD-3-Clause

#ifndef VIRTIO_USER_DPDK_PMD_STATS_H_
#define VIRTIO_USER_DPDK_PMD_STATS_H_

#include <rte_ethdev.h>

#include "virtio_user/dpdk/pmd_port.h"

namespace virtio_user {

// The counters of a port as they were at its last reset.
using PmdStatsBase = rte_eth_stats;

// All queues together, and each of the first of them, since `base`.
void ReadPortStats(PmdPort& port, const PmdStatsBase& base,
                   rte_eth_stats& stats);

}  // namespace virtio_user

#endif  // VIRTIO_USER_DPDK_PMD_STATS_H_
