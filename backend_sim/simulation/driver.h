// SPDX-License-Identifier: BSD-3-Clause
//
// The driver above a simulated device: rings, buffers and the production data
// path on them.

#ifndef BACKEND_SIM_SIMULATION_DRIVER_H_
#define BACKEND_SIM_SIMULATION_DRIVER_H_

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "backend_sim/simulation/control_ring.h"
#include "backend_sim/simulation/packet_book.h"
#include "virtio_user/device/device.h"
#include "virtio_user/net/buffer_pool.h"
#include "virtio_user/net/rx_queue.h"
#include "virtio_user/net/tx_queue.h"
#include "virtio_user/vhost/shared_block.h"

namespace backend_sim {

// `device` and `memory` outlive it, but for what Forget is for. One thread.
class SimDriver {
 public:
  SimDriver(virtio_user::Device& device, virtio_user::MemoryProvider& memory)
      : device_(device), memory_(memory) {}
  SimDriver(const SimDriver&) = delete;
  SimDriver& operator=(const SimDriver&) = delete;

  // Gives the device rings for the first `pairs` pairs, and a control ring
  // where CTRL_VQ was accepted. Those that were there before go once the
  // device has the new ones. On failure some pairs may be left without.
  virtio_user::Result<void> Configure(uint16_t pairs);
  // The device has forgotten its rings.
  void DropRings();
  void DropPairsFrom(uint16_t pair) {
    if (pair < pairs_.size()) pairs_.resize(pair);
  }
  // No queue is used any more; memory stays, since the device may know it.
  void DropQueues();
  // Only the control ring is broken and has to be made anew.
  virtio_user::Result<void> ConfigureControl();

  // Rings are afresh: takes every buffer back.
  void ReclaimAll();

  // Sends up to `count` frames of up to three buffers; how many the ring took.
  size_t Transmit(uint16_t pair, uint32_t count, uint32_t draw);
  // What came; the first thing that is wrong with it.
  std::optional<std::string> Receive(uint16_t pair, uint32_t most);
  size_t Complete(uint16_t pair);

  size_t pair_count() const { return pairs_.size(); }
  bool has_pair(uint16_t pair) const {
    return pair < pairs_.size() && pairs_[pair].rx != nullptr;
  }
  // Pairs from 0 on that have queues.
  size_t whole_pairs() const {
    size_t count = 0;
    while (has_pair(static_cast<uint16_t>(count))) ++count;
    return count;
  }
  // Null: there is no control ring.
  ControlRing* control() { return control_.get(); }
  // It is broken, or may be. Its memory stays: the device may still know it.
  void DropControl() { kept_controls_.push_back(std::move(control_)); }
  PacketBook& book(uint16_t pair) { return books_[pair]; }
  void EndSession(bool may_repeat);

  // What is wrong with the buffers: one that is lost, or twice in the pool.
  // Requires: every buffer was taken back.
  std::optional<std::string> CheckBuffers() const;
  // Buffers that are neither in the pool nor in a ring; nothing: it adds up.
  std::optional<std::string> CheckLedger(uint16_t pair) const;
  // Why a ring does nothing any more.
  std::optional<std::string> Broken() const;

  // Ring `vring`'s memory, for whoever corrupts it; empty: there is none.
  std::span<std::byte> RingMemory(uint16_t vring);

 private:
  struct Pair {
    virtio_user::SharedBlock rx_ring;
    virtio_user::SharedBlock tx_ring;
    virtio_user::SharedBlock buffers;
    virtio_user::SharedBlock scratch;
    std::unique_ptr<virtio_user::BufferPool> pool;  // Queues point at it.
    std::unique_ptr<virtio_user::RxQueue> rx;
    std::unique_ptr<virtio_user::TxQueue> tx;
  };
  virtio_user::Result<void> MakePair(uint16_t index, Pair& pair);
  virtio_user::Result<void> GiveRing(uint16_t vring,
                                     virtio_user::SharedBlock& block);

  virtio_user::Device& device_;
  virtio_user::MemoryProvider& memory_;
  std::vector<Pair> pairs_;
  std::vector<Pair> kept_;  // Of pairs that could be made only in part.
  std::unique_ptr<ControlRing> control_;
  std::vector<std::unique_ptr<ControlRing>> kept_controls_;
  std::array<PacketBook, 16> books_;
  // Frames may take several buffers, since a ring has that many. Pollers know
  // it without asking the device.
  bool spreads_ = false;
};

}  // namespace backend_sim

#endif  // BACKEND_SIM_SIMULATION_DRIVER_H_
