// SPDX-License-Identifier: BSD-3-Clause

#ifndef VIRTIO_USER_VHOST_QUIESCER_H_
#define VIRTIO_USER_VHOST_QUIESCER_H_

#include <span>

#include "virtio_user/base/deadline.h"
#include "virtio_user/base/error.h"
#include "virtio_user/ring/ring_gate.h"

namespace virtio_user {

// Waits for pollers to leave rings whose gates were just closed.
class Quiescer {
 public:
  virtual ~Quiescer() = default;

  // Makes every poller see the closed gates, then waits until none is inside.
  // kDeadline where one has not left after `budget`; the gates stay closed.
  virtual Result<void> WaitIdle(std::span<const RingGate* const> gates,
                                Duration budget) = 0;
};

}  // namespace virtio_user

#endif  // VIRTIO_USER_VHOST_QUIESCER_H_
