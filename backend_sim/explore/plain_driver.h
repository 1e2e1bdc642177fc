// SPDX-License-Identifier: BSD-3-Clause

#ifndef BACKEND_SIM_EXPLORE_PLAIN_DRIVER_H_
#define BACKEND_SIM_EXPLORE_PLAIN_DRIVER_H_

#include <cstdint>
#include <span>
#include <vector>

#include "virtio_user/device/device.h"
#include "virtio_user/ring/ring_layout.h"
#include "virtio_user/vhost/memory_provider.h"

namespace backend_sim {

// Gives a device split rings and speaks on its control queue; no packets. Its
// memory is freed when it goes, so it outlives the device or is done with it.
class PlainDriver {
 public:
  PlainDriver(virtio_user::Device& device, virtio_user::MemoryProvider& memory)
      : device_(device), memory_(memory) {}
  ~PlainDriver();
  PlainDriver(const PlainDriver&) = delete;
  PlainDriver& operator=(const PlainDriver&) = delete;

  // Accepts all that is offered; rings for `pairs` pairs and for the control
  // queue.
  virtio_user::Result<void> SetUp(uint16_t pairs);
  // VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET; whether it was acked with success.
  // Requires: SetUp has succeeded.
  bool SetPairs(uint16_t pairs);

 private:
  virtio_user::Result<std::span<std::byte>> Allocate(size_t bytes);
  virtio_user::Result<virtio_user::RingLayout> NewRing();

  virtio_user::Device& device_;
  virtio_user::MemoryProvider& memory_;
  std::vector<std::span<std::byte>> blocks_;
  virtio_user::RingLayout control_;
  std::span<std::byte> request_;
  uint16_t published_ = 0;
};

}  // namespace backend_sim

#endif  // BACKEND_SIM_EXPLORE_PLAIN_DRIVER_H_
