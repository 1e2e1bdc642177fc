// SPDX-License-Identifier: BSD-3-Clause

#ifndef VIRTIO_USER_RING_DRIVER_NOTIFICATIONS_H_
#define VIRTIO_USER_RING_DRIVER_NOTIFICATIONS_H_

#include <cstdint>

#include "virtio_user/ring/ring_barrier.h"
#include "virtio_user/ring/ring_layout.h"
#include "virtio_user/ring/shared_memory.h"
#include "virtio_user/spec/ring.h"

namespace virtio_user {

// The driver's side of a ring's flags by which either side asks the other for
// quiet (virtio: "Used Buffer Notification Suppression", "Driver and Device
// Event Suppression"). EVENT_IDX is not negotiated. Part of a driver queue,
// which has the contract (DriverQueue).
template <RingFormat kFormat>
class DriverNotifications {
 public:
  DriverNotifications(Ring& ring, RingOrder order)
      : ring_(ring), order_(order) {}

  bool DeviceWantsKick() const {
    // What was published must be out before the flags are read, as the device
    // sets its flags and then looks at the ring: one of the two sees the other
    // (SuppressKicks of the device's queues).
    RingFullBarrier(order_);
    std::byte* const device = ring_.layout.device;
    if constexpr (kFormat == RingFormat::kSplit) {
      return (LoadRelaxed<uint16_t>(device + kUsedFlagsOffset) &
              kUsedFlagNoNotify) == 0;
    }
    const uint32_t event = LoadRelaxed<uint32_t>(device);
    // RING_EVENT_FLAGS_DESC has no meaning without EVENT_IDX: a kick too many
    // does no harm.
    return (event >> 16 & kPackedEventFlagsMask) != kPackedEventDisable;
  }

  // "Driver Notifications": next_off and next_wrap above the ring's number.
  // Split: the available index.
  uint32_t Data(uint16_t vring) const {
    uint32_t next = ring_.published.index;
    if (kFormat == RingFormat::kPacked && ring_.published.wrap) {
      next |= kPackedEventWrap;
    }
    return vring | next << 16;
  }

  void SuppressInterrupts(bool suppress) {
    if (suppress != suppressed_) {
      suppressed_ = suppress;
      Write();
    }
    // Interrupts wanted: the caller looks at the ring after this. Meets the
    // fence in the device's DriverWantsInterrupt.
    RingFullBarrier(order_);
  }

  // Writes the flags into the ring as they were asked for last.
  void Write() const {
    if constexpr (kFormat == RingFormat::kSplit) {
      StoreRelaxed<uint16_t>(ring_.layout.driver + kAvailFlagsOffset,
                             suppressed_ ? kAvailFlagNoInterrupt : uint16_t{0});
    } else {
      const uint32_t flags =
          suppressed_ ? kPackedEventDisable : kPackedEventEnable;
      StoreRelaxed<uint32_t>(ring_.layout.driver, flags << 16);
    }
  }

 private:
  Ring& ring_;
  const RingOrder order_;
  bool suppressed_ = true;
};

}  // namespace virtio_user

#endif  // VIRTIO_USER_RING_DRIVER_NOTIFICATIONS_H_
