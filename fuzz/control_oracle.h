// SPDX-License-Identifier: BSD-3-Clause
//
// How a control request has to be answered and what it has to do (virtio 1.4,
// "Control Virtqueue"), from tables of its own.

#ifndef FUZZ_CONTROL_ORACLE_H_
#define FUZZ_CONTROL_ORACLE_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "fuzz/control_effects.h"
#include "virtio_user/device/control_command.h"
#include "virtio_user/spec/feature.h"

namespace fuzz {

// What surrounds a control queue.
struct ControlScene {
  static constexpr uint16_t kPairs = 4;

  // Any byte is one; 0: all is accepted, there is no control queue of the
  // device's own, the back-end does what it is asked within its limits.
  explicit ControlScene(uint8_t what);

  virtio_user::FeatureSet accepted;
  bool own_queue = false;  // The device has one.
  bool device_refuses = false;
  bool backend_refuses = false;
  virtio_user::SteeringLimits steering;
};

// The ack that a request has to get, VIRTIO_NET_OK or VIRTIO_NET_ERR; adds what
// it has to do to `effects`.
uint8_t AnswerTo(std::span<const std::byte> request, const ControlScene& scene,
                 ControlEffects& effects);

}  // namespace fuzz

#endif  // FUZZ_CONTROL_ORACLE_H_
