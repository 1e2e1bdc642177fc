// SPDX-License-Identifier: BSD-3-Clause
//
// How a control request has to be answered (virtio 1.4, "Control Virtqueue"),
// from a table of its own.

#ifndef FUZZ_CONTROL_ORACLE_H_
#define FUZZ_CONTROL_ORACLE_H_

#include <cstddef>
#include <cstdint>
#include <span>

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

struct ControlAnswer {
  uint8_t ack = 1;  // VIRTIO_NET_OK or VIRTIO_NET_ERR.
  // Who has to be asked, once.
  bool asks_backend = false;
  bool asks_device = false;
};

ControlAnswer AnswerTo(std::span<const std::byte> request,
                       const ControlScene& scene);

}  // namespace fuzz

#endif  // FUZZ_CONTROL_ORACLE_H_
