// SPDX-License-Identifier: BSD-3-Clause

#ifndef VIRTIO_USER_DPDK_PMD_ARGS_H_
#define VIRTIO_USER_DPDK_PMD_ARGS_H_

#include <string>

#include "virtio_user/base/error.h"
#include "virtio_user/device/device.h"
#include "virtio_user/os/open_backend.h"

namespace virtio_user {

// The keys, as rte_kvargs and PMD information tools want to have them.
#define VIRTIO_USER_PMD_KEYS                                                   \
  "path=<socket> queues=<int> queue_size=<int> mac=<address> mrg_rxbuf=<0|1> " \
  "in_order=<0|1> packed_vq=<0|1> cq=<0|1> server=<0|1> timeout=<seconds>"

struct PmdArgs {
  OpenBackendOptions backend{};
  DeviceOptions device{};
};

// Reads `--vdev net_vuser0,THIS`. kInvalidArgument names the key: one that is
// unknown, given twice, missing (path) or has a value that it cannot have. A
// range is checked by Device::Create, which knows the back-end. More than one
// pair includes cq=1. A server waits for its peer, so its timeout is longer.
Result<PmdArgs> ParsePmdArgs(const char* text);

}  // namespace virtio_user

#endif  // VIRTIO_USER_DPDK_PMD_ARGS_H_
