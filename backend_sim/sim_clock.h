// SPDX-License-Identifier: BSD-3-Clause

#ifndef BACKEND_SIM_SIM_CLOCK_H_
#define BACKEND_SIM_SIM_CLOCK_H_

#include "virtio_user/base/deadline.h"

namespace backend_sim {

// Virtual time. It stands still while anything can run, and jumps when
// somebody waits for what cannot come sooner.
class SimClock {
 public:
  virtio_user::Duration now() const { return now_; }

  virtio_user::Deadline After(virtio_user::Duration budget) const {
    return {now_ + budget};
  }
  // Time never goes back: an earlier point changes nothing.
  void AdvanceTo(virtio_user::Duration point) {
    if (point > now_) now_ = point;
  }

 private:
  virtio_user::Duration now_{0};
};

}  // namespace backend_sim

#endif  // BACKEND_SIM_SIM_CLOCK_H_
