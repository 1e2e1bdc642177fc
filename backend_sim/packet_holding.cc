// SPDX-License-Identifier: BSD-3-Clause
//
// PacketEngine: chains that a back-end keeps, and those that one before it had.

#include <utility>

#include "backend_sim/packet_engine.h"

namespace backend_sim {

using virtio_user::AddressResolver;
using virtio_user::DescriptorChain;
using virtio_user::Result;

// The next chain of a ring: one that was in flight when it started, else what
// the driver has made available.
Result<bool> PacketEngine::Next(RingModel& ring, AddressResolver resolve,
                                DescriptorChain& chain) {
  const std::optional<uint16_t> head = ring.TakeResubmitted();
  if (!head) return ring.queue()->Pop(resolve, chain);
  const auto walked =
      virtio_user::WalkChain(ring.queue()->layout(), *head, resolve, chain);
  if (!walked) chain.malformed = walked.error();
  return true;
}

// As one that waits for its network: the oldest chains stay while what came
// later goes back, or where IN_ORDER was accepted the last ones stay. A packet
// has an effect when its chain goes back, and not before.
size_t PacketEngine::TakeAndHold(RingModel& tx, RingModel& rx, Pair& pair) {
  size_t taken = 0;
  while (taken < options_.burst && TakeToHold(tx, pair)) ++taken;
  ReleaseHeld(tx, rx, pair, host_.personality().rings.held_chains);
  return taken;
}

bool PacketEngine::TakeToHold(RingModel& tx, Pair& pair) {
  Frame frame;
  if (!TakeFrame(tx, pair, frame)) return false;
  pair.kept.push_back({pair.tx.done.back(), std::move(frame)});
  pair.tx.done.pop_back();
  --pair.tx.unpublished;
  return true;
}

void PacketEngine::ReleaseHeld(RingModel& tx, RingModel& rx, Pair& pair,
                               size_t keep) {
  const bool in_order = host_.session().Has(kBitInOrder);
  while (pair.kept.size() > keep) {
    Held done = std::move(in_order ? pair.kept.front() : pair.kept.back());
    in_order ? pair.kept.pop_front() : pair.kept.pop_back();
    if (tx.enabled()) {
      UseFrame(tx, rx, pair, std::move(done.frame));
    } else {
      ++pair.counters.discarded;
    }
    pair.tx.done.push_back(done.token);
    ++pair.tx.unpublished;
  }
  if (pair.tx.unpublished != 0) {
    GiveBack(tx, pair);
    Interrupt(tx, pair);
  }
  Deliver(rx, pair);
}

void PacketEngine::Drain() {
  const size_t count = host_.rings().size() / 2;
  if (pairs_.size() < count) pairs_.resize(count);
  for (size_t i = 0; i < count; ++i) {
    RingModel& rx = host_.rings()[2 * i];
    RingModel& tx = host_.rings()[2 * i + 1];
    if (!tx.started()) continue;
    Pair& pair = PairOf(i);
    ForgetOldLives(pair, rx, tx);
    while (tx.has_resubmitted() && TakeToHold(tx, pair)) {
    }
    if (!pair.kept.empty()) ReleaseHeld(tx, rx, pair, 0);
  }
}

}  // namespace backend_sim
