// SPDX-License-Identifier: BSD-3-Clause
//
// The device's side of the data path: takes packets from started rings and
// puts packets into them.

#ifndef BACKEND_SIM_PACKET_ENGINE_H_
#define BACKEND_SIM_PACKET_ENGINE_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "backend_sim/entropy.h"
#include "backend_sim/ring_host.h"
#include "backend_sim/trace.h"
#include "virtio_user/base/file_descriptor.h"
#include "virtio_user/ring/descriptor_chain.h"

namespace backend_sim {

struct PacketEngineOptions {
  uint32_t burst = 64;  // Frames that a pair moves in one step, at most.
  // TrafficMode::kSource: frames that each pair gets in all, and how long
  // they are (0: mixed, see source_frame.h).
  uint64_t source_frames = UINT64_MAX;
  size_t source_bytes = 0;
  // Asks drivers for no kicks, as pollers do, and reads no kick descriptors.
  bool suppress_kicks = false;
  // Decides about orders and lies; outlives the engine. None: what is shuffled
  // goes backwards, and lies take turns.
  Entropy* entropy = nullptr;
};

struct PairCounters {
  uint64_t received = 0;  // From the driver, and used for something.
  uint64_t received_bytes = 0;
  uint64_t delivered = 0;  // To the driver.
  uint64_t delivered_bytes = 0;
  uint64_t discarded = 0;  // From a ring that is started and disabled.
  uint64_t dropped = 0;    // Nowhere to go, or it fits into no buffer.
  uint64_t kicks = 0;
  uint64_t interrupts = 0;

  friend bool operator==(const PairCounters&, const PairCounters&) = default;
};

// Ring 2p is pair p's RX (towards the driver), 2p + 1 its TX. A frame that
// finds no RX buffers waits, and stops its pair's TX until it is delivered,
// so that echo loses nothing while a session runs. `host` and `trace` outlive
// it.
class PacketEngine {
 public:
  PacketEngine(RingHost& host, Trace& trace, PacketEngineOptions options);

  // Gives back what TX rings have in flight: a back-end that is asked where a
  // ring stands has nothing there (vhost-user: GET_VRING_BASE).
  void Drain();
  // Serves every ring once; kicks, frames and interrupts in all.
  size_t Step();

  size_t pair_count() const { return pairs_.size(); }
  // All zero for a pair that never ran.
  PairCounters counters(size_t pair) const;
  // Frames that wait for buffers.
  size_t waiting_count() const;

 private:
  using Frame = std::vector<std::byte>;  // Header and packet.
  // What is remembered of a ring while it runs.
  struct Side {
    bool awake = true;  // Kicked since nothing was found.
    uint64_t life = 0;  // RingModel::life of it.
    std::vector<virtio_user::ChainToken> done;  // To be given back (TX).
    uint32_t unpublished = 0;                   // Frames.
  };
  // A TX chain that is not given back yet, and what it holds.
  struct Held {
    virtio_user::ChainToken token;
    Frame frame;
  };
  struct Pair {
    Side rx;
    Side tx;
    std::deque<Frame> waiting;                      // For RX buffers.
    std::deque<virtio_user::DescriptorChain> held;  // Taken from RX.
    std::deque<Held> kept;                          // Taken from TX.
    uint64_t source_count = 0;
    uint64_t lie_count = 0;
    uint64_t lie_odds = 0;  // Used elements that could have lied.
    PairCounters counters;
  };
  // The held chains of one frame.
  struct Share {
    size_t first = 0;
    size_t count = 0;
  };

  // packet_engine.cc
  Pair& PairOf(size_t index);
  size_t StepPair(size_t index);
  void ForgetOldLives(Pair& pair, const RingModel& rx, const RingModel& tx);
  size_t ReadKick(RingModel& ring, Pair& pair);
  size_t TakeFrames(RingModel& tx, RingModel& rx, Pair& pair);
  bool TakeFrame(RingModel& tx, Pair& pair, Frame& frame);
  void UseFrame(RingModel& tx, RingModel& rx, Pair& pair, Frame frame);
  size_t MakeFrames(size_t index, RingModel& rx, Pair& pair);
  void GiveBack(RingModel& tx, Pair& pair);
  bool Publish(RingModel& ring, Pair& pair, Side& side);
  void Interrupt(RingModel& ring, Pair& pair);
  bool Take(RingModel& ring, virtio_user::DescriptorChain& chain);
  std::optional<Breach> Judge(RingModel& ring,
                              const virtio_user::DescriptorChain& chain);
  void Broken(RingModel& ring, Breach breach);
  // Whether chains may be given back in any order here.
  bool Shuffles() const;
  bool Batches() const;
  std::vector<size_t> Order(size_t count);

  // packet_holding.cc
  size_t TakeAndHold(RingModel& tx, RingModel& rx, Pair& pair);
  bool TakeToHold(RingModel& tx, Pair& pair);
  void ReleaseHeld(RingModel& tx, RingModel& rx, Pair& pair, size_t keep);
  virtio_user::Result<bool> Next(RingModel& ring,
                                 virtio_user::AddressResolver resolve,
                                 virtio_user::DescriptorChain& chain);

  // packet_delivery.cc
  size_t Deliver(RingModel& rx, Pair& pair);
  std::vector<Share> ShareOut(RingModel& rx, Pair& pair);
  std::optional<size_t> Enough(RingModel& rx, Pair& pair, size_t first,
                               size_t bytes);
  size_t Spread(RingModel& rx, Pair& pair, Share least, size_t bytes);
  std::vector<size_t> Assign(const Pair& pair, std::span<const Share> shares);
  std::vector<size_t> Portions(const Pair& pair, Share share,
                               size_t bytes) const;
  void Write(RingModel& rx, Pair& pair, Share share, Frame frame);
  void PutFrame(RingModel& rx, Pair& pair,
                std::span<const virtio_user::ChainToken> tokens,
                std::span<const size_t> portions, bool full);

  // packet_lies.cc
  void PutUsed(RingModel& ring, Pair& pair, virtio_user::ChainToken token,
               uint32_t bytes);
  uint64_t Turn(Pair& pair, uint64_t count);
  bool Draws(Pair& pair, uint32_t per_mille);
  uint16_t NumBuffers(Pair& pair, size_t count);

  RingHost& host_;
  Trace& trace_;
  const PacketEngineOptions options_;
  std::vector<std::unique_ptr<Pair>> pairs_;  // Null: it never ran.
  virtio_user::DescriptorChain chain_;        // Kept for its capacity.
};

}  // namespace backend_sim

#endif  // BACKEND_SIM_PACKET_ENGINE_H_
