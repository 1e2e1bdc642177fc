// SPDX-License-Identifier: BSD-3-Clause

#ifndef VIRTIO_USER_NET_BUFFER_POOL_H_
#define VIRTIO_USER_NET_BUFFER_POOL_H_

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <vector>

#include "virtio_user/base/check.h"
#include "virtio_user/base/device_addr.h"
#include "virtio_user/base/error.h"
#include "virtio_user/base/lanes.h"
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
  uint32_t room_bytes() const { return stride_ - kHeadroom; }
  uint32_t buffer_bytes() const { return stride_; }
  uint32_t size() const { return static_cast<uint32_t>(links_.size()); }
  uint32_t free_count() const { return free_count_; }

  // --- The buffer policy that RxPath and TxPath take -------------------------

  using Handle = uint32_t;
  // Whether handles come in lanes too.
  static constexpr bool kInLanes = true;

  // What addresses are computed from for headers of one length; copied before
  // a loop, so that it stays in registers.
  class View {
   public:
    // Room for a header and a frame behind it.
    DeviceBuffer ReceiveRoom(Handle handle) const {
      return {{room_addr_ + uint64_t{handle} * stride_}, room_bytes_};
    }
    std::byte* ReceivedHeader(Handle handle) const {
      return received_ + size_t{handle} * stride_;
    }
    // Whether the packet can go out as one descriptor, by the way that most
    // do: one buffer, begun where a received frame begins, and nothing to be
    // said about it (not 0: it cannot), with a frame that such a buffer has
    // room for.
    uint64_t NotWhole(const Packet& packet) const {
      return std::bit_cast<std::array<uint64_t, 2>>(packet)[1] ^ kPlainRest;
    }
    bool FitsBuffer(const Packet& packet) const {
      return packet.bytes - 1 < frame_room_bytes_;
    }
    // Of such a packet: where its frame begins, and what to offer.
    std::byte* Frame(const Packet& packet) const {
      return frames_ + size_t{packet.buffer} * stride_;
    }
    OfferedBuffer<Handle> Whole(const Packet& packet) const {
      return {{{room_addr_ + uint64_t{packet.buffer} * stride_},
               packet.bytes + header_bytes_},
              packet.buffer};
    }

    // The same four at a time. ReceiveRoom:
    [[gnu::always_inline]] OfferedFour ReceiveRooms(U32x4 handles) const {
      const U64Four at = Times(handles, strides_);
      return {.addr = {at.even + room_addrs_, at.odd + room_addrs_},
              .bytes = rooms_bytes_,
              .cookies = handles};
    }
    // ReceivedHeader:
    [[gnu::always_inline]] std::array<std::byte*, 4> ReceivedHeaders(
        U32x4 handles) const {
      const U64Four at = Times(handles, strides_);
      return {received_ + at.even[0], received_ + at.odd[0],
              received_ + at.even[1], received_ + at.odd[1]};
    }
    // What is left of used bytes behind the header.
    [[gnu::always_inline]] U32x4 FrameBytes(U32x4 used) const {
      return used - headers_bytes_;
    }
    // Whole, if the four can go out so: clears `kBytes` in front of each frame.
    template <size_t kBytes>
    [[gnu::always_inline]] bool Wholes(const Packet* packets,
                                       OfferedFour& four) const {
      const auto a = std::bit_cast<U64x2>(packets[0]);
      const auto b = std::bit_cast<U64x2>(packets[1]);
      const auto c = std::bit_cast<U64x2>(packets[2]);
      const auto d = std::bit_cast<U64x2>(packets[3]);
      const U64x2 rest =
          (HighHalves(a, b) ^ kPlainRest) | (HighHalves(c, d) ^ kPlainRest);
      const U64x2 low = LowHalves(a, b);
      const U64x2 high = LowHalves(c, d);
      const U32x4 bytes = OddLanes(low, high);
      const U32x4 plain = reinterpret_cast<U32x4>(rest) == 0;
      const U32x4 fits = BelowSigned(bytes - 1, frame_rooms_);
      if (!AllHighBits(plain & fits)) return false;
      const U32x4 handles = EvenLanes(low, high);
      const U64Four at = Times(handles, strides_);
      const std::array offsets = {at.even[0], at.odd[0], at.even[1], at.odd[1]};
      ForEachLane([&](size_t k) __attribute__((always_inline)) {
        std::memset(frames_ + offsets[k] - kBytes, 0, kBytes);
      });
      four = {.addr = {at.even + room_addrs_, at.odd + room_addrs_},
              .bytes = bytes + headers_bytes_,
              .cookies = handles};
      return true;
    }

   private:
    friend class BufferPool;
    [[gnu::always_inline]] View(const BufferPool& pool, uint32_t header_bytes)
        : frames_(pool.memory_ + kHeadroom),
          received_(frames_ - header_bytes),
          stride_(pool.stride_),
          header_bytes_(header_bytes),
          room_addr_(pool.base_ + kHeadroom - header_bytes),
          room_bytes_(pool.stride_ - kHeadroom + header_bytes),
          frame_room_bytes_(pool.stride_ - kHeadroom),
          strides_{pool.stride_, pool.stride_},
          room_addrs_{room_addr_, room_addr_},
          headers_bytes_(Splat(header_bytes)),
          rooms_bytes_(Splat(room_bytes_)),
          frame_rooms_(Splat(frame_room_bytes_)) {}

    std::byte* const frames_;    // Where the first buffer's frame begins...
    std::byte* const received_;  // ...and its header.
    const uint64_t stride_;
    const uint32_t header_bytes_;
    const uint64_t room_addr_;
    const uint32_t room_bytes_;
    const uint32_t frame_room_bytes_;
    const U64x2 strides_;
    const U64x2 room_addrs_;
    const U32x4 headers_bytes_;
    const U32x4 rooms_bytes_;
    const U32x4 frame_rooms_;
  };
  [[gnu::always_inline]] View view(uint32_t header_bytes) const {
    return View(*this, header_bytes);
  }

  // Takes up to `wanted` single buffers, each of which is then used.
  class Taking {
   public:
    Taking(BufferPool& pool, uint32_t wanted)
        : count_(std::min(wanted, pool.free_count_)),
          top_(pool.free_.data() + pool.free_count_ - 1) {
      pool.free_count_ -= count_;
    }
    uint32_t count() const { return count_; }
    Handle operator[](size_t i) const { return *(top_ - i); }
    [[gnu::always_inline]] U32x4 Four(size_t i) const {
      return LoadLanes<U32x4>(top_ - i - 3);
    }

   private:
    const uint32_t count_;
    const Handle* const top_;
  };
  // Gives buffers back that the device is done with.
  class Returning {
   public:
    explicit Returning(BufferPool& pool)
        : pool_(pool), top_(pool.free_.data() + pool.free_count_) {}
    Returning(const Returning&) = delete;
    Returning& operator=(const Returning&) = delete;
    // A packet that was sent as it lies in one buffer: the i-th of a row.
    void One(size_t i, Handle handle) { top_[i] = handle; }
    void Four(size_t i, U32x4 handles) { StoreLanes(top_ + i, handles); }
    // There were so many in the row.
    void EndOnes(uint32_t count) {
      pool_.free_count_ += count;
      VU_CHECK(pool_.free_count_ <= pool_.size());
      top_ += count;
    }
    // Any packet, between two rows.
    void Chain(Handle handle) {
      pool_.FreeChain(handle);
      top_ = pool_.free_.data() + pool_.free_count_;
    }

   private:
    BufferPool& pool_;
    Handle* top_;
  };
  // A received frame's packet is made in two steps: first the buffer and the
  // bytes that the device has used, then those of the frame alone.
  static void Note(Packet& packet, Handle handle, uint32_t bytes) {
    packet.buffer = handle;
    packet.bytes = bytes;
    std::memcpy(&packet.offset, &kPlainRest, sizeof(kPlainRest));
  }
  [[gnu::always_inline]] static void NoteFour(Packet* packets, U32x4 handles,
                                              U32x4 bytes) {
    const U64x2 low = LowPairs(handles, bytes);
    const U64x2 high = HighPairs(handles, bytes);
    const U64x2 rest = {kPlainRest, kPlainRest};
    StoreAligned(packets, LowHalves(low, rest));
    StoreAligned(packets + 1, HighHalves(low, rest));
    StoreAligned(packets + 2, LowHalves(high, rest));
    StoreAligned(packets + 3, HighHalves(high, rest));
  }
  static void Settle(Packet& packet, uint32_t frame_bytes) {
    packet.bytes = frame_bytes;
  }
  // `bytes` that start where the device was told to put a header.
  void Append(Packet& packet, Handle last, Handle next, uint32_t bytes,
              uint32_t header_bytes);
  // The parts of a packet as the device reads them, the first of them from
  // `header_bytes` before the frame on. Returns where the header goes;
  // nullptr: there is no room for one, and the parts are the frame alone. Of
  // more than `most` parts only the first `most + 1` are collected.
  std::byte* CollectParts(const Packet& packet, uint32_t header_bytes,
                          size_t most, std::vector<DeviceBuffer>& parts) const;
  static Handle HandleOf(const Packet& packet) { return packet.buffer; }
  static uint32_t BytesOf(const Packet& packet) { return packet.bytes; }
  void FreeChain(Handle first) {
    if (links_[first].next != kNone) [[unlikely]] {
      first = FreeAllButLast(first);
    }
    VU_CHECK(free_count_ < links_.size());
    free_[free_count_++] = first;
  }

 private:
  static constexpr uint32_t kNone = 0xffffffff;
  // What a packet of one buffer has behind `bytes`.
  static constexpr uint64_t kPlainRest =
      std::bit_cast<std::array<uint64_t, 2>>(Packet{.offset = kHeadroom})[1];

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

  std::byte* HostAt(uint32_t buffer, uint32_t offset) const {
    return memory_ + size_t{buffer} * stride_ + offset;
  }

  std::byte* memory_;
  uint64_t base_;
  uint32_t stride_;
  std::vector<uint32_t> free_;  // A stack; the first free_count_ are valid.
  uint32_t free_count_ = 0;
  std::vector<Link> links_;
  std::vector<Offload> offloads_;
};

}  // namespace virtio_user

#endif  // VIRTIO_USER_NET_BUFFER_POOL_H_
