// SPDX-License-Identifier: BSD-3-Clause

#ifndef VIRTIO_USER_DPDK_PMD_OPS_H_
#define VIRTIO_USER_DPDK_PMD_OPS_H_

#include <ethdev_driver.h>

#include "virtio_user/base/error.h"
#include "virtio_user/dpdk/pmd_port.h"
#include "virtio_user/dpdk/pmd_stats.h"

namespace virtio_user {

// What ethdev keeps for a port (dev_private), in DPDK's memory.
struct PmdPrivate {
  PmdPort* port;             // Owned.
  PmdStatsBase* stats_base;  // Owned; where the counters were set to 0.
};

// The functions that ethdev calls.
extern const eth_dev_ops kPmdOps;

// The errno that says the same: negative.
int ErrnoOf(const Error& error);
// The same, and the reason to the log.
int Complain(const rte_eth_dev& dev, const char* doing, const Error& error);

// Closes the port: nothing of it is left but ethdev's own.
int ClosePort(rte_eth_dev* dev);

}  // namespace virtio_user

#endif  // VIRTIO_USER_DPDK_PMD_OPS_H_
