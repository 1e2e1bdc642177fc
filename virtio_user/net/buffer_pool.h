// SPDX-License-Identifier: BSD-3-Clause

#ifndef VIRTIO_USER_NET_BUFFER_POOL_H_
#define VIRTIO_USER_NET_BUFFER_POOL_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "virtio_user/base/device_addr.h"
#include "virtio_user/base/error.h"
#include "virtio_user/net/net_queue.h"

namespace virtio_user {

// Equal buffers in one stretch of shared memory, given out in chains. Which
// ones are free, and how a chain goes on, stands in private memory alone. Not
// thread-safe.
class BufferPool {
 public:
  // kInvalidArgument: buffers that are no multiple of 16 or hold no more than
  // a header, memory that is not aligned to 16 or holds no buffer, more than
  // 2^31 buffers.
  static Result<BufferPool> Create(const NetQueueOptions& options);

  // A chain of `count` buffers, by its first; nothing if fewer are free.
  // Requires: count > 0.
  std::optional<uint32_t> Take(uint32_t count);
  // Gives a whole chain back.
  void Give(uint32_t first);
  // The buffer after `index` in its chain. Requires: there is one.
  uint32_t Next(uint32_t index) const;

  std::span<std::byte> Host(uint32_t index) const {
    return memory_.subspan(size_t{index} * buffer_bytes_, buffer_bytes_);
  }
  // [offset, offset + bytes) of a buffer, as the device sees it.
  DeviceBuffer Device(uint32_t index, uint32_t offset, uint32_t bytes) const {
    return {{base_.value + uint64_t{index} * buffer_bytes_ + offset}, bytes};
  }

  uint32_t buffer_bytes() const { return buffer_bytes_; }
  uint32_t size() const { return static_cast<uint32_t>(next_.size()); }
  uint32_t free_count() const { return free_count_; }

 private:
  explicit BufferPool(const NetQueueOptions& options);

  std::span<std::byte> memory_;
  DeviceAddr base_;
  uint32_t buffer_bytes_;
  std::vector<uint32_t> next_;
  uint32_t free_first_ = 0;
  uint32_t free_count_ = 0;
};

}  // namespace virtio_user

#endif  // VIRTIO_USER_NET_BUFFER_POOL_H_
