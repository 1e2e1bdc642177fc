// SPDX-License-Identifier: BSD-3-Clause
//
// Commands of the control virtqueue (virtio 1.4, "Control Virtqueue").

#ifndef VIRTIO_USER_DEVICE_CONTROL_COMMAND_H_
#define VIRTIO_USER_DEVICE_CONTROL_COMMAND_H_

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "virtio_user/base/error.h"
#include "virtio_user/base/function_ref.h"
#include "virtio_user/base/mac_address.h"
#include "virtio_user/spec/feature.h"
#include "virtio_user/spec/net.h"

namespace virtio_user {

// What commands have set. A vhost-user back-end does not filter, so filters are
// what the driver asked for, kept truthfully, and applied by nobody.
struct ControlState {
  bool promiscuous = false;
  bool all_multicast = false;
  bool all_unicast = false;
  bool no_multicast = false;
  bool no_unicast = false;
  bool no_broadcast = false;
  std::optional<MacAddress> mac;  // By ADDR_SET.
  std::vector<MacAddress> unicast_table;
  std::vector<MacAddress> multicast_table;
  std::bitset<kMaxVlanId + 1> vlans;
  // By GUEST_OFFLOADS_SET; nothing: all that were negotiated. The one thing
  // here that a back-end carries out.
  std::optional<FeatureSet> guest_offloads;

  friend bool operator==(const ControlState&, const ControlState&) = default;
};

// What a device that hashes can do (virtio: "Device configuration layout").
struct SteeringLimits {
  uint32_t hash_types = 0;
  uint16_t table_entries = 0;
  uint8_t key_bytes = 0;
};

// What a command is carried out on.
struct ControlTarget {
  FeatureSet accepted;  // Decides which commands exist.
  ControlState& state;
  // VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET, with a count that is not 0; an Error
  // leaves everything as it was.
  FunctionRef<Result<void>(uint16_t pairs)> set_queue_pairs;
  // VIRTIO_NET_CTRL_GUEST_OFFLOADS_SET: the offloads that stay on, all of them
  // accepted features; an Error leaves everything as it was.
  FunctionRef<Result<void>(FeatureSet offloads)> set_guest_offloads;
  // VIRTIO_NET_CTRL_ANNOUNCE_ACK: VIRTIO_NET_S_ANNOUNCE is off from now on.
  FunctionRef<void()> clear_announce;
  // Sends a valid request to the device's own control queue; whether its ack
  // is VIRTIO_NET_OK. None: such commands are carried out here, or not at all.
  std::optional<FunctionRef<bool(std::span<const std::byte> request)>> device =
      {};
  SteeringLimits steering = {};
};

// The longest request that is read; the address table of a driver with some
// 1,300 filters fits.
inline constexpr size_t kMaxControlRequestBytes = 8192;

// Carries out one request (class, command, data as one stream of bytes) and
// returns its ack. VIRTIO_NET_ERR, and nothing changed, for: a command that
// is not in kControlTable, was not negotiated or is for another kind of device;
// data of another length than its own; a value out of range; pairs or offloads
// that cannot be had; what the device's own control queue refuses.
uint8_t ExecuteControl(std::span<const std::byte> request,
                       const ControlTarget& target);

}  // namespace virtio_user

#endif  // VIRTIO_USER_DEVICE_CONTROL_COMMAND_H_
