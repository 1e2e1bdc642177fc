// SPDX-License-Identifier: BSD-3-Clause

#ifndef VIRTIO_USER_VHOST_DOORBELL_H_
#define VIRTIO_USER_VHOST_DOORBELL_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "virtio_user/base/file_descriptor.h"
#include "virtio_user/ring/ring_barrier.h"
#include "virtio_user/ring/shared_memory.h"

namespace virtio_user {

// A page of the device itself, in which a store is a kick (virtio: "Available
// Buffer Notifications", without NOTIFICATION_DATA): no system call.
class Doorbell {
 public:
  Doorbell() = default;
  // Takes `page` over, which `ops` mapped; the device is told `index`.
  Doorbell(FdOps& ops, std::span<std::byte> page, uint16_t index)
      : ops_(&ops), page_(page), index_(index) {}
  Doorbell(Doorbell&& other) noexcept
      : ops_(other.ops_),
        page_(std::exchange(other.page_, {})),
        index_(other.index_) {}
  Doorbell& operator=(Doorbell&& other) noexcept {
    if (this != &other) {
      Reset();
      ops_ = other.ops_;
      page_ = std::exchange(other.page_, {});
      index_ = other.index_;
    }
    return *this;
  }
  ~Doorbell() { Reset(); }

  bool valid() const { return !page_.empty(); }
  void Reset() {
    if (valid()) ops_->Unmap(std::exchange(page_, {}));
  }
  // Requires: valid(). What is in the ring is visible before.
  void Ring() const {
    RingWriteBarrier(RingOrder::kPlatform);
    StoreRelaxed<uint16_t>(page_.data(), index_);
  }

 private:
  FdOps* ops_ = nullptr;
  std::span<std::byte> page_;
  uint16_t index_ = 0;
};

}  // namespace virtio_user

#endif  // VIRTIO_USER_VHOST_DOORBELL_H_
