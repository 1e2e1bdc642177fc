// SPDX-License-Identifier: BSD-3-Clause
//
// Simulation: the second phase. The faults are over for the device and its
// back-end; slow and short streams stay. Now it has to come back to life.

#include "backend_sim/simulation/simulation.h"

namespace backend_sim {
namespace {

// Rounds of reattach and start that are allowed.
constexpr int kRounds = 3;
// Turns of the back-end in which a packet has to be back.
constexpr int kTurns = 64;

}  // namespace

void Simulation::Recover() {
  stack_->entropy().Begin(0);
  (void)DoFault({.kind = OpKind::kClearFaults});
  stack_->PeerIsItselfAgain();
  peer_there_ = true;
  // Whoever was disturbed begins anew, as an embedder does whose packets do
  // not come any more.
  if (life() == LifeState::kRunning && !Undisturbed()) (void)Stop();
  for (int round = 0; round < kRounds; ++round) {
    if (!findings_.empty()) return;
    MakeRoom();
    if (!BringUp()) continue;
    CheckTraffic();
    if (!findings_.empty()) return;
    // Rings go on where they stood, full as they are.
    (void)Stop();
    if (Start() == OpResult::kDone) CheckTraffic();
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
  if (life() == LifeState::kCreated) (void)Negotiate(0);
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

void Simulation::CheckTraffic() {
  if (scenario_.queue_size < 2 || driver_->whole_pairs() == 0) return;
  PacketBook& book = driver_->book(0);
  const uint64_t before = book.come_count();
  size_t sent = 0;
  for (int turn = 0; turn < kTurns && book.come_count() == before; ++turn) {
    if (auto wrong = driver_->Receive(0, 16)) {
      Find(CheckerId::kPackets, *wrong);
      return;
    }
    (void)driver_->Complete(0);
    if (sent == 0) sent = driver_->Transmit(0, 1, 0);
    (void)stack_->Step();
  }
  if (book.come_count() != before) return;
  Find(CheckerId::kTraffic, sent == 0
                                ? "the ring takes no packet"
                                : "a packet went out and did not come back");
}

}  // namespace backend_sim
