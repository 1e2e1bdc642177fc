// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/net/buffer_pool.h"

#include <cstring>

namespace virtio_user {
namespace {

constexpr size_t kAlign = 64;
constexpr uint32_t kMinBufferBytes = 128;
constexpr uint32_t kMaxBufferBytes = 65536;
constexpr size_t kMaxBuffers = size_t{1} << 31;

}  // namespace

Result<BufferPool> BufferPool::Create(const BufferPoolOptions& options) {
  if (options.buffer_bytes % kAlign != 0 ||
      options.buffer_bytes < kMinBufferBytes ||
      options.buffer_bytes > kMaxBufferBytes) {
    return Fail(ErrorCode::kInvalidArgument,
                "buffers of %u bytes: a multiple of %zu from %u to %u is "
                "needed",
                options.buffer_bytes, kAlign, kMinBufferBytes, kMaxBufferBytes);
  }
  if (reinterpret_cast<uintptr_t>(options.memory.data()) % kAlign != 0) {
    return Fail(ErrorCode::kInvalidArgument,
                "buffer memory is not aligned to %zu bytes", kAlign);
  }
  const size_t count = options.memory.size() / options.buffer_bytes;
  if (count == 0 || count > kMaxBuffers) {
    return Fail(ErrorCode::kInvalidArgument,
                "buffer memory of %zu bytes holds %zu buffers of %u",
                options.memory.size(), count, options.buffer_bytes);
  }
  return BufferPool(options);
}

BufferPool::BufferPool(const BufferPoolOptions& options)
    : memory_(options.memory.data()),
      base_(options.memory_addr.value),
      stride_(options.buffer_bytes),
      free_(options.memory.size() / options.buffer_bytes),
      free_count_(static_cast<uint32_t>(free_.size())),
      links_(free_.size()),
      offloads_(free_.size()) {
  for (uint32_t i = 0; i < free_count_; ++i) free_[i] = free_count_ - 1 - i;
}

// Calls `use` with the bytes that lie in each buffer of the packet, in turn.
template <typename Use>
void BufferPool::ForEachPart(const Packet& packet, Use use) const {
  uint32_t left = packet.bytes;
  uint32_t buffer = packet.buffer;
  uint32_t offset = packet.offset;
  for (uint16_t i = 0; i < packet.buffer_count; ++i) {
    const Link& link = links_[buffer];
    const bool last = link.next == kNone;
    uint32_t bytes = left;
    if (i != 0) {
      offset = link.offset;
      bytes = link.bytes;
    } else if (!last) {
      uint32_t others = 0;
      for (uint32_t b = link.next; b != kNone; b = links_[b].next) {
        others += links_[b].bytes;
      }
      bytes = left - std::min(left, others);
    }
    VU_CHECK(bytes <= left && offset + bytes <= stride_);
    use(buffer, offset, bytes);
    left -= bytes;
    if (last) return;
    buffer = link.next;
  }
}

std::optional<Packet> BufferPool::Make(std::span<const std::byte> frame) {
  const uint32_t room = room_bytes();
  const size_t count = (frame.size() + room - 1) / room;
  if (count == 0 || count > UINT16_MAX || count > free_count_) return {};
  Packet packet{.bytes = static_cast<uint32_t>(frame.size()),
                .offset = kHeadroom,
                .buffer_count = static_cast<uint16_t>(count)};
  uint32_t last = kNone;
  for (size_t i = 0; i < count; ++i) {
    const uint32_t buffer = free_[--free_count_];
    const size_t bytes = std::min<size_t>(room, frame.size());
    std::memcpy(HostAt(buffer, kHeadroom), frame.data(), bytes);
    links_[buffer] = {.next = kNone,
                      .offset = kHeadroom,
                      .bytes = static_cast<uint16_t>(bytes)};
    if (i == 0) {
      packet.buffer = buffer;
    } else {
      links_[last].next = buffer;
    }
    last = buffer;
    frame = frame.subspan(bytes);
  }
  return packet;
}

size_t BufferPool::CopyOut(const Packet& packet,
                           std::span<std::byte> to) const {
  size_t done = 0;
  ForEachPart(packet, [&](uint32_t buffer, uint32_t offset, uint32_t bytes) {
    const size_t count = std::min<size_t>(bytes, to.size() - done);
    if (count != 0) {
      std::memcpy(to.data() + done, HostAt(buffer, offset), count);
    }
    done += count;
  });
  return done;
}

std::span<std::byte> BufferPool::Front(const Packet& packet) const {
  std::span<std::byte> front;
  ForEachPart(packet, [&](uint32_t buffer, uint32_t offset, uint32_t bytes) {
    if (front.data() == nullptr) front = {HostAt(buffer, offset), bytes};
  });
  return front;
}

void BufferPool::Append(Packet& packet, Handle last, Handle next,
                        uint32_t bytes, uint32_t header_bytes) {
  links_[last].next = next;
  links_[next] = {.next = kNone,
                  .offset = static_cast<uint16_t>(kHeadroom - header_bytes),
                  .bytes = static_cast<uint16_t>(bytes)};
  packet.bytes += bytes;
  ++packet.buffer_count;
}

std::byte* BufferPool::CollectParts(const Packet& packet, uint32_t header_bytes,
                                    size_t most,
                                    std::vector<DeviceBuffer>& parts) const {
  std::byte* header = nullptr;
  ForEachPart(packet, [&](uint32_t buffer, uint32_t offset, uint32_t bytes) {
    if (parts.empty() && offset >= header_bytes) {
      offset -= header_bytes;
      bytes += header_bytes;
      header = HostAt(buffer, offset);
    }
    if (bytes == 0 || parts.size() > most) return;
    const uint64_t place = uint64_t{buffer} * stride_ + offset;
    parts.push_back({{base_ + place}, bytes});
  });
  return header;
}

BufferPool::Handle BufferPool::FreeAllButLast(Handle first) {
  while (links_[first].next != kNone) {
    const Handle next = links_[first].next;
    links_[first].next = kNone;
    VU_CHECK(free_count_ < links_.size());
    free_[free_count_++] = first;
    first = next;
  }
  return first;
}

}  // namespace virtio_user
