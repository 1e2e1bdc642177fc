// SPDX-License-Identifier: BSD-3-Clause
//
// Simulation: the second phase. The faults are over on the way to life and on
// one pair, the core; on the other pairs, on the back-end's own stream, in
// memory that is not the core's, and in slow and short streams they stay.

#include <algorithm>

#include "backend_sim/simulation/simulation.h"

namespace backend_sim {
namespace {

// Rounds of reattach and start that are allowed.
constexpr int kRounds = 3;
// Turns of the back-end in which a packet has to be back.
constexpr int kTurns = 64;
constexpr uint32_t kMaxPairs = 8;

}  // namespace

void Simulation::Recover() {
  stack_->entropy().Begin(last_salt_);
  (void)DoFault({.kind = OpKind::kClearFaults});
  LeavePeer();
  stack_->PeerIsItselfAgain();
  peer_there_ = true;
  // Whoever was disturbed begins anew, as an embedder does whose packets do
  // not come any more.
  if (life() == LifeState::kRunning && !Undisturbed()) (void)Stop();
  for (int round = 0; round < kRounds; ++round) {
    if (!findings_.empty()) return;
    MakeRoom();
    if (!BringUp()) continue;
    const uint16_t core = ChooseCore();
    CheckTraffic(core);
    if (!findings_.empty()) return;
    // Rings go on where they stood, full as they are.
    (void)Stop();
    if (Start() == OpResult::kDone && ChooseCore() == core) CheckTraffic(core);
    return;
  }
  Find(CheckerId::kLiveness,
       "the device does not start although nothing is wrong any more; it is " +
           std::string(LifeStateName(life())) + ": " + why_not_);
}

// Memory that nobody uses goes, so that the back-end can take the rest. Where
// rings lie in too many pieces, the driver begins anew.
void Simulation::MakeRoom() {
  SimMemory& memory = stack_->memory();
  for (const SimRegionId id : memory.region_ids())
    (void)memory.RemoveRegion(id);
  if (device_ == nullptr) return;
  if (memory.region_ids().size() <=
      device_->backend_caps().max_memory_regions) {
    return;
  }
  (void)Destroy();
  for (const SimRegionId id : memory.region_ids())
    (void)memory.RemoveRegion(id);
}

// One round; whether the device runs.
bool Simulation::BringUp() {
  if (device_ == nullptr) {
    (void)Create();
    if (device_ == nullptr) return false;
  }
  (void)Poll();
  const bool fresh = Undisturbed() && !driver_->Broken();
  if (life() == LifeState::kNeedsReset || !fresh) {
    if (life() == LifeState::kRunning) (void)Stop();
    if (Reattach(false) != OpResult::kDone) {
      // The peer of before may have been another one, which had more: then the
      // device is made anew.
      if (peer_varied_) (void)Destroy();
      return false;
    }
  }
  if (life() == LifeState::kCreated && Negotiate(0) != OpResult::kDone) {
    // The peer of before may have had less.
    if (peer_varied_) (void)Destroy();
    return false;
  }
  if (life() == LifeState::kNegotiated &&
      (driver_->whole_pairs() == 0 || pairs_incomplete_)) {
    driver_->DropRings();
    (void)Configure(0);
    // Rings of further pairs may be there in halves: only a new device has
    // none.
    if (pairs_incomplete_) {
      (void)Destroy();
      return false;
    }
  }
  if (Start() != OpResult::kDone) {
    if (life() == LifeState::kNegotiated) (void)Destroy();
    return false;
  }
  return life() == LifeState::kRunning;
}

// One of the active pairs, of which all are made active that can be.
uint16_t Simulation::ChooseCore() {
  if (driver_->control() != nullptr && device_->max_pairs() > 1) {
    (void)DoCommand({.kind = OpKind::kCommand,
                     .a = static_cast<uint32_t>(CommandKind::kPairs),
                     .b = static_cast<uint32_t>(driver_->whole_pairs())});
  }
  const size_t pairs =
      std::min<size_t>(device_->active_pairs(), driver_->whole_pairs());
  return static_cast<uint16_t>(pairs < 2 ? 0 : last_salt_ % pairs);
}

// Nothing of it may reach the core's packets.
void Simulation::DisturbElsewhere(uint16_t core) {
  OpEntropy& entropy = stack_->entropy();
  const auto draw = [&] {
    return static_cast<uint32_t>(entropy.Choose(65536));
  };
  const uint32_t pair = draw() % kMaxPairs;
  switch (entropy.Choose(8)) {
    case 0:
      (void)DoPeer({.kind = OpKind::kBackendRequest, .a = draw()});
      break;
    case 1:
      // A device without a carrier would be another story.
      if (!stack_->SessionsEnd()) break;
      (void)DoPeer({.kind = OpKind::kChangeConfig, .a = draw()});
      break;
    case 2:
      (void)DoMemory({.kind = OpKind::kExternalMemory});
      break;
    case 3:
      (void)DoMemory({.kind = OpKind::kUnknownMemory, .a = draw()});
      break;
    case 4:
      if (pair == core || !driver_->has_pair(static_cast<uint16_t>(pair)))
        break;
      (void)CorruptRing({.kind = OpKind::kCorruptRing,
                         .a = 2 * pair + draw() % 2,
                         .b = draw(),
                         .salt = draw()});
      break;
    case 5:
      if (pair == core || !driver_->has_pair(static_cast<uint16_t>(pair)))
        break;
      (void)DoData({.kind = OpKind::kTransmit, .a = pair, .b = draw()});
      (void)DoData({.kind = OpKind::kReceive, .a = pair, .b = draw()});
      break;
    case 6:
      (void)Poll();
      break;
    default:
      break;
  }
}

void Simulation::CheckTraffic(uint16_t core) {
  if (scenario_.queue_size < 2 || driver_->whole_pairs() == 0) return;
  if (life() != LifeState::kRunning) return;
  PacketBook& book = driver_->book(core);
  const uint64_t before = book.come_count();
  size_t sent = 0;
  for (int turn = 0; turn < kTurns && book.come_count() == before; ++turn) {
    DisturbElsewhere(core);
    if (auto wrong = driver_->Receive(core, 16)) {
      Find(CheckerId::kPackets, *wrong);
      return;
    }
    (void)driver_->Complete(core);
    if (sent == 0) sent = driver_->Transmit(core, 1, 0);
    (void)stack_->Step();
  }
  if (book.come_count() != before) return;
  Find(CheckerId::kTraffic, sent == 0
                                ? "the ring takes no packet"
                                : "a packet went out and did not come back");
}

}  // namespace backend_sim
