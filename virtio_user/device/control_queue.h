// SPDX-License-Identifier: BSD-3-Clause
//
// The software control virtqueue: here the front-end plays the device.

#ifndef VIRTIO_USER_DEVICE_CONTROL_QUEUE_H_
#define VIRTIO_USER_DEVICE_CONTROL_QUEUE_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "virtio_user/base/error.h"
#include "virtio_user/device/control_command.h"
#include "virtio_user/ring/descriptor_chain.h"
#include "virtio_user/ring/device_queue.h"

namespace virtio_user {

// The device's side of the control ring. Not thread-safe.
class ControlQueue {
 public:
  // Starts at the beginning. Requires: layout.Check() succeeds, a zeroed ring.
  explicit ControlQueue(const RingLayout& layout,
                        EventIndex event_index = EventIndex::kOff)
      : queue_(layout, {.event_index = event_index}) {}

  // Serves what is available, at most one ring full; returns how many. With
  // EventIndex::kOn a full ring may leave chains for which no kick will come:
  // call again after num. Each chain of the ring yields exactly one used
  // element: with length 1 where the ack was written (at the first writable
  // byte), with length 0 where the chain is malformed or has no writable byte,
  // and then the command was not carried out, since the driver could not learn
  // of it. A ring that breaks the rules is broken for good: the Error says
  // why, nothing is written.
  Result<size_t> Serve(AddressResolver resolve, const ControlTarget& target);
  // Whether the driver is to be interrupted for what was served.
  bool DriverWantsInterrupt() { return queue_.DriverWantsInterrupt(); }

  const RingLayout& layout() const { return queue_.layout(); }

 private:
  // The chain that was taken, up to its ack; bytes written into its writable
  // part.
  uint32_t ServeChain(AddressResolver resolve, const ControlTarget& target);
  // Whether the whole readable part now stands in request_.
  bool Gather(AddressResolver resolve);
  // The first writable byte, nullptr where there is none.
  std::byte* AckPlace(AddressResolver resolve) const;

  DeviceQueue queue_;
  DescriptorChain chain_;  // Kept, so that serving allocates rarely.
  std::vector<std::byte> request_;
};

}  // namespace virtio_user

#endif  // VIRTIO_USER_DEVICE_CONTROL_QUEUE_H_
