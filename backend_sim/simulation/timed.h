// SPDX-License-Identifier: BSD-3-Clause

#ifndef BACKEND_SIM_SIMULATION_TIMED_H_
#define BACKEND_SIM_SIMULATION_TIMED_H_

#include "backend_sim/simulation/simulation.h"

namespace backend_sim {

// A call of Device that moves a stream of eight pairs in pieces of a byte
// stays well below.
inline constexpr uint64_t kMostSeamCalls = 20000;

template <typename Call>
virtio_user::Result<void> Simulation::Timed(const char* name, Call call) {
  const virtio_user::Duration before = stack_->clock().now();
  const uint64_t calls = stack_->watch().call_count();
  const uint64_t lies = stack_->lie_count();
  virtio_user::Result<void> done = call();
  CheckCall(name, stack_->clock().now() - before,
            stack_->watch().call_count() - calls);
  lies_in_call_ = stack_->lie_count() - lies;
  NoteState();
  return done;
}

}  // namespace backend_sim

#endif  // BACKEND_SIM_SIMULATION_TIMED_H_
