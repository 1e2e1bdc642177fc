// SPDX-License-Identifier: BSD-3-Clause

#include "fuzz/net_memory.h"

#include <algorithm>
#include <array>
#include <memory>
#include <utility>

#include "virtio_user/base/check.h"
#include "virtio_user/base/file_descriptor.h"
#include "virtio_user/net/net_queue.h"

namespace fuzz {

using virtio_user::BufferPool;
using virtio_user::RingFormat;
using virtio_user::RingLayout;

namespace {

constexpr uint64_t kBuffersAddr = 0x7000'0000'0000;
constexpr uint64_t kScratchAddr = kBuffersAddr + 0x1'0000;

UnlanedPool PoolIn(std::span<std::byte> memory) {
  auto pool = BufferPool::Create({.memory = memory,
                                  .memory_addr = {kBuffersAddr},
                                  .buffer_bytes = NetMemory::kBufferBytes});
  VU_CHECK(pool.has_value());
  return UnlanedPool(*std::move(pool));
}

}  // namespace

NetMemory::Block::Block(size_t bytes)
    : memory_(static_cast<std::byte*>(::operator new(bytes, kAlign)), bytes) {}

NetMemory::NetMemory(RingFormat format, uint16_t num)
    : ring_(RingLayout::BytesFor(format, num)),
      buffers_(kBuffers * kBufferBytes),
      scratch_(virtio_user::TxScratchBytes(num)),
      fresh_pool_(PoolIn(buffers_.bytes())),
      pool_(fresh_pool_) {
  const auto layout = RingLayout::PlaceIn(ring_.bytes(), format, num);
  VU_CHECK(layout.has_value());
  layout_ = *layout;
  held_.reserve(kBuffers);
}

NetMemory& NetMemory::Wiped(RingFormat format, uint8_t size_choice) {
  static std::array<std::unique_ptr<NetMemory>, 32> all;
  const bool packed = format == RingFormat::kPacked;
  const size_t index = packed ? 16 + size_choice % 16 : size_choice % 4;
  const auto num = static_cast<uint16_t>(packed ? 2 + size_choice % 16
                                                : 2u << (size_choice % 4));
  auto& memory = all[index];
  if (memory == nullptr) memory = std::make_unique<NetMemory>(format, num);
  for (const Block* const block :
       {&memory->ring_, &memory->buffers_, &memory->scratch_}) {
    std::ranges::fill(block->bytes(), std::byte{0});
  }
  memory->pool_ = memory->fresh_pool_;
  memory->held_.clear();
  virtio_user::VringState& vring = memory->vring_;
  vring.ring.gate.Close();
  vring.ring.layout = memory->layout_;
  vring.ring.published = {};
  vring.kick = virtio_user::FileDescriptor(memory->fd_ops_, 3);
  return *memory;
}

SharedRing NetMemory::shared() const {
  return {.layout = layout_,
          .ring = ring_.bytes(),
          .buffers = buffers_.bytes(),
          .buffers_addr = kBuffersAddr,
          .scratch = scratch_.bytes(),
          .scratch_addr = kScratchAddr};
}

NetMemory::Image::Image(const NetMemory& memory)
    : pool_(memory.pool_), published_(memory.vring_.ring.published) {
  for (const Block* const block :
       {&memory.ring_, &memory.buffers_, &memory.scratch_}) {
    bytes_.insert(bytes_.end(), block->bytes().begin(), block->bytes().end());
  }
}

void NetMemory::Image::Restore(NetMemory& memory) const {
  std::span<const std::byte> bytes = bytes_;
  for (const Block* const block :
       {&memory.ring_, &memory.buffers_, &memory.scratch_}) {
    const size_t count = block->bytes().size();
    std::ranges::copy(bytes.first(count), block->bytes().begin());
    bytes = bytes.subspan(count);
  }
  memory.pool_ = pool_;
  memory.vring_.ring.published = published_;
}

}  // namespace fuzz
