// SPDX-License-Identifier: BSD-3-Clause
//
// What tests of the data path stand on: a vring whose kicks are counted, and a
// device made of the device's side of a split ring.

#ifndef TESTS_NET_SUPPORT_H_
#define TESTS_NET_SUPPORT_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "tests/ring_support.h"
#include "virtio_user/base/file_descriptor.h"
#include "virtio_user/net/net_queue.h"
#include "virtio_user/ring/split_device_queue.h"
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

// A vring of `num` with its memory, buffers, and the other side of it.
class NetBench {
 public:
  struct Shape {
    uint16_t num = 8;
    uint32_t buffer_count = 8;
    uint32_t buffer_bytes = 128;
    FeatureSet features = {Feature::kVersion1};
  };

  explicit NetBench(const Shape& shape)
      : arena(ArenaBytes(shape.num,
                         size_t{shape.buffer_count} * shape.buffer_bytes)),
        pool(arena.Take(size_t{shape.buffer_count} * shape.buffer_bytes)),
        options{.features = shape.features,
                .memory = pool,
                .memory_addr = arena.Addr(pool.data()),
                .buffer_bytes = shape.buffer_bytes} {
    vring.ring.layout = TakeRing(arena, shape.num);
    vring.kick = FileDescriptor(fd_ops, 3);
    device.emplace(vring.ring.layout, 0, 0);
  }

  // The next chain, or head 0xffff where there is none.
  uint16_t Pop(DescriptorChain& chain) {
    const auto head = device->PopHead();
    EXPECT_TRUE(head.has_value());
    if (!head || !*head) return 0xffff;
    const auto resolve = [this](DeviceBuffer b) { return arena.Resolve(b); };
    EXPECT_TRUE(WalkChain(vring.ring.layout, **head, resolve, chain));
    return **head;
  }

  // What the next chain asks to be sent, header included; used at once.
  Bytes TakeSent() {
    DescriptorChain chain;
    const uint16_t head = Pop(chain);
    if (head == 0xffff) return {};
    Bytes bytes = Gather(chain.readable);
    device->Push(head, 0);
    return bytes;
  }
  Bytes Gather(std::span<const DeviceBuffer> buffers) const {
    Bytes bytes;
    for (const DeviceBuffer& buffer : buffers) {
      const std::span<std::byte> part = *arena.Resolve(buffer);
      bytes.insert(bytes.end(), part.begin(), part.end());
    }
    return bytes;
  }

  // Writes `bytes` over as many receive chains as it takes; all are used
  // together. False where there are not enough: those are lost.
  bool Deliver(std::span<const std::byte> bytes) {
    std::vector<std::pair<uint16_t, uint32_t>> used;
    while (used.empty() || !bytes.empty()) {
      DescriptorChain chain;
      const uint16_t head = Pop(chain);
      if (head == 0xffff) return false;
      uint32_t written = 0;
      for (const DeviceBuffer& buffer : chain.writable) {
        const std::span<std::byte> part = *arena.Resolve(buffer);
        const size_t count = std::min(part.size(), bytes.size());
        std::copy_n(bytes.begin(), count, part.begin());
        bytes = bytes.subspan(count);
        written += static_cast<uint32_t>(count);
      }
      used.emplace_back(head, written);
    }
    for (const auto& [head, written] : used) device->Put(head, written);
    device->Publish();
    return true;
  }

  TestArena arena;
  std::span<std::byte> pool;
  NetQueueOptions options;
  CountingFdOps fd_ops;
  VringState vring;
  std::optional<SplitDeviceQueue> device;
};

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

}  // namespace virtio_user

#endif  // TESTS_NET_SUPPORT_H_
