// SPDX-License-Identifier: BSD-3-Clause

#ifndef VIRTIO_USER_OS_MEMBARRIER_QUIESCER_H_
#define VIRTIO_USER_OS_MEMBARRIER_QUIESCER_H_

#include <memory>

#include "virtio_user/vhost/quiescer.h"

namespace virtio_user {

// A Quiescer on membarrier(2): the barrier that a poller does not pay per
// burst is executed on its core when a gate closes.
class MembarrierQuiescer final : public Quiescer {
 public:
  // Registers this process for expedited barriers. kUnsupported: the kernel
  // was built without them, or a sandbox forbids them.
  static Result<std::unique_ptr<MembarrierQuiescer>> Create();

  Result<void> WaitIdle(std::span<const RingGate* const> gates,
                        Duration budget) override;

 private:
  MembarrierQuiescer() = default;
};

}  // namespace virtio_user

#endif  // VIRTIO_USER_OS_MEMBARRIER_QUIESCER_H_
