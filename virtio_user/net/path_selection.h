// SPDX-License-Identifier: BSD-3-Clause
//
// Which of the data paths fits what was negotiated. One table; nothing else
// chooses.

#ifndef VIRTIO_USER_NET_PATH_SELECTION_H_
#define VIRTIO_USER_NET_PATH_SELECTION_H_

#include <span>
#include <string>
#include <string_view>

#include "virtio_user/net/rx_path.h"
#include "virtio_user/ring/driver_queue.h"
#include "virtio_user/ring/ring_layout.h"
#include "virtio_user/spec/feature.h"

namespace virtio_user {

struct DataPath {
  std::string_view name;  // As field engineers say: "split-inorder-mrg".
  RingFormat format;
  UseOrder order;
  Merging merging;
};

// All of them, each once.
std::span<const DataPath> AllDataPaths();

// The one for these accepted features; there is one for any.
const DataPath& SelectPath(FeatureSet accepted);

// Which path, and by which features: "split-mrg (no VIRTIO_F_RING_PACKED, no
// VIRTIO_F_IN_ORDER, VIRTIO_NET_F_MRG_RXBUF); header of 12 bytes".
std::string DescribePath(FeatureSet accepted);

}  // namespace virtio_user

#endif  // VIRTIO_USER_NET_PATH_SELECTION_H_
