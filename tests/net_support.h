// SPDX-License-Identifier: BSD-3-Clause
//
// What tests of the data path stand on: a vring whose kicks are counted, a
// pool of buffers, and a device made of the device's side of the ring.

#ifndef TESTS_NET_SUPPORT_H_
#define TESTS_NET_SUPPORT_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <ostream>
#include <span>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/ring_support.h"
#include "virtio_user/base/file_descriptor.h"
#include "virtio_user/net/buffer_pool.h"
#include "virtio_user/net/net_header.h"
#include "virtio_user/net/net_queue.h"
#include "virtio_user/net/rx_queue.h"
#include "virtio_user/net/tx_queue.h"
#include "virtio_user/ring/device_queue.h"
#include "virtio_user/vhost/vring_state.h"

namespace virtio_user {

using Bytes = std::vector<std::byte>;

// Counts signals, and can refuse them. Does nothing else.
class CountingFdOps : public FdOps {
 public:
  Result<int> CreateEvent() override { return 3; }
  void Close(int) override {}
  Result<void> Signal(int) override {
    ++signals;
    if (refuse) return Fail(ErrorCode::kSystem, "refused by the test");
    return {};
  }
  Result<uint64_t> Drain(int) override { return uint64_t{0}; }
  Result<std::span<std::byte>> Map(int, uint64_t, size_t) override {
    return Fail(ErrorCode::kUnsupported, "not in this test");
  }
  void Unmap(std::span<std::byte>) override {}
  Result<int> Dup(int fd) override { return fd; }

  int signals = 0;
  bool refuse = false;
};

// Features under which the data path takes one of its ways.
struct NetLayout {
  std::string name;
  FeatureSet features;

  bool packed() const { return features.Has(Feature::kRingPacked); }
  bool in_order() const { return features.Has(Feature::kInOrder); }
  bool mergeable() const { return features.Has(Feature::kNetMrgRxbuf); }
};
inline void PrintTo(const NetLayout& layout, std::ostream* out) {
  *out << layout.name;
}
struct NetLayoutName {
  template <typename Info>
  std::string operator()(const Info& info) const {
    return info.param.name;
  }
};

// The eight of path_selection, with VERSION_1.
inline std::vector<NetLayout> ModernLayouts() {
  std::vector<NetLayout> layouts;
  for (const bool packed : {false, true}) {
    for (const bool in_order : {false, true}) {
      for (const bool mergeable : {false, true}) {
        NetLayout layout{.name = packed ? "Packed" : "Split",
                         .features = {Feature::kVersion1}};
        if (packed) layout.features.Add(Feature::kRingPacked);
        if (in_order) layout.features.Add(Feature::kInOrder);
        if (mergeable) layout.features.Add(Feature::kNetMrgRxbuf);
        layout.name += in_order ? "InOrder" : "Any";
        layout.name += mergeable ? "Mergeable" : "";
        layouts.push_back(layout);
      }
    }
  }
  return layouts;
}

// Those, and other headers: of 10 bytes, on their own or not; of 20 bytes.
inline std::vector<NetLayout> AllLayouts() {
  std::vector<NetLayout> layouts = ModernLayouts();
  const FeatureSet hash = {Feature::kVersion1, Feature::kNetHashReport};
  layouts.push_back({"Legacy", {}});
  layouts.push_back({"LegacyMergeable", {Feature::kNetMrgRxbuf}});
  layouts.push_back({"LegacyInOrder", {Feature::kInOrder}});
  layouts.push_back({"AnyLayout", {Feature::kAnyLayout}});
  layouts.push_back({"Hash", hash});
  layouts.push_back(
      {"HashPackedMergeable",
       hash | FeatureSet{Feature::kRingPacked, Feature::kNetMrgRxbuf}});
  return layouts;
}

// A vring of `num` with its memory, buffers, and the other side of it. The
// gate is open.
class NetBench {
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
      : format(shape.features.Has(Feature::kRingPacked) ? RingFormat::kPacked
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
    device.emplace(vring.ring.layout);
  }

  // Once there is a queue.
  void Open() { vring.ring.gate.Open(); }
  void Close() { vring.ring.gate.Close(); }
  // A new device that goes on where the old one was.
  void RestartDevice() {
    const DeviceQueueOptions base{.next_avail = device->next_avail(),
                                  .next_used = device->next_used()};
    device.emplace(vring.ring.layout, base);
  }

  size_t header_bytes() const { return NetHeaderBytes(options.features); }
  // A place in a buffer of the pool, and where a device writes a header.
  std::byte* Host(uint32_t buffer, uint32_t offset) const {
    return buffers.data() + size_t{buffer} * pool.buffer_bytes() + offset;
  }
  std::byte* ReceivedHeader(uint32_t buffer) const {
    return Host(buffer,
                BufferPool::kHeadroom - static_cast<uint32_t>(header_bytes()));
  }

  // The next chain, if there is one.
  bool Pop(DescriptorChain& chain) {
    const auto resolve = [this](DeviceBuffer b) { return arena.Resolve(b); };
    const Result<bool> popped = device->Pop(resolve, chain);
    EXPECT_TRUE(popped.has_value()) << popped.error().text();
    if (!popped || !*popped) return false;
    EXPECT_FALSE(chain.malformed) << chain.malformed->text();
    return true;
  }

  // What the next chain asks to be sent, header included; used at once.
  Bytes TakeSent() {
    DescriptorChain chain;
    if (!Pop(chain)) return {};
    EXPECT_TRUE(chain.writable.empty());
    Bytes bytes = Gather(chain.readable);
    device->Push(chain.token, 0);
    return bytes;
  }
  Bytes Gather(std::span<const DeviceBuffer> parts) const {
    Bytes bytes;
    for (const DeviceBuffer& buffer : parts) {
      const Result<std::span<std::byte>> part = arena.Resolve(buffer);
      EXPECT_TRUE(part.has_value());
      if (part) bytes.insert(bytes.end(), part->begin(), part->end());
    }
    return bytes;
  }

  // Writes the front of `bytes` into a chain and cuts it off; how many.
  uint32_t Fill(const DescriptorChain& chain,
                std::span<const std::byte>& bytes) const {
    uint32_t written = 0;
    for (const DeviceBuffer& buffer : chain.writable) {
      const std::span<std::byte> part = *arena.Resolve(buffer);
      const size_t count = std::min(part.size(), bytes.size());
      std::copy_n(bytes.begin(), count, part.begin());
      bytes = bytes.subspan(count);
      written += static_cast<uint32_t>(count);
    }
    return written;
  }
  // Writes `bytes` over as many receive chains as it takes; all are used
  // together. False where there are not enough: those are lost.
  bool Deliver(std::span<const std::byte> bytes) {
    bool used = false;
    while (!used || !bytes.empty()) {
      DescriptorChain chain;
      if (!Pop(chain)) return false;
      device->Put(chain.token, Fill(chain, bytes));
      used = true;
    }
    device->Publish();
    return true;
  }
  // Uses one buffer: writes what fits of `bytes`, and says `used`.
  void Use(std::span<const std::byte> bytes, uint32_t used) {
    DescriptorChain chain;
    ASSERT_TRUE(Pop(chain));
    Fill(chain, bytes);
    device->Push(chain.token, used);
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
  std::optional<DeviceQueue> device;

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

// Bytes that tell their number and their place.
inline Bytes MakeFrame(size_t bytes, uint64_t number) {
  Bytes frame(bytes);
  for (size_t i = 0; i < bytes; ++i) {
    frame[i] = static_cast<std::byte>(number * 37 + i * 5 + i / 256);
  }
  return frame;
}

// `frame` behind a zeroed header, whose num_buffers is set where there is one.
inline Bytes WithHeader(size_t header_bytes, uint16_t num_buffers,
                        std::span<const std::byte> frame) {
  Bytes bytes(header_bytes);
  if (header_bytes >= 12) std::memcpy(&bytes[10], &num_buffers, 2);
  bytes.insert(bytes.end(), frame.begin(), frame.end());
  return bytes;
}
// The same behind a header that says more.
inline Bytes WithHeader(size_t header_bytes, const HashNetHeader& header,
                        std::span<const std::byte> frame) {
  Bytes bytes(header_bytes);
  std::memcpy(bytes.data(), &header, header_bytes);
  bytes.insert(bytes.end(), frame.begin(), frame.end());
  return bytes;
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
