// SPDX-License-Identifier: BSD-3-Clause
//
// Linux's <linux/vhost.h> without the legacy half of <linux/virtio_ring.h>,
// which is no C++.

#ifndef VIRTIO_USER_OS_LINUX_VHOST_H_
#define VIRTIO_USER_OS_LINUX_VHOST_H_

#ifndef VIRTIO_RING_NO_LEGACY
#define VIRTIO_RING_NO_LEGACY
#endif
#include <linux/vhost.h>

#endif  // VIRTIO_USER_OS_LINUX_VHOST_H_
