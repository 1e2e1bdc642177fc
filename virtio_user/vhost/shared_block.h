// SPDX-License-Identifier: BSD-3-Clause

#ifndef VIRTIO_USER_VHOST_SHARED_BLOCK_H_
#define VIRTIO_USER_VHOST_SHARED_BLOCK_H_

#include <cstddef>
#include <span>
#include <utility>

#include "virtio_user/base/device_addr.h"
#include "virtio_user/vhost/memory_provider.h"

namespace virtio_user {

// Owns memory that the back-end shares.
class SharedBlock {
 public:
  SharedBlock() = default;
  SharedBlock(SharedBlock&& other) noexcept
      : memory_(std::exchange(other.memory_, nullptr)),
        span_(std::exchange(other.span_, {})),
        addr_(other.addr_) {}
  SharedBlock& operator=(SharedBlock&& other) noexcept {
    std::swap(memory_, other.memory_);
    std::swap(span_, other.span_);
    std::swap(addr_, other.addr_);
    return *this;
  }
  ~SharedBlock() {
    if (memory_ != nullptr) memory_->Free(span_);
  }

  // Zeroed, aligned to a cache line. `memory` outlives the block.
  static Result<SharedBlock> Allocate(
      MemoryProvider& memory, size_t bytes,
      AddressSpace space = AddressSpace::kPublished);

  std::span<std::byte> span() const { return span_; }
  // Of the first byte, as the back-end sees it.
  DeviceAddr addr() const { return addr_; }

 private:
  MemoryProvider* memory_ = nullptr;
  std::span<std::byte> span_;
  DeviceAddr addr_;
};

}  // namespace virtio_user

#endif  // VIRTIO_USER_VHOST_SHARED_BLOCK_H_
