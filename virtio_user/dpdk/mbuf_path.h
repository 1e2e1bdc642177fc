// SPDX-License-Identifier: BSD-3-Clause
//
// From the table of data paths to a queue's template over mbufs.

#ifndef VIRTIO_USER_DPDK_MBUF_PATH_H_
#define VIRTIO_USER_DPDK_MBUF_PATH_H_

#include <rte_mbuf.h>

#include "virtio_user/net/path_selection.h"
#include "virtio_user/ring/packed_driver_queue.h"
#include "virtio_user/ring/split_driver_queue.h"

namespace virtio_user {

// Calls `use.template operator()<Queue>()` with the driver queue that fits the
// accepted features.
template <typename Use>
auto WithMbufRing(FeatureSet accepted, const Use& use) {
  constexpr UseOrder kAny = UseOrder::kAny;
  constexpr UseOrder kInOrder = UseOrder::kInOrder;
  const DataPath& path = SelectPath(accepted);
  const bool in_order = path.order == kInOrder;
  if (path.format == RingFormat::kPacked) {
    return in_order
               ? use.template
                 operator()<PackedDriverQueue<kInOrder, rte_mbuf*>>()
               : use.template operator()<PackedDriverQueue<kAny, rte_mbuf*>>();
  }
  return in_order
             ? use.template operator()<SplitDriverQueue<kInOrder, rte_mbuf*>>()
             : use.template operator()<SplitDriverQueue<kAny, rte_mbuf*>>();
}

}  // namespace virtio_user

#endif  // VIRTIO_USER_DPDK_MBUF_PATH_H_
