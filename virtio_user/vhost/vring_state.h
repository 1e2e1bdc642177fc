// SPDX-License-Identifier: BSD-3-Clause

#ifndef VIRTIO_USER_VHOST_VRING_STATE_H_
#define VIRTIO_USER_VHOST_VRING_STATE_H_

#include <cstdint>

#include "virtio_user/base/file_descriptor.h"
#include "virtio_user/ring/ring_layout.h"
#include "virtio_user/vhost/doorbell.h"

namespace virtio_user {

// Where a device goes on in a ring (vhost-user: VHOST_USER_SET_VRING_BASE).
// Holds everything a packed ring needs; codecs cut it to what a peer carries.
struct VringBase {
  uint16_t avail = 0;      // Next available entry.
  uint16_t used = 0;       // Packed: next used entry.
  bool avail_wrap = true;  // Packed: the driver's wrap counter.
  bool used_wrap = true;   // Packed: the device's wrap counter.

  RingPosition AvailPosition() const { return {avail, avail_wrap}; }
  RingPosition UsedPosition() const { return {used, used_wrap}; }

  friend bool operator==(const VringBase&, const VringBase&) = default;
};

// One vring for the whole life of its device: memory, the two descriptors,
// where the back-end goes on, and the gate. Owned by the Device.
struct VringState {
  Ring ring;            // layout.num == 0: not configured by the driver.
  FileDescriptor call;  // The back-end interrupts us.
  FileDescriptor kick;  // We notify the back-end.
  // Instead, while a device runs that has one; changed while the gate is
  // closed.
  Doorbell doorbell;
  VringBase base;

  bool configured() const { return ring.layout.num != 0; }
  // The kick. Requires: the device gave this ring descriptors.
  Result<void> Notify() const {
    if (!doorbell.valid()) return kick.Signal();
    doorbell.Ring();
    return {};
  }
};

// vhost's numbering of a network device's rings: pair p is 2p and 2p + 1.
constexpr uint16_t RxVring(uint16_t pair) {
  return static_cast<uint16_t>(2 * pair);
}
constexpr uint16_t TxVring(uint16_t pair) {
  return static_cast<uint16_t>(2 * pair + 1);
}

}  // namespace virtio_user

#endif  // VIRTIO_USER_VHOST_VRING_STATE_H_
