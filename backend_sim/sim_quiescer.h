// SPDX-License-Identifier: BSD-3-Clause

#ifndef BACKEND_SIM_SIM_QUIESCER_H_
#define BACKEND_SIM_SIM_QUIESCER_H_

#include "virtio_user/vhost/quiescer.h"

namespace backend_sim {

// One thread runs everything, so that no poller can be inside a ring when the
// control path asks: one that is will never leave.
class SimQuiescer final : public virtio_user::Quiescer {
 public:
  virtio_user::Result<void> WaitIdle(
      std::span<const virtio_user::RingGate* const> gates,
      virtio_user::Duration /*budget*/) override {
    ++wait_count_;
    for (const virtio_user::RingGate* gate : gates) {
      if (gate->busy()) {
        return virtio_user::Fail(virtio_user::ErrorCode::kDeadline,
                                 "a poller is still inside a ring");
      }
      if (gate->open()) {
        return virtio_user::Fail(virtio_user::ErrorCode::kWrongState,
                                 "a ring's gate is open: a poller may come in");
      }
    }
    return {};
  }

  uint64_t wait_count() const { return wait_count_; }

 private:
  uint64_t wait_count_ = 0;
};

}  // namespace backend_sim

#endif  // BACKEND_SIM_SIM_QUIESCER_H_
