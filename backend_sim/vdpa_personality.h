// SPDX-License-Identifier: BSD-3-Clause
//
// What kind of vDPA device the simulated one is, as data.

#ifndef BACKEND_SIM_VDPA_PERSONALITY_H_
#define BACKEND_SIM_VDPA_PERSONALITY_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "backend_sim/personality.h"

namespace backend_sim {

// VHOST_BACKEND_F_SUSPEND.
inline constexpr unsigned kBitBackendSuspend = 4;

// What becomes of commands on the device's control queue.
enum class VdpaControlMode : uint8_t {
  kServes,
  kRefuses,        // VIRTIO_NET_ERR.
  kSilent,         // Taken, never answered.
  kWrongId,        // The used element names another chain.
  kWrongBytes,     // It says that more was written than there is room.
  kWritesNothing,  // It says that nothing was written.
};

struct VdpaPersonality {
  uint32_t device_class = 1;
  uint64_t features = 0;          // Offered.
  uint64_t backend_features = 0;  // Offered.
  uint32_t max_pairs = 1;
  uint16_t max_num = 1024;
  std::vector<std::byte> config;  // struct virtio_net_config.
  std::optional<uint32_t> said_config_bytes = {};
  uint64_t first_iova = 0;
  uint64_t last_iova = UINT64_MAX;
  uint64_t memlock_bytes = UINT64_MAX;
  // A mapping comes and goes with its message, also inside of a batch: without
  // this, what runs sees a batch at its end.
  bool platform_iommu = false;
  uint32_t address_spaces = 1;
  uint32_t control_group = 0;  // Of virtqueues; the others are in group 0.
  // False: rings are looked at when DRIVER_OK comes, and never again.
  bool sees_late_enable = true;
  // As ifcvf and VDUSE do, and mlx5 and vp_vdpa do not.
  bool reset_forgets_config_call = false;
  // False: an old kernel, which knows no request above GET_IOVA_RANGE.
  bool knows_new_requests = true;
  bool accepts_features_ok = true;
  bool doorbells = false;
  bool reset_ends = true;  // False: the status never becomes 0.
  TrafficMode traffic = TrafficMode::kEcho;
  VdpaControlMode control = VdpaControlMode::kServes;

  bool has_control() const { return HasBit(features, kBitCtrlVq); }
  // 2 * max_pairs, and the control queue.
  uint32_t queue_count() const {
    return 2 * max_pairs + (has_control() ? 1 : 0);
  }

  // A device with all of it: 4 pairs, a control queue in an address space of
  // its own, SUSPEND.
  static VdpaPersonality Full();
  // As VDUSE makes them (seen on Linux 6.12): one pair, no control queue.
  static VdpaPersonality Vduse();
  // The same without IOTLB_BATCH: messages come one by one.
  static VdpaPersonality Bare();
};

}  // namespace backend_sim

#endif  // BACKEND_SIM_VDPA_PERSONALITY_H_
