// SPDX-License-Identifier: BSD-3-Clause
//
// Simulation: what everybody but the control thread does.

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include "backend_sim/simulation/simulation.h"
#include "backend_sim/simulation/timed.h"

namespace backend_sim {

using virtio_user::DeviceState;
using virtio_user::MemoryEvent;
using virtio_user::Result;

namespace {

constexpr size_t kPage = 4096;

OpResult ToResult(bool did) {
  return did ? OpResult::kDone : OpResult::kNothing;
}

}  // namespace

// --- Commands ----------------------------------------------------------------

OpResult Simulation::DoCommand(const Operation& operation) {
  if (device_ == nullptr || driver_->control() == nullptr) {
    return OpResult::kNothing;
  }
  const DeviceState before = device_->state();
  if (before != DeviceState::kRunning && before != DeviceState::kNeedsReset) {
    return OpResult::kNothing;
  }
  const bool mangled = operation.kind == OpKind::kMangledCommand;
  const auto kind = static_cast<CommandKind>(operation.a % kCommandKinds);
  const bool good =
      !mangled &&
      ControlRing::ShouldSucceed(*device_, kind, operation.b,
                                 static_cast<uint16_t>(driver_->whole_pairs()));
  CommandOutcome outcome;
  (void)Timed("NotifyControlQueue", [&] {
    outcome = mangled
                  ? driver_->control()->SendMangled(operation.a, operation.b)
                  : driver_->control()->Send(kind, operation.b);
    return outcome.notified;
  });
  if (!outcome.sent) return OpResult::kNothing;
  JudgeCommand(outcome, !mangled);
  NoteCommand(outcome);
  const bool runs = before == DeviceState::kRunning;
  const bool ok = outcome.ack == virtio_user::kCtrlAckOk;
  const bool calm = Undisturbed();
  if (!mangled && runs && calm && !pairs_incomplete_ && ok != good) {
    Find(CheckerId::kUndisturbed,
         "command " + std::to_string(operation.a % kCommandKinds) +
             " was answered with " + std::to_string(outcome.ack));
  }
  // The driver makes a new ring at the next Configure.
  if (!outcome.notified || outcome.broken) driver_->DropControl();
  return outcome.notified ? OpResult::kDone : OpResult::kFailed;
}

void Simulation::JudgeCommand(const CommandOutcome& outcome, bool well_formed) {
  // Whoever writes nonsense into rings has packets written anywhere.
  if (rings_corrupted_) return;
  if (outcome.scribbled && well_formed) {
    Find(CheckerId::kControl, "bytes beside the ack were written");
  }
  const bool gone = device_->state() == DeviceState::kNeedsReset;
  if (!outcome.notified) {
    if (well_formed) {
      Find(CheckerId::kControl,
           "a well-formed command broke the queue: " +
               std::string(outcome.notified.error().text()));
    }
    if (!gone) {
      Find(CheckerId::kState,
           "the control queue is broken, and the device "
           "does not need a reset");
    }
    return;
  }
  if (outcome.broken) {
    Find(CheckerId::kControl,
         "the driver cannot read what it got: " + *outcome.broken);
    return;
  }
  const bool packed =
      device_->ring_format() == virtio_user::RingFormat::kPacked;
  if (outcome.used != 1 && (well_formed || !packed || outcome.used > 1)) {
    Find(CheckerId::kControl,
         "one chain was used " + std::to_string(outcome.used) + " times");
  }
  if (well_formed && outcome.used == 1 && outcome.bytes != 1) {
    Find(CheckerId::kControl, "the used element of an ack says " +
                                  std::to_string(outcome.bytes) + " bytes");
  }
  if (well_formed && outcome.ack != virtio_user::kCtrlAckOk &&
      outcome.ack != virtio_user::kCtrlAckErr) {
    Find(CheckerId::kControl, "the ack is " + std::to_string(outcome.ack));
  }
}

// --- Memory ------------------------------------------------------------------

OpResult Simulation::DoMemory(const Operation& operation) {
  switch (operation.kind) {
    case OpKind::kExternalMemory:
      (void)Timed("external memory", [&]() -> Result<void> {
        const auto external = stack_->memory().AddExternal(kPage);
        stack_->memory().RemoveExternal(external);
        return {};
      });
      return OpResult::kDone;
    case OpKind::kRemoveRingMemory:
      return RemoveRingMemory();
    case OpKind::kUnknownMemory: {
      static constexpr std::array<std::byte, 64> kNowhere{};
      (void)Timed("unknown memory", [&]() -> Result<void> {
        stack_->memory().AnnounceUnknown(operation.a % 2 == 0
                                             ? MemoryEvent::Kind::kAdded
                                             : MemoryEvent::Kind::kRemoving,
                                         kNowhere);
        return {};
      });
      return OpResult::kDone;
    }
    default:
      break;
  }
  const bool done = ChangeRegion(operation);
  if (lies_in_call_ != 0 && life() == LifeState::kRunning) {
    // Nobody but Poll tells what came of it.
    (void)Poll();
    if (!memory_trouble_ && life() == LifeState::kRunning) {
      Find(CheckerId::kLies,
           "memory was shared by an answer that cannot be one");
    }
  }
  return ToResult(done);
}

// Whether the process's own memory is another one now.
bool Simulation::ChangeRegion(const Operation& operation) {
  SimMemory& memory = stack_->memory();
  const std::vector<SimRegionId> ids = memory.region_ids();
  const SimRegionId id = ids.empty() ? 0 : ids[operation.a % ids.size()];
  const size_t bytes = kPage * (1 + operation.b % 3);
  lies_in_call_ = 0;
  switch (operation.kind) {
    case OpKind::kAddMemory:
      return Timed("memory added",
                   [&]() -> Result<void> {
                     auto added =
                         memory.AddRegion(kPage * (1 + operation.a % 8));
                     return added ? Result<void>() : virtio_user::Fail(added);
                   })
          .has_value();
    case OpKind::kRemoveMemory:
      // The driver needs some to go on.
      return ids.size() > 1 &&
             Timed("memory removed", [&] { return memory.RemoveRegion(id); });
    case OpKind::kGrowMemory:
      return !ids.empty() && Timed("memory grown", [&] {
        return memory.GrowRegion(id, bytes);
      });
    default: {
      const bool cut = RegionBytes(operation.a) > bytes &&
                       Timed("memory shrunk",
                             [&] { return memory.ShrinkRegion(id, bytes); });
      region_cut_ |= cut;
      return cut;
    }
  }
}

// Of region number `index`, modulo their number; 0: there is none.
size_t Simulation::RegionBytes(uint32_t index) {
  size_t bytes = 0;
  stack_->memory().WithTable([&](const virtio_user::MemoryTable& table) {
    const auto regions = table.regions();
    if (regions.empty()) return;
    bytes = regions[index % regions.size()].host.size();
  });
  return bytes;
}

size_t Simulation::RegionCount() {
  size_t count = 0;
  stack_->memory().WithTable([&](const virtio_user::MemoryTable& table) {
    count = table.regions().size();
  });
  return count;
}

// The driver lets go of everything, and the regions in which it lay go.
OpResult Simulation::RemoveRingMemory() {
  if (device_ == nullptr || driver_->pair_count() == 0) {
    return OpResult::kNothing;
  }
  const bool ran = device_->state() == DeviceState::kRunning;
  // The device may look at its rings until it was told.
  stack_->memory().PoisonFreed(false);
  driver_->DropRings();
  stack_->memory().PoisonFreed(!rings_corrupted_);
  for (const SimRegionId id : stack_->memory().region_ids()) {
    (void)Timed("ring memory removed",
                [&] { return stack_->memory().RemoveRegion(id); });
  }
  pairs_incomplete_ = false;
  if (ran && device_->state() == DeviceState::kRunning) {
    Find(CheckerId::kState, "the device runs on rings whose memory is gone");
  }
  return OpResult::kDone;
}

// --- Peer --------------------------------------------------------------------

OpResult Simulation::DoPeer(const Operation& operation) {
  switch (operation.kind) {
    case OpKind::kPeerCloses:
      if (stack_->SessionsEnd()) peer_there_ = false;
      if (stack_->PeerCloses()) Disturb();
      return OpResult::kDone;
    case OpKind::kPeerConnects:
      LeavePeer();
      other_peer_ = operation.a % 4 != 0;
      peer_varied_ |= other_peer_;
      peer_there_ = true;
      stack_->PeerConnects(operation.a);
      return OpResult::kDone;
    case OpKind::kServe:
      for (uint32_t i = 0; i <= operation.a % 8; ++i) (void)stack_->Step();
      return OpResult::kDone;
    case OpKind::kChangeConfig:
      stack_->ChangeConfig(operation.a);
      // The driver may find a link that is down.
      if (!stack_->SessionsEnd()) Disturb();
      return OpResult::kDone;
    case OpKind::kBackendRequest:
      stack_->BackendRequest(operation.a);
      return OpResult::kDone;
    default:
      stack_->clock().AdvanceTo(stack_->clock().now() +
                                std::chrono::milliseconds(operation.a % 5000));
      return OpResult::kDone;
  }
}

// --- Faults ------------------------------------------------------------------

OpResult Simulation::DoFault(const Operation& operation) {
  constexpr uint64_t kNever = uint64_t{1} << 60;
  switch (operation.kind) {
    case OpKind::kFault:
      stack_->AddFault(operation.a, operation.b);
      break;
    case OpKind::kFailFd:
      (operation.a / kFdCalls % 2 == 0 ? stack_->fds() : stack_->peer_fds())
          .FailCall(static_cast<FdCall>(operation.a % kFdCalls),
                    1 + operation.b % 16);
      break;
    case OpKind::kFailAllocation:
      stack_->memory().FailAllocate(1 + operation.a % 8);
      break;
    case OpKind::kFailKernel:
      stack_->FailKernel(operation.a, operation.b);
      break;
    default:
      stack_->ClearFaults();
      for (size_t call = 0; call < kFdCalls; ++call) {
        stack_->fds().FailCall(static_cast<FdCall>(call), kNever);
        stack_->peer_fds().FailCall(static_cast<FdCall>(call), kNever);
      }
      stack_->memory().FailAllocate(0);
      break;
  }
  return OpResult::kDone;
}

}  // namespace backend_sim
