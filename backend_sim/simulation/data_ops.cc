// SPDX-License-Identifier: BSD-3-Clause
//
// Simulation: the pollers, and whoever writes into rings.

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>

#include "backend_sim/simulation/simulation.h"
#include "virtio_user/ring/shared_memory.h"

namespace backend_sim {

OpResult Simulation::DoData(const Operation& operation) {
  if (driver_ == nullptr || driver_->pair_count() == 0) {
    return OpResult::kNothing;
  }
  const auto pair = static_cast<uint16_t>(operation.a % driver_->pair_count());
  if (!driver_->has_pair(pair)) return OpResult::kNothing;
  // Done also where a gate is closed: then nothing may come of it.
  switch (operation.kind) {
    case OpKind::kTransmit:
      if (driver_->Transmit(pair, 1 + operation.b % 8, operation.salt) != 0 &&
          life() != LifeState::kRunning) {
        Find(CheckerId::kState, "a ring took packets, and the device is " +
                                    std::string(LifeStateName(life())));
      }
      break;
    case OpKind::kReceive:
      Receive(pair, 1 + operation.b % 16);
      break;
    case OpKind::kAge:
      return Age(pair, operation.b);
    default:
      (void)driver_->Complete(pair);
      break;
  }
  return OpResult::kDone;
}

void Simulation::Receive(uint16_t pair, uint32_t most) {
  const auto wrong = driver_->Receive(pair, most);
  if (wrong && !rings_corrupted_ && stack_->temper() == Temper::kGood) {
    Find(CheckerId::kPackets, *wrong);
  }
}

// An index has 16 bits: so many frames that what follows finds those of a
// pair's rings about to come round. What passes is no part of the trace.
OpResult Simulation::Age(uint16_t pair, uint32_t how_far) {
  if (aged_ || life() != LifeState::kRunning || !Undisturbed() ||
      stack_->waiting_faults() != 0 || pair >= device_->active_pairs()) {
    return OpResult::kNothing;
  }
  aged_ = true;
  stack_->trace().Mute(true);
  constexpr uint32_t kBurst = 32;
  constexpr uint32_t kPatience = 64;  // Turns without a frame that is taken.
  const uint32_t most = 65536 - kBurst + how_far % (2 * kBurst);
  const uint64_t came_before = driver_->book(pair).come_count();
  uint32_t sent = 0;
  uint32_t idle = 0;
  while (sent < most && idle < kPatience) {
    const auto taken = static_cast<uint32_t>(
        driver_->Transmit(pair, std::min(kBurst, most - sent), 0));
    (void)stack_->Step();
    Receive(pair, kBurst);
    (void)driver_->Complete(pair);
    sent += taken;
    idle = taken == 0 ? idle + 1 : 0;
  }
  stack_->trace().Mute(false);
  stack_->trace().Add(
      {.kind = TraceKind::kAged,
       .ring = virtio_user::TxVring(pair),
       .words = {sent, driver_->book(pair).come_count() - came_before}});
  if (idle == kPatience && stack_->temper() == Temper::kGood) {
    Find(CheckerId::kTraffic,
         "after " + std::to_string(sent) + " frames a ring takes no more");
  }
  return OpResult::kDone;
}

// A word of what the device writes, or of anything in the ring.
OpResult Simulation::CorruptRing(const Operation& operation) {
  if (driver_ == nullptr || driver_->pair_count() == 0) {
    return OpResult::kNothing;
  }
  const auto vring =
      static_cast<uint16_t>(operation.a % (2 * driver_->pair_count()));
  const std::span<std::byte> memory = driver_->RingMemory(vring);
  if (memory.empty()) return OpResult::kNothing;
  constexpr std::array<uint16_t, 6> kValues{0, 0xffff, 1, 0x8000, 0x7fff, 2};
  const size_t words = memory.size() / 2;
  // Mostly the last part of the ring, which is the device's.
  const size_t place = operation.b / 8;
  const size_t word = operation.b % 4 != 0 && words > 64
                          ? words - 1 - place % (words / 2)
                          : place % words;
  const uint16_t value = kValues[operation.salt % kValues.size()];
  virtio_user::StoreRelaxed<uint16_t>(memory.data() + 2 * word, value);
  rings_corrupted_ = true;
  // The device follows it wherever it leads.
  stack_->memory().PoisonFreed(false);
  stack_->memory().PermitFreed();
  return OpResult::kDone;
}

}  // namespace backend_sim
