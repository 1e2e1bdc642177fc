// SPDX-License-Identifier: BSD-3-Clause
//
// What tests of the mbuf queues stand on: a ring in EAL's memory, and the
// device's side of that ring.

#ifndef TESTS_DPDK_MBUF_RIG_H_
#define TESTS_DPDK_MBUF_RIG_H_

#include <gtest/gtest.h>
#include <rte_mbuf.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "tests/device_side.h"
#include "tests/dpdk/mbuf_pool.h"
#include "virtio_user/dpdk/dpdk_memory.h"
#include "virtio_user/dpdk/mbuf_rx_queue.h"
#include "virtio_user/dpdk/mbuf_tx_queue.h"
#include "virtio_user/net/path_selection.h"
#include "virtio_user/vhost/shared_block.h"

namespace virtio_user {

inline Bytes FrameOf(const rte_mbuf* packet) {
  Bytes bytes(packet->pkt_len);
  const void* const all =
      rte_pktmbuf_read(packet, 0, packet->pkt_len, bytes.data());
  EXPECT_NE(all, nullptr);
  if (all != bytes.data()) std::memcpy(bytes.data(), all, bytes.size());
  return bytes;
}

// A vring in EAL's memory, between guard bytes, and the device on its other
// side. The gate is closed.
class MbufRig : public DeviceSide {
 public:
  MbufRig(FeatureSet accepted, uint16_t num) : DeviceSide(accepted) {
    const RingFormat format = SelectPath(features).format;
    ring_ = Guarded(RingLayout::BytesFor(format, num));
    scratch_ = Guarded(TxScratchBytes(num));
    vring.ring.layout = *RingLayout::PlaceIn(Inside(ring_), format, num);
    vring.kick = FileDescriptor(fd_ops, 3);
    NewDevice();
  }

  NetQueueOptions tx_options() const {
    return {.features = features,
            .scratch = Inside(scratch_),
            .scratch_addr = {scratch_.addr().value + kGuardBytes}};
  }
  bool GuardsIntact() const { return Intact(ring_) && Intact(scratch_); }

  VringState& Vring() override { return vring; }
  Result<std::span<std::byte>> Resolve(DeviceBuffer buffer) override {
    Result<std::span<std::byte>> found;
    memory.WithTable([&](const MemoryTable& table) {
      found = table.ToHost(buffer.addr, buffer.bytes);
    });
    EXPECT_TRUE(found.has_value()) << "a buffer outside of shared memory";
    return found;
  }

  // `frame` as TakeSent sees it.
  Bytes Plain(std::span<const std::byte> frame) const {
    return WithHeader(header_bytes(), 0, frame);
  }
  // Writes a frame with its header over `count` receive chains.
  bool DeliverFrame(std::span<const std::byte> frame, uint16_t count) {
    return Deliver(WithHeader(header_bytes(), count, frame));
  }

  DpdkMemory memory;
  CountingFdOps fd_ops;
  VringState vring;

 private:
  static constexpr size_t kGuardBytes = 64;
  static constexpr std::byte kGuard{0xa5};

  SharedBlock Guarded(size_t bytes) {
    SharedBlock block = *SharedBlock::Allocate(memory, bytes + 2 * kGuardBytes);
    std::ranges::fill(block.span().first(kGuardBytes), kGuard);
    std::ranges::fill(block.span().last(kGuardBytes), kGuard);
    return block;
  }
  static std::span<std::byte> Inside(const SharedBlock& block) {
    return block.span().subspan(kGuardBytes,
                                block.span().size() - 2 * kGuardBytes);
  }
  static bool Intact(const SharedBlock& block) {
    const auto is_guard = [](std::byte b) { return b == kGuard; };
    return std::ranges::all_of(block.span().first(kGuardBytes), is_guard) &&
           std::ranges::all_of(block.span().last(kGuardBytes), is_guard);
  }

  SharedBlock ring_;
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
