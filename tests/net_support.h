// SPDX-License-Identifier: BSD-3-Clause
//
// What tests of the data path stand on: a vring whose kicks are counted, a
// pool of buffers, and a device made of the device's side of the ring.

#ifndef TESTS_NET_SUPPORT_H_
#define TESTS_NET_SUPPORT_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "gtest/gtest.h"
#include "tests/device_side.h"
#include "tests/net_layouts.h"
#include "tests/ring_support.h"
#include "virtio_user/net/buffer_pool.h"
#include "virtio_user/net/net_queue.h"
#include "virtio_user/net/rx_queue.h"
#include "virtio_user/net/tx_queue.h"

namespace virtio_user {

// A vring of `num` with its memory, buffers, and the other side of it. The
// gate is open.
class NetBench : public DeviceSide {
 public:
  struct Shape {
    uint16_t num = 8;
    uint32_t buffer_count = 8;
    uint32_t buffer_bytes = 256;
    FeatureSet features = {Feature::kVersion1};
    bool scratch = true;
    uint64_t published = TestArena::kPublished;
    // Somebody else's vring, which then has this ring; nothing: an own one.
    std::function<VringState&(const RingLayout&, const TestArena&)> borrow{};
  };

  explicit NetBench(const Shape& shape)
      : DeviceSide(shape.features),
        format(shape.features.Has(Feature::kRingPacked) ? RingFormat::kPacked
                                                        : RingFormat::kSplit),
        arena(RingLayout::BytesFor(format, shape.num) +
                  size_t{shape.buffer_count} * shape.buffer_bytes +
                  TxScratchBytes(shape.num) + 4096,
              shape.published),
        buffers(arena.Take(size_t{shape.buffer_count} * shape.buffer_bytes)),
        pool(*BufferPool::Create({.memory = buffers,
                                  .memory_addr = arena.Addr(buffers.data()),
                                  .buffer_bytes = shape.buffer_bytes})),
        options{.features = shape.features},
        layout(*RingLayout::PlaceIn(
            arena.Take(RingLayout::BytesFor(format, shape.num)), format,
            shape.num)),
        vring(shape.borrow ? shape.borrow(layout, arena) : OwnVring()) {
    if (shape.scratch) {
      options.scratch = arena.Take(TxScratchBytes(shape.num));
      options.scratch_addr = arena.Addr(options.scratch.data());
    }
    NewDevice();
  }

  VringState& Vring() override { return vring; }
  Result<std::span<std::byte>> Resolve(DeviceBuffer buffer) override {
    return arena.Resolve(buffer);
  }
  // A place in a buffer of the pool, and where a device writes a header.
  std::byte* Host(uint32_t buffer, uint32_t offset) const {
    return buffers.data() + size_t{buffer} * pool.buffer_bytes() + offset;
  }
  std::byte* ReceivedHeader(uint32_t buffer) const {
    return Host(buffer,
                BufferPool::kHeadroom - static_cast<uint32_t>(header_bytes()));
  }

  // The frame of a packet, which is freed.
  Bytes Frame(const Packet& packet) {
    Bytes bytes(packet.bytes);
    EXPECT_EQ(pool.CopyOut(packet, bytes), bytes.size());
    pool.Free(packet);
    return bytes;
  }
  Packet Make(std::span<const std::byte> frame) {
    const std::optional<Packet> packet = pool.Make(frame);
    EXPECT_TRUE(packet.has_value()) << "the pool is empty";
    return packet.value_or(Packet{});
  }

  const RingFormat format;
  TestArena arena;
  std::span<std::byte> buffers;
  BufferPool pool;
  NetQueueOptions options;
  CountingFdOps fd_ops;
  VringState own_vring;
  const RingLayout layout;
  VringState& vring;

 private:
  VringState& OwnVring() {
    own_vring.ring.layout = layout;
    own_vring.kick = FileDescriptor(fd_ops, 3);
    return own_vring;
  }
};

// All that a poll of a receive queue gives, as frames that are freed.
template <typename Queue>
std::vector<Bytes> Poll(NetBench& bench, Queue& queue, size_t most = 64) {
  std::vector<Packet> packets(most);
  packets.resize(queue.Receive(packets));
  std::vector<Bytes> frames;
  for (const Packet& packet : packets) frames.push_back(bench.Frame(packet));
  return frames;
}

// A receive queue that is open and filled.
struct Receiver : NetBench {
  explicit Receiver(const Shape& shape) : NetBench(shape) {
    queue = *RxQueue::Create(vring, pool, options);
    Open();
    EXPECT_TRUE(Poll(*this, *queue).empty());
  }
  // One frame in one buffer, or in as many as it takes.
  bool Give(std::span<const std::byte> frame) {
    const size_t header = header_bytes();
    const size_t room = pool.room_bytes() + header;
    const size_t buffer_count = (frame.size() + header + room - 1) / room;
    return Deliver(
        WithHeader(header, static_cast<uint16_t>(buffer_count), frame));
  }

  std::unique_ptr<RxQueue> queue;
};

// A send queue that is open.
struct Sender : NetBench {
  explicit Sender(const Shape& shape) : NetBench(shape) {
    queue = *TxQueue::Create(vring, pool, options);
    Open();
  }
  bool Send(const Packet& packet) { return queue->Send({&packet, 1}) == 1; }
  bool Send(std::span<const std::byte> frame) { return Send(Make(frame)); }
  // `frame` as the device sees it behind a header that says nothing.
  Bytes Plain(std::span<const std::byte> frame) const {
    return WithHeader(header_bytes(), 0, frame);
  }

  std::unique_ptr<TxQueue> queue;
};

}  // namespace virtio_user

#endif  // TESTS_NET_SUPPORT_H_
