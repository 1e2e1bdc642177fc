// SPDX-License-Identifier: BSD-3-Clause
//
// What tests of the mbuf queues stand on: a mempool, a ring in EAL's memory,
// and the device's side of that ring.

#ifndef TESTS_DPDK_MBUF_RIG_H_
#define TESTS_DPDK_MBUF_RIG_H_

#include <gtest/gtest.h>
#include <rte_mbuf.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "virtio_user/base/posix_fd_ops.h"
#include "virtio_user/dpdk/dpdk_memory.h"
#include "virtio_user/dpdk/mbuf_rx_queue.h"
#include "virtio_user/dpdk/mbuf_tx_queue.h"
#include "virtio_user/vhost/shared_block.h"
#include "virtio_user/net/net_header.h"
#include "virtio_user/net/path_selection.h"
#include "virtio_user/ring/device_queue.h"

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

// A mempool of its own, which knows whether all mbufs are back.
class MbufPool {
 public:
  static constexpr unsigned kCount = 511;

  MbufPool() {
    static int number = 0;
    pool_ = rte_pktmbuf_pool_create(("pool" + std::to_string(number++)).c_str(),
                                    kCount, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
                                    SOCKET_ID_ANY);
    EXPECT_NE(pool_, nullptr);
  }
  MbufPool(const MbufPool&) = delete;
  MbufPool& operator=(const MbufPool&) = delete;
  ~MbufPool() {
    EXPECT_EQ(out(), 0u) << "mbufs were lost";
    rte_mempool_free(pool_);
  }

  rte_mempool& get() { return *pool_; }
  unsigned out() const { return rte_mempool_in_use_count(pool_); }

  // A packet of `frame`, cut into segments of at most `segment_bytes`.
  rte_mbuf* Make(std::span<const std::byte> frame, size_t segment_bytes) {
    rte_mbuf* packet = nullptr;
    while (!frame.empty()) {
      rte_mbuf* const segment = rte_pktmbuf_alloc(pool_);
      EXPECT_NE(segment, nullptr);
      const size_t bytes = std::min(segment_bytes, frame.size());
      void* const room =
          rte_pktmbuf_append(segment, static_cast<uint16_t>(bytes));
      std::memcpy(room, frame.data(), bytes);
      frame = frame.subspan(bytes);
      if (packet == nullptr) {
        packet = segment;
      } else {
        EXPECT_EQ(rte_pktmbuf_chain(packet, segment), 0);
      }
    }
    return packet;
  }

 private:
  rte_mempool* pool_ = nullptr;
};

inline Bytes FrameOf(const rte_mbuf* packet) {
  Bytes bytes(packet->pkt_len);
  const void* const all =
      rte_pktmbuf_read(packet, 0, packet->pkt_len, bytes.data());
  EXPECT_NE(all, nullptr);
  if (all != bytes.data()) std::memcpy(bytes.data(), all, bytes.size());
  return bytes;
}

// A vring in EAL's memory and the device on its other side. The gate is
// closed.
class MbufRig {
 public:
  MbufRig(FeatureSet accepted, uint16_t num) : features(accepted) {
    const RingFormat format = SelectPath(features).format;
    block_ = *SharedBlock::Allocate(memory, RingLayout::BytesFor(format, num));
    scratch_ = *SharedBlock::Allocate(memory, TxScratchBytes(num));
    vring.ring.layout = *RingLayout::PlaceIn(block_.span(), format, num);
    vring.kick = *FileDescriptor::CreateEvent(fds_);
    device.emplace(vring.ring.layout);
  }

  void Open() { vring.ring.gate.Open(); }
  void Close() { vring.ring.gate.Close(); }
  size_t header_bytes() const { return NetHeaderBytes(features); }
  NetQueueOptions tx_options() const {
    return {.features = features,
            .scratch = scratch_.span(),
            .scratch_addr = scratch_.addr()};
  }

  // The next chain, if there is one.
  bool Pop(DescriptorChain& chain) {
    const auto popped = device->Pop(
        [this](DeviceBuffer buffer) { return Resolve(buffer); }, chain);
    EXPECT_TRUE(popped.has_value()) << popped.error().text();
    return popped && *popped && !chain.malformed;
  }
  Result<std::span<std::byte>> Resolve(DeviceBuffer buffer) {
    Result<std::span<std::byte>> found;
    memory.WithTable([&](const MemoryTable& table) {
      found = table.ToHost(buffer.addr, buffer.bytes);
    });
    EXPECT_TRUE(found.has_value()) << "a buffer outside of shared memory";
    return found;
  }

  // What the next chain asks to be sent, header included; used at once.
  Bytes TakeSent() {
    DescriptorChain chain;
    if (!Pop(chain)) return {};
    Bytes bytes;
    for (const DeviceBuffer& buffer : chain.readable) {
      const auto part = *Resolve(buffer);
      bytes.insert(bytes.end(), part.begin(), part.end());
    }
    device->Push(chain.token, 0);
    return bytes;
  }
  // `frame` as TakeSent sees it.
  Bytes Plain(std::span<const std::byte> frame) const {
    Bytes bytes(header_bytes());
    bytes.insert(bytes.end(), frame.begin(), frame.end());
    return bytes;
  }
  // Writes a frame with its header over `count` receive chains, or over as
  // many as it takes.
  bool Deliver(std::span<const std::byte> frame, uint16_t count) {
    Bytes bytes = Plain(frame);
    if (bytes.size() > 11) std::memcpy(&bytes[10], &count, sizeof(count));
    std::span<const std::byte> left = bytes;
    for (uint16_t i = 0; i < count; ++i) {
      DescriptorChain chain;
      if (!Pop(chain)) return false;
      uint32_t written = 0;
      for (const DeviceBuffer& buffer : chain.writable) {
        const auto part = *Resolve(buffer);
        const size_t now = std::min(part.size(), left.size());
        std::copy_n(left.begin(), now, part.begin());
        left = left.subspan(now);
        written += static_cast<uint32_t>(now);
      }
      device->Put(chain.token, written);
    }
    device->Publish();
    return left.empty();
  }

  const FeatureSet features;
  DpdkMemory memory;
  VringState vring;
  std::optional<DeviceQueue> device;

 private:
  PosixFdOps fds_;
  SharedBlock block_;
  SharedBlock scratch_;
};

// The paths of path_selection.
inline std::vector<FeatureSet> AllMbufPaths() {
  std::vector<FeatureSet> all;
  for (const DataPath& path : AllDataPaths()) {
    FeatureSet features = {Feature::kVersion1, Feature::kIndirectDesc};
    if (path.format == RingFormat::kPacked) features.Add(Feature::kRingPacked);
    if (path.order == UseOrder::kInOrder) features.Add(Feature::kInOrder);
    if (path.merging == Merging::kMergeable) {
      features.Add(Feature::kNetMrgRxbuf);
    }
    all.push_back(features);
  }
  return all;
}

struct MbufPathName {
  template <typename Info>
  std::string operator()(const Info& info) const {
    std::string name(SelectPath(info.param).name);
    std::erase(name, '-');
    return name;
  }
};

}  // namespace virtio_user

#endif  // TESTS_DPDK_MBUF_RIG_H_
