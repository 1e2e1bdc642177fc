// SPDX-License-Identifier: BSD-3-Clause

#ifndef BENCH_RING_PAIR_H_
#define BENCH_RING_PAIR_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "virtio_user/net/buffer_pool.h"
#include "virtio_user/net/path_selection.h"
#include "virtio_user/net/rx_queue.h"
#include "virtio_user/net/tx_queue.h"
#include "virtio_user/ring/device_queue.h"
#include "virtio_user/vhost/vring_state.h"

namespace virtio_user::bench {

// What a driver accepts for this path, on a back-end that has everything.
FeatureSet FeaturesOf(const DataPath& path);

// A pair of rings in ordinary memory with both of its sides, on one thread: no
// device, no model, no checker. The device's side polls and asks for no kicks.
class RingPair {
 public:
  static constexpr uint16_t kRingSize = 256;
  static constexpr uint32_t kFrameBytes = 64;

  // In which order the device uses what it takes, in Fill and Drain.
  enum class Use : uint8_t { kInTurn, kSwapped };  // Two and two.

  explicit RingPair(const DataPath& path, Use use = Use::kInTurn);
  RingPair(const RingPair&) = delete;
  RingPair& operator=(const RingPair&) = delete;

  RxQueue& rx() { return *rx_; }
  TxQueue& tx() { return *tx_; }
  BufferPool& pool() { return *pool_; }
  // A packet of kFrameBytes.
  Packet MakePacket();

  // The device's side. Each takes up to `count` chains; how many.
  //
  // Uses RX buffers as if it had written frames into them.
  size_t Fill(size_t count);
  // Uses what was sent.
  size_t Drain(size_t count);
  // Copies what was sent into RX buffers, byte by byte, and uses both.
  size_t Echo(size_t count);

  // Both queues are whole, and nobody kicked.
  bool Sound() const;

 private:
  std::byte* HostOf(DeviceAddr addr) const {
    return memory_.data() + (addr.value - kDeviceBase);
  }
  std::span<std::byte> Take(size_t bytes);
  DeviceAddr AddrOf(std::span<const std::byte> memory) const {
    return {kDeviceBase +
            static_cast<uint64_t>(memory.data() - memory_.data())};
  }
  void MarkWhole(std::byte* header) const;
  // Takes up to `count` chains and has each used.
  template <typename UseOne>
  size_t UseUpTo(size_t count, DeviceQueue& device, const UseOne& use_one);

  static constexpr uint64_t kDeviceBase = 0x1'0000'0000;

  const Use use_;
  const uint32_t header_bytes_;
  std::unique_ptr<std::byte[]> storage_;
  std::span<std::byte> memory_;
  size_t taken_ = 0;
  VringState rx_vring_;
  VringState tx_vring_;
  std::optional<BufferPool> pool_;
  std::unique_ptr<RxQueue> rx_;
  std::unique_ptr<TxQueue> tx_;
  std::optional<DeviceQueue> rx_device_;
  std::optional<DeviceQueue> tx_device_;
};

}  // namespace virtio_user::bench

#endif  // BENCH_RING_PAIR_H_
