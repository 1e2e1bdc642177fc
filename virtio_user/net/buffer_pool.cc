// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/net/buffer_pool.h"

#include "virtio_user/base/check.h"
#include "virtio_user/net/net_header.h"

namespace virtio_user {
namespace {

constexpr size_t kBufferAlign = 16;  // So that a buffer can hold a table.
constexpr uint32_t kNone = 0xffffffff;
constexpr size_t kMaxBuffers = size_t{1} << 31;

}  // namespace

Result<BufferPool> BufferPool::Create(const NetQueueOptions& options) {
  if (options.buffer_bytes % kBufferAlign != 0 ||
      options.buffer_bytes <= NetHeaderBytes(options.features)) {
    return Fail(ErrorCode::kInvalidArgument,
                "buffers of %u bytes: a multiple of 16 that is more than the "
                "header is needed",
                options.buffer_bytes);
  }
  if (reinterpret_cast<uintptr_t>(options.memory.data()) % kBufferAlign != 0) {
    return Fail(ErrorCode::kInvalidArgument,
                "buffer memory is not aligned to 16 bytes");
  }
  const size_t count = options.memory.size() / options.buffer_bytes;
  if (count == 0 || count > kMaxBuffers) {
    return Fail(ErrorCode::kInvalidArgument,
                "buffer memory of %zu bytes holds %zu buffers of %u",
                options.memory.size(), count, options.buffer_bytes);
  }
  return BufferPool(options);
}

BufferPool::BufferPool(const NetQueueOptions& options)
    : memory_(options.memory),
      base_(options.memory_addr),
      buffer_bytes_(options.buffer_bytes),
      next_(options.memory.size() / options.buffer_bytes),
      free_count_(size()) {
  for (uint32_t i = 0; i < size(); ++i) next_[i] = i + 1;
  next_.back() = kNone;
}

std::optional<uint32_t> BufferPool::Take(uint32_t count) {
  VU_CHECK(count != 0);
  if (free_count_ < count) return std::nullopt;
  const uint32_t first = free_first_;
  uint32_t last = first;
  for (uint32_t i = 1; i < count; ++i) last = next_[last];
  free_first_ = next_[last];
  free_count_ -= count;
  next_[last] = kNone;
  return first;
}

void BufferPool::Give(uint32_t first) {
  uint32_t last = first;
  ++free_count_;
  while (next_[last] != kNone) {
    last = next_[last];
    ++free_count_;
  }
  next_[last] = free_first_;
  free_first_ = first;
  VU_CHECK(free_count_ <= size());
}

uint32_t BufferPool::Next(uint32_t index) const {
  const uint32_t next = next_[index];
  VU_CHECK(next != kNone);
  return next;
}

}  // namespace virtio_user
