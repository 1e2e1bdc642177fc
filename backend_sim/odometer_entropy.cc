// SPDX-License-Identifier: BSD-3-Clause

#include "backend_sim/odometer_entropy.h"

#include "virtio_user/base/check.h"

namespace backend_sim {

uint64_t OdometerEntropy::Choose(uint64_t n) {
  VU_CHECK(n > 0);
  Wheels& wheels = *wheels_;
  if (wheels.drawn == wheels.all.size()) wheels.all.push_back({.size = n});
  const Wheel& wheel = wheels.all[wheels.drawn++];
  // The same answers before it lead to the same question.
  VU_CHECK(wheel.size == n);
  return wheel.at;
}

size_t OdometerEntropy::Next() {
  Wheels& wheels = *wheels_;
  wheels.all.resize(wheels.drawn);
  wheels.drawn = 0;
  while (!wheels.all.empty()) {
    Wheel& last = wheels.all.back();
    if (++last.at < last.size) return wheels.all.size() - 1;
    wheels.all.pop_back();
  }
  wheels.done = true;
  return 0;
}

}  // namespace backend_sim
