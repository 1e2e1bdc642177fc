// SPDX-License-Identifier: BSD-3-Clause
//
// What control requests have done.

#ifndef FUZZ_CONTROL_EFFECTS_H_
#define FUZZ_CONTROL_EFFECTS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "virtio_user/device/control_command.h"
#include "virtio_user/spec/feature.h"

namespace fuzz {

// What others were told, in its order.
class ControlCalls {
 public:
  void SetPairs(uint16_t pairs);
  void SetOffloads(virtio_user::FeatureSet offloads);
  void ClearAnnounce();
  void TellDevice(std::span<const std::byte> request);

  size_t count() const { return count_; }
  friend bool operator==(const ControlCalls&, const ControlCalls&) = default;

 private:
  void Add(uint64_t kind, uint64_t what);

  size_t count_ = 0;
  uint64_t digest_ = 0;  // Of what they are and say.
};

struct ControlEffects {
  virtio_user::ControlState state;
  uint16_t pairs = 1;
  ControlCalls calls;

  friend bool operator==(const ControlEffects&,
                         const ControlEffects&) = default;
};

// The features that a mask of VIRTIO_NET_CTRL_GUEST_OFFLOADS_SET names (virtio
// 1.4, "Setting Offloads State"); nothing, if one of its bits names none.
std::optional<virtio_user::FeatureSet> OffloadsIn(uint64_t mask);

// Changes what a request of the class and command, which has to be answered by
// VIRTIO_NET_OK, changes (virtio 1.4, "Control Virtqueue").
void Apply(uint8_t ctrl_class, uint8_t command, std::span<const std::byte> data,
           virtio_user::ControlState& state);

}  // namespace fuzz

#endif  // FUZZ_CONTROL_EFFECTS_H_
