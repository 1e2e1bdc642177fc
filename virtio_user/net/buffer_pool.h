// SPDX-License-Identifier: BSD-3-Clause

#ifndef VIRTIO_USER_NET_BUFFER_POOL_H_
#define VIRTIO_USER_NET_BUFFER_POOL_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "virtio_user/base/check.h"
#include "virtio_user/base/device_addr.h"
#include "virtio_user/base/error.h"
#include "virtio_user/net/offload.h"
#include "virtio_user/net/packet.h"
#include "virtio_user/ring/driver_queue.h"

namespace virtio_user {

struct BufferPoolOptions {
  // Borrowed, inside one region of the memory table, aligned to 64.
  std::span<std::byte> memory{};
  // memory.data() as the back-end sees it (MemoryTable::ToDevice over all of
  // `memory`).
  DeviceAddr memory_addr{};
  // Of one buffer: a multiple of 64, 128 to 65536. Its first kHeadroom bytes
  // are room for headers.
  uint32_t buffer_bytes = 2048;
};

// Equal buffers in one stretch of shared memory: the buffer policy of a driver
// without packet memory of its own. Which buffers are free and how a packet
// goes on stands in private memory alone. The buffer that came back last goes
// out first. One thread.
class BufferPool {
 public:
  using Packet = virtio_user::Packet;

  // Room in front of a frame: for the virtio-net header and for tags.
  static constexpr uint32_t kHeadroom = 64;

  // kInvalidArgument: a buffer size or memory that is not as described, or
  // memory without room for one buffer or for more than 2^31.
  static Result<BufferPool> Create(const BufferPoolOptions& options);

  // A packet of as many buffers as `frame` needs, with a copy of it. Nothing
  // if it is empty or too few buffers are free.
  std::optional<Packet> Make(std::span<const std::byte> frame);
  // Gives a packet's buffers back.
  void Free(const Packet& packet) { FreeChain(packet.buffer); }

  // Copies the frame's front; how many bytes, at most packet.bytes.
  size_t CopyOut(const Packet& packet, std::span<std::byte> to) const;
  // What of the frame lies in its first buffer.
  std::span<std::byte> Front(const Packet& packet) const;

  // What is to be said about the frame beside its bytes. The default where
  // nothing was.
  Offload offload(const Packet& packet) const {
    return packet.has_offload != 0 ? offloads_[packet.buffer] : Offload{};
  }
  void SetOffload(Packet& packet, const Offload& offload) {
    offloads_[packet.buffer] = offload;
    packet.has_offload = 1;
  }

  // Of the frame, that one buffer holds.
  uint32_t room_bytes() const { return view_.stride - kHeadroom; }
  uint32_t buffer_bytes() const { return view_.stride; }
  uint32_t size() const { return static_cast<uint32_t>(links_.size()); }
  uint32_t free_count() const { return free_count_; }

  // --- The buffer policy that RxPath and TxPath take -------------------------

  using Handle = uint32_t;

  // What addresses are computed from; copied before a loop, so that it stays
  // in registers.
  struct View {
    std::byte* memory;
    uint64_t base;
    uint32_t stride;

    std::byte* Host(Handle handle, uint32_t offset) const {
      return memory + size_t{handle} * stride + offset;
    }
    // Room for a header of `header_bytes` and a frame behind it.
    DeviceBuffer ReceiveRoom(Handle handle, uint32_t header_bytes) const {
      const uint32_t skip = kHeadroom - header_bytes;
      return {{base + uint64_t{handle} * stride + skip}, stride - skip};
    }
    std::byte* ReceivedHeader(Handle handle, uint32_t header_bytes) const {
      return Host(handle, kHeadroom - header_bytes);
    }
    // Whether the packet can go out as one descriptor without a word about
    // offloads. Then Header is where its header goes, and Whole what the
    // device reads.
    bool IsWhole(const Packet& packet, uint32_t header_bytes) const {
      return packet.buffer_count + packet.has_offload == 1 &&
             packet.offset >= header_bytes && packet.bytes - 1 < stride &&
             packet.offset + packet.bytes <= stride;
    }
    std::byte* Header(const Packet& packet, uint32_t header_bytes) const {
      return Host(packet.buffer, packet.offset - header_bytes);
    }
    DeviceBuffer Whole(const Packet& packet, uint32_t header_bytes) const {
      const uint32_t start = packet.offset - header_bytes;
      return {{base + uint64_t{packet.buffer} * stride + start},
              header_bytes + packet.bytes};
    }
  };
  View view() const { return view_; }

  // Takes up to `into.size()` single buffers; how many.
  size_t Allocate(std::span<Handle> into) {
    const size_t count = std::min<size_t>(into.size(), free_count_);
    free_count_ -= static_cast<uint32_t>(count);
    std::copy_n(free_.data() + free_count_, count, into.data());
    return count;
  }
  // A received frame's packet; further buffers are linked to it in turn.
  static Packet Begin(Handle handle, uint32_t frame_bytes) {
    return {.buffer = handle, .bytes = frame_bytes, .offset = kHeadroom};
  }
  // `bytes` that start where the device was told to put a header.
  void Append(Packet& packet, Handle last, Handle next, uint32_t bytes,
              uint32_t header_bytes);
  // The parts of a packet as the device reads them, the first of them from
  // `header_bytes` before the frame on. Returns where the header goes;
  // nullptr: there is no room for one, and the parts are the frame alone.
  std::byte* CollectParts(const Packet& packet, uint32_t header_bytes,
                          std::vector<DeviceBuffer>& parts) const;
  static Handle HandleOf(const Packet& packet) { return packet.buffer; }
  static uint32_t BytesOf(const Packet& packet) { return packet.bytes; }
  // Gives back what the device is done with.
  void FreeUsed(std::span<const UsedChain<Handle>> used) {
    for (const UsedChain<Handle>& chain : used) FreeChain(chain.cookie);
  }
  void FreeChain(Handle first) {
    if (links_[first].next != kNone) [[unlikely]] {
      first = FreeAllButLast(first);
    }
    VU_CHECK(free_count_ < links_.size());
    free_[free_count_++] = first;
  }

 private:
  static constexpr uint32_t kNone = 0xffffffff;

  // How a packet goes on behind a buffer, and what of it lies in this one if
  // it is not the first.
  struct Link {
    uint32_t next = kNone;
    uint16_t offset = 0;
    uint16_t bytes = 0;
  };

  explicit BufferPool(const BufferPoolOptions& options);

  Handle FreeAllButLast(Handle first);
  template <typename Use>
  void ForEachPart(const Packet& packet, Use use) const;

  View view_;
  std::vector<uint32_t> free_;  // A stack; the first free_count_ are valid.
  uint32_t free_count_ = 0;
  std::vector<Link> links_;
  std::vector<Offload> offloads_;
};

}  // namespace virtio_user

#endif  // VIRTIO_USER_NET_BUFFER_POOL_H_
