// SPDX-License-Identifier: BSD-3-Clause

#ifndef CLI_NET_DRIVER_H_
#define CLI_NET_DRIVER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/control_driver.h"
#include "cli/shared_block.h"
#include "virtio_user/device/device.h"
#include "virtio_user/net/rx_queue.h"
#include "virtio_user/net/tx_queue.h"

namespace virtio_user::cli {

// The driver above one device: memory for all rings and buffers, a queue for
// each direction of each pair, the control queue. One thread. The same on the
// simulator and on a real back-end.
class NetDriver {
 public:
  // One buffer takes a whole frame with its header.
  static constexpr uint32_t kBufferBytes = 2048;

  // Bytes that Create allocates for these rings, at most.
  static size_t MemoryFor(uint16_t pairs, uint16_t queue_size);

  // What this driver accepts of an offer: everything that it can do.
  static FeatureSet Choose(FeatureSet offered);

  // Negotiates, gives the device its rings and builds the queues on them.
  // Requires: kCreated. `device` and `memory` outlive the driver; the memory
  // is freed with it, so the device goes first or has stopped.
  static Result<std::unique_ptr<NetDriver>> Create(Device& device,
                                                   MemoryProvider& memory);

  uint16_t pairs() const { return static_cast<uint16_t>(queues_.size()); }
  RxQueue& rx(uint16_t pair) { return *queues_[pair].rx; }
  TxQueue& tx(uint16_t pair) { return *queues_[pair].tx; }
  // Null where CTRL_VQ was not negotiated.
  ControlDriver* control() { return control_.get(); }
  Device& device() { return device_; }

  // Packets that may be on their way on one pair at once: while no more are, a
  // back-end that echoes has a buffer for each.
  uint32_t window() const { return window_; }

  // Why a ring of `pair` does nothing any more, or which frames the driver had
  // to drop; nothing if all is well.
  std::optional<std::string> Trouble(uint16_t pair) const;
  // What has happened to the device since it was asked last, if it was bad.
  std::optional<std::string> DeviceTrouble();

 private:
  struct Pair {
    SharedBlock rx_ring;
    SharedBlock tx_ring;
    SharedBlock rx_buffers;
    SharedBlock tx_buffers;
    std::unique_ptr<RxQueue> rx;
    std::unique_ptr<TxQueue> tx;
  };

  NetDriver(Device& device, MemoryProvider& memory);

  Result<void> AddPair(uint16_t pair);
  Result<void> AddRing(uint16_t vring, SharedBlock& ring);
  Result<NetQueueOptions> AddBuffers(uint32_t count, SharedBlock& buffers);

  Device& device_;
  MemoryProvider& memory_;
  std::vector<Pair> queues_;
  std::unique_ptr<ControlDriver> control_;
  uint32_t window_ = 1;
};

}  // namespace virtio_user::cli

#endif  // CLI_NET_DRIVER_H_
