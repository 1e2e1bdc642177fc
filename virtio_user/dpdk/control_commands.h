// SPDX-License-Identifier: BSD-3-Clause

#ifndef VIRTIO_USER_DPDK_CONTROL_COMMANDS_H_
#define VIRTIO_USER_DPDK_CONTROL_COMMANDS_H_

#include <cstdint>
#include <memory>
#include <span>

#include "virtio_user/base/mac_address.h"
#include "virtio_user/device/device.h"
#include "virtio_user/spec/net.h"

namespace virtio_user {

// The driver's side of the control virtqueue: one command at a time, each as
// one readable and one writable buffer.
class ControlCommands {
 public:
  // Allocates the ring, of the format that was accepted. `device` and `memory`
  // outlive this. Requires: CTRL_VQ was accepted.
  static Result<std::unique_ptr<ControlCommands>> Create(
      Device& device, MemoryProvider& memory);
  virtual ~ControlCommands() = default;

  // Gives the device a fresh control ring. Requires: kNegotiated.
  virtual Result<void> Configure() = 0;

  // Each requires: Configure was called, and the device runs since. kRefused:
  // the answer was not VIRTIO_NET_OK.
  Result<void> SetQueuePairs(uint16_t pairs);
  Result<void> SetPromiscuous(bool on);
  Result<void> SetAllMulticast(bool on);
  Result<void> SetMac(const MacAddress& mac);

 protected:
  virtual Result<void> Execute(CtrlClass command_class, uint8_t command,
                               std::span<const uint8_t> data) = 0;
};

}  // namespace virtio_user

#endif  // VIRTIO_USER_DPDK_CONTROL_COMMANDS_H_
