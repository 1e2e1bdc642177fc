// SPDX-License-Identifier: BSD-3-Clause

#include "backend_sim/simulation/generator.h"

#include "backend_sim/fault_plan.h"
#include "virtio_user/base/check.h"

namespace backend_sim {
namespace {

// Of every hundred operations so many bring the device on.
constexpr uint32_t kSensiblePercent = 30;

// How often an operation comes before the swarm has its say.
uint32_t BaseWeight(OpKind kind) {
  switch (kind) {
    case OpKind::kTransmit:
    case OpKind::kReceive:
    case OpKind::kServe:
      return 12;
    case OpKind::kCommand:
    case OpKind::kStart:
    case OpKind::kStop:
    case OpKind::kPoll:
    case OpKind::kComplete:
    case OpKind::kAddMemory:
      return 6;
    case OpKind::kDestroy:
    case OpKind::kRemoveRingMemory:
    case OpKind::kExternalMemory:
    case OpKind::kUnknownMemory:
      return 1;
    default:
      return 3;
  }
}

// After which little can be expected of a session.
bool Disturbs(OpKind kind) {
  switch (kind) {
    case OpKind::kMangledCommand:
    case OpKind::kRemoveRingMemory:
    case OpKind::kPeerCloses:
    case OpKind::kCorruptRing:
    case OpKind::kFault:
    case OpKind::kFailFd:
    case OpKind::kFailAllocation:
    case OpKind::kFailKernel:
      return true;
    default:
      return false;
  }
}

}  // namespace

Swarm Swarm::Draw(Entropy& entropy) {
  Swarm swarm;
  const bool calm = entropy.Chance({1, 3});
  for (const OpInfo& info : AllOps()) {
    const auto at = static_cast<size_t>(info.kind);
    const bool on = entropy.Chance({1, 2});
    const uint32_t factor = 1u << entropy.Choose(4);
    // It takes as long as ten lives.
    const bool rare = info.kind == OpKind::kAge && !entropy.Chance({1, 32});
    const bool allowed = on && !rare && !(calm && Disturbs(info.kind));
    swarm.weights[at] = allowed ? BaseWeight(info.kind) * factor : 0;
    swarm.total += swarm.weights[at];
  }
  for (bool& on : swarm.faults) on = entropy.Chance({1, 2});
  return swarm;
}

Generator::Generator(Entropy& entropy)
    : which_(entropy.Fork("operations")),
      arguments_(entropy.Fork("arguments")),
      salts_(entropy.Fork("salts")) {
  const auto source = entropy.Fork("swarm");
  swarm_ = Swarm::Draw(*source);
}

Operation Generator::Next(LifeState life) {
  const bool sensible = which_->Choose(100) < kSensiblePercent;
  Operation operation = sensible || swarm_.total == 0 ? Sensible(life) : Any();
  DrawArguments(operation);
  operation.salt = static_cast<uint32_t>(salts_->Choose(uint64_t{1} << 32));
  return operation;
}

Operation Generator::Sensible(LifeState life) {
  switch (life) {
    case LifeState::kNone:
      return {.kind = OpKind::kCreate};
    case LifeState::kCreated:
      return {.kind = OpKind::kNegotiate};
    case LifeState::kNegotiated:
      return {.kind =
                  which_->Choose(3) == 0 ? OpKind::kConfigure : OpKind::kStart};
    case LifeState::kRunning: {
      constexpr std::array kKinds{OpKind::kTransmit, OpKind::kServe,
                                  OpKind::kReceive, OpKind::kCommand};
      return {.kind = kKinds[which_->Choose(kKinds.size())]};
    }
    case LifeState::kNeedsReset:
      return {.kind = which_->Choose(3) == 0 ? OpKind::kPeerConnects
                                             : OpKind::kReattach};
  }
  return {};
}

Operation Generator::Any() {
  uint64_t at = which_->Choose(swarm_.total);
  for (size_t i = 0; i < kOpKinds; ++i) {
    if (at < swarm_.weights[i]) return {.kind = static_cast<OpKind>(i)};
    at -= swarm_.weights[i];
  }
  VU_CHECK(false);
}

void Generator::DrawArguments(Operation& operation) {
  const OpInfo& info = InfoOf(operation.kind);
  if (info.arguments == 0) return;
  const uint64_t drawn = arguments_->Choose(uint64_t{1} << 32);
  operation.a = static_cast<uint32_t>(drawn & 0xffff);
  if (info.arguments > 1) operation.b = static_cast<uint32_t>(drawn >> 16);
  if (operation.kind == OpKind::kNegotiate && drawn % 2 == 0) operation.a = 0;
  if (operation.kind == OpKind::kPeerConnects && drawn % 2 == 0) {
    operation.a = 0;
  }
  if (operation.kind == OpKind::kFault) {
    // The next kind that this swarm has; none: the fault is one that is none.
    for (size_t i = 0; i < kFaultKinds; ++i) {
      if (swarm_.faults[operation.a % kFaultKinds]) break;
      ++operation.a;
    }
  }
}

}  // namespace backend_sim
