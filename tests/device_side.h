// SPDX-License-Identifier: BSD-3-Clause
//
// The other side of a vring of the data path, whatever its buffers are: a
// device made of the device's side of the ring, and the frames that it moves.

#ifndef TESTS_DEVICE_SIDE_H_
#define TESTS_DEVICE_SIDE_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <vector>

#include "gtest/gtest.h"
#include "tests/counting_fd_ops.h"
#include "virtio_user/base/file_descriptor.h"
#include "virtio_user/net/net_header.h"
#include "virtio_user/ring/device_queue.h"
#include "virtio_user/spec/net.h"
#include "virtio_user/vhost/vring_state.h"

namespace virtio_user {

using Bytes = std::vector<std::byte>;

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

class DeviceSide {
 public:
  explicit DeviceSide(FeatureSet accepted) : features(accepted) {}
  DeviceSide(const DeviceSide&) = delete;
  DeviceSide& operator=(const DeviceSide&) = delete;
  virtual ~DeviceSide() = default;

  virtual VringState& Vring() = 0;
  // What a device may reach.
  virtual Result<std::span<std::byte>> Resolve(DeviceBuffer buffer) = 0;

  void Open() { Vring().ring.gate.Open(); }
  void Close() { Vring().ring.gate.Close(); }
  // A new device on a ring that is new, or one that goes on where the old one
  // was.
  void NewDevice() { device.emplace(Vring().ring.layout); }
  void RestartDevice() {
    const DeviceQueueOptions base{.next_avail = device->next_avail(),
                                  .next_used = device->next_used()};
    device.emplace(Vring().ring.layout, base);
  }
  size_t header_bytes() const { return NetHeaderBytes(features); }

  // The next chain, if there is one.
  bool Pop(DescriptorChain& chain) {
    const Result<bool> popped = device->Pop(
        [this](DeviceBuffer buffer) { return Resolve(buffer); }, chain);
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
  Bytes Gather(std::span<const DeviceBuffer> parts) {
    Bytes bytes;
    for (const DeviceBuffer& buffer : parts) {
      const Result<std::span<std::byte>> part = Resolve(buffer);
      EXPECT_TRUE(part.has_value());
      if (part) bytes.insert(bytes.end(), part->begin(), part->end());
    }
    return bytes;
  }

  // Writes the front of `bytes` into a chain and cuts it off; how many.
  uint32_t Fill(const DescriptorChain& chain,
                std::span<const std::byte>& bytes) {
    uint32_t written = 0;
    for (const DeviceBuffer& buffer : chain.writable) {
      const std::span<std::byte> part = *Resolve(buffer);
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

  const FeatureSet features;  // What the driver accepted.
  std::optional<DeviceQueue> device;
};

}  // namespace virtio_user

#endif  // TESTS_DEVICE_SIDE_H_
