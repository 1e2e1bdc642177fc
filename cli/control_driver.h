// SPDX-License-Identifier: BSD-3-Clause

#ifndef CLI_CONTROL_DRIVER_H_
#define CLI_CONTROL_DRIVER_H_

#include <cstdint>
#include <memory>
#include <span>
#include <variant>
#include <vector>

#include "virtio_user/device/device.h"
#include "virtio_user/ring/packed_driver_queue.h"
#include "virtio_user/ring/split_driver_queue.h"
#include "virtio_user/spec/net.h"
#include "virtio_user/vhost/shared_block.h"

namespace virtio_user::cli {

// The driver's side of the control virtqueue: writes commands as chains into
// its ring, notifies, reads the ack. One thread.
class ControlDriver {
 public:
  // Gives the device its control ring. `device` and `memory` outlive this.
  // Requires: CTRL_VQ was accepted, kNegotiated.
  static Result<std::unique_ptr<ControlDriver>> Create(Device& device,
                                                       MemoryProvider& memory);

  // VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET.
  Result<void> SetQueuePairs(uint16_t pairs);
  // VIRTIO_NET_CTRL_RX_PROMISC.
  Result<void> SetPromiscuous(bool on);

  // Carried out with VIRTIO_NET_OK.
  uint64_t commands() const { return commands_; }

 private:
  // How a command is cut into descriptors. All are legal and mean the same, so
  // they take turns.
  enum class Framing : uint8_t { kSplit, kJoined, kIndirect };
  // A chain needs at least a readable and a writable descriptor.
  static constexpr size_t kMaxDescriptors = 3;

  // Commands go one by one, so that there is nothing to tell them apart by.
  using Cookie = uint8_t;
  using Queue = std::variant<SplitDriverQueue<UseOrder::kAny, Cookie>,
                             SplitDriverQueue<UseOrder::kInOrder, Cookie>,
                             PackedDriverQueue<UseOrder::kAny, Cookie>,
                             PackedDriverQueue<UseOrder::kInOrder, Cookie>>;

  ControlDriver(Device& device, SharedBlock ring, SharedBlock request,
                const RingLayout& layout);

  static Queue MakeQueue(Ring& ring, FeatureSet accepted);
  std::vector<Framing> PossibleFramings() const;
  Result<void> Execute(CtrlClass command_class, uint8_t command,
                       std::span<const std::byte> data);
  Result<void> OfferRequest(size_t data_bytes);
  Result<uint8_t> TakeAck();

  Device& device_;
  SharedBlock ring_block_;
  SharedBlock request_block_;
  Ring ring_;
  Queue queue_;
  std::vector<Framing> framings_;
  uint64_t commands_ = 0;
};

}  // namespace virtio_user::cli

#endif  // CLI_CONTROL_DRIVER_H_
