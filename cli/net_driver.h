// SPDX-License-Identifier: BSD-3-Clause

#ifndef CLI_NET_DRIVER_H_
#define CLI_NET_DRIVER_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/control_driver.h"
#include "virtio_user/device/device.h"
#include "virtio_user/net/buffer_pool.h"
#include "virtio_user/net/rx_queue.h"
#include "virtio_user/net/tx_queue.h"
#include "virtio_user/vhost/shared_block.h"

namespace virtio_user::cli {

struct NetDriverOptions {
  FeatureSet declined;              // Not to be accepted, whoever offers them.
  uint32_t max_frame_bytes = 1514;  // Of frames that are sent and come back.
  uint32_t burst = 1;  // Packets at once, where the rings have room for them.
  // Borrowed; null, or what ends Create (kDeadline) before its next pair.
  const std::atomic<bool>* interrupted = nullptr;
};

// How large a driver is, for its memory.
struct NetDriverShape {
  uint16_t pairs = 1;
  uint16_t queue_size = 256;
  uint32_t max_frame_bytes = 1514;
  uint32_t burst = 1;
  // Whether long frames go over several buffers (MRG_RXBUF); nothing: that is
  // still open, and the memory is for the larger one of the two.
  std::optional<bool> mergeable = {};
};

// The driver above one device: memory for all rings and buffers, a queue for
// each direction of each pair, the control queue. One thread. The same on the
// simulator and on a real back-end.
class NetDriver {
 public:
  // A frame and what stands in front of it share such a buffer; longer ones
  // take several (MRG_RXBUF), or else all buffers are larger.
  static constexpr uint32_t kBufferBytes = 2048;

  // Bytes that Create allocates, at most.
  static size_t MemoryFor(const NetDriverShape& shape);

  // What this driver accepts of an offer: everything that it can do.
  static FeatureSet Choose(FeatureSet offered);

  // Whether that includes MRG_RXBUF, for a device that is not negotiated yet.
  static bool Mergeable(const Device& device, FeatureSet declined) {
    return Choose(device.offered() & ~declined).Has(Feature::kNetMrgRxbuf);
  }

  // Negotiates, gives the device its rings and builds the queues on them.
  // Requires: kCreated. `device` and `memory` outlive the driver; the memory
  // is freed with it, so the device goes first or has stopped.
  static Result<std::unique_ptr<NetDriver>> Create(
      Device& device, MemoryProvider& memory, const NetDriverOptions& options);

  uint16_t pairs() const { return static_cast<uint16_t>(queues_.size()); }
  RxQueue& rx(uint16_t pair) { return *queues_[pair].rx; }
  TxQueue& tx(uint16_t pair) { return *queues_[pair].tx; }
  // Of both queues of the pair.
  BufferPool& pool(uint16_t pair) { return *queues_[pair].pool; }
  // Null where CTRL_VQ was not negotiated.
  ControlDriver* control() { return control_.get(); }
  Device& device() { return device_; }

  // Of every buffer.
  uint32_t buffer_bytes() const { return buffer_bytes_; }
  // The longest frame that can go out and come back here.
  uint32_t max_frame_bytes() const { return max_frame_bytes_; }
  // Packets that may be on their way on one pair at once: while no more are, a
  // back-end that echoes has buffers for each.
  uint32_t window() const { return window_; }

  // After a Reattach that left the rings afresh: takes back every buffer that
  // the lost back-end had. Requires: the device has not started again.
  void ReclaimAll();
  // After one that kept them: what was in flight still is.
  void GoOn() { loss_ = Loss::kNone; }
  // Whether the rings can be kept: none of them is broken.
  bool RingsAreSound() const;

  // Why a ring of `pair` does nothing any more, or which frames the driver had
  // to drop; nothing if all is well.
  std::optional<std::string> Trouble(uint16_t pair) const;
  // What has happened to the device since it was asked last, if it was bad.
  std::optional<std::string> DeviceTrouble();
  // Whether all that is bad, as far as DeviceTrouble has seen, is that the
  // back-end went away.
  bool lost() const { return loss_ == Loss::kTheirs; }

 private:
  // Who ended the connection, until ReclaimAll.
  enum class Loss : uint8_t { kNone, kTheirs, kOurs };

  struct Pair {
    SharedBlock rx_ring;
    SharedBlock tx_ring;
    SharedBlock buffers;
    SharedBlock scratch;
    std::optional<BufferPool> pool;
    std::unique_ptr<RxQueue> rx;
    std::unique_ptr<TxQueue> tx;
    uint64_t reclaimed = 0;  // Of what `tx` counts as dropped.
  };

  NetDriver(Device& device, MemoryProvider& memory,
            const NetDriverOptions& options);

  Result<void> AddPair(uint16_t pair);
  Result<void> AddRing(uint16_t vring, SharedBlock& ring);
  Result<void> AddBuffers(Pair& pair);

  Device& device_;
  MemoryProvider& memory_;
  std::vector<Pair> queues_;
  std::unique_ptr<ControlDriver> control_;
  uint32_t buffer_bytes_ = kBufferBytes;
  uint32_t max_frame_bytes_ = 0;
  uint32_t parts_ = 1;  // Buffers of the longest frame that is expected.
  uint32_t window_ = 1;
  Loss loss_ = Loss::kNone;
};

}  // namespace virtio_user::cli

#endif  // CLI_NET_DRIVER_H_
