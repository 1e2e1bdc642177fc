// SPDX-License-Identifier: BSD-3-Clause
//
// The driver's side of a simulated device's control virtqueue, well-behaved or
// not.

#ifndef BACKEND_SIM_SIMULATION_CONTROL_RING_H_
#define BACKEND_SIM_SIMULATION_CONTROL_RING_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "backend_sim/simulation/operation.h"
#include "virtio_user/device/device.h"
#include "virtio_user/ring/packed_driver_queue.h"
#include "virtio_user/ring/split_driver_queue.h"
#include "virtio_user/vhost/shared_block.h"

namespace backend_sim {

// What one command has come to.
struct CommandOutcome {
  bool sent = false;  // False: there was no room.
  virtio_user::Result<void> notified;
  size_t used = 0;     // Used elements that came for it.
  uint32_t bytes = 0;  // That the element says were written.
  uint8_t ack = 0xee;  // 0xee: nothing was written there.
  // What the driver's queue found impossible in the ring.
  std::optional<std::string> broken = {};
  bool scribbled = false;  // Bytes changed that no device may write.
  std::vector<std::byte> request = {};  // Class, command and data, if whole.
};

// `device` and `memory` outlive it. One thread.
class ControlRing {
 public:
  // Gives the device a new control ring. Requires: CTRL_VQ was accepted.
  static virtio_user::Result<std::unique_ptr<ControlRing>> Create(
      virtio_user::Device& device, virtio_user::MemoryProvider& memory);

  // Sends it and notifies the device. Several chains may be put into the ring
  // before one notification: see Queue.
  CommandOutcome Send(CommandKind kind, uint32_t value);
  // The same with a descriptor that was changed after it was written: `mangle`
  // chooses which word of which becomes what.
  CommandOutcome SendMangled(uint32_t mangle, uint32_t value);

  // What a device without trouble answers: VIRTIO_NET_OK or VIRTIO_NET_ERR.
  static bool ShouldSucceed(const virtio_user::Device& device, CommandKind kind,
                            uint32_t value, uint16_t configured_pairs);
  // What kPairs asks for, of a device that can have so many: sometimes 0 or
  // one too many.
  static uint16_t PairsOf(uint32_t value, uint16_t max_pairs);

  // What kOffloads asks for, and of that the offload that a driver can have.
  static uint64_t OffloadsOf(uint32_t value);
  static constexpr uint64_t kChecksums = uint64_t{1} << 1;

  const virtio_user::RingLayout& layout() const { return ring_.layout; }

 private:
  using Cookie = uint8_t;
  using Queue = std::variant<
      virtio_user::SplitDriverQueue<virtio_user::UseOrder::kAny, Cookie>,
      virtio_user::SplitDriverQueue<virtio_user::UseOrder::kInOrder, Cookie>,
      virtio_user::PackedDriverQueue<virtio_user::UseOrder::kAny, Cookie>,
      virtio_user::PackedDriverQueue<virtio_user::UseOrder::kInOrder, Cookie>>;

  ControlRing(virtio_user::Device& device, virtio_user::SharedBlock ring,
              virtio_user::SharedBlock request,
              const virtio_user::RingLayout& layout);
  static Queue MakeQueue(virtio_user::Ring& ring,
                         virtio_user::FeatureSet accepted);

  bool Offer(std::span<const std::byte> request, uint32_t framing);
  void Mangle(uint32_t mangle, uint32_t value);
  CommandOutcome Notify();

  virtio_user::Device& device_;
  virtio_user::SharedBlock ring_block_;
  virtio_user::SharedBlock request_block_;
  virtio_user::Ring ring_;
  Queue queue_;
  uint16_t offered_at_ = 0;  // The slot of the command's first descriptor.
  uint32_t sent_ = 0;
};

}  // namespace backend_sim

#endif  // BACKEND_SIM_SIMULATION_CONTROL_RING_H_
