// SPDX-License-Identifier: BSD-3-Clause

#include "backend_sim/simulation/sequences.h"

#include <array>
#include <utility>

namespace backend_sim {
namespace {

constexpr std::array<std::string_view, kLifeOps> kNames{
    "create",   "destroy", "set-up", "start", "stop",   "reset",
    "reattach", "pairs",   "memory", "peer",  "refuse", "poll"};

// Two pairs, a control queue, all that a good back-end has.
Scenario LifeScenario() {
  Scenario scenario;
  scenario.pairs = 2;
  scenario.queue_size = 4;
  scenario.regions = 1;
  return scenario;
}

SimulationOptions LifeOptions(std::shared_ptr<MappingPool> mappings) {
  return {.trace = {.keep_last = 0, .keep_all = false},
          .mappings = std::move(mappings)};
}

}  // namespace

std::string_view LifeOpName(LifeOp op) {
  return kNames[static_cast<size_t>(op)];
}

uint64_t SequenceCount(uint32_t depth) {
  uint64_t all = 0;
  uint64_t level = 1;
  for (uint32_t i = 0; i < depth; ++i) {
    level *= kLifeOps;
    all += level;
  }
  return all;
}

LifePlayer::LifePlayer(std::shared_ptr<MappingPool> mappings)
    : script_{.scenario = LifeScenario(), .operations = {}},
      simulation_(script_.scenario, LifeOptions(std::move(mappings))) {}

bool LifePlayer::Do(const Operation& operation) {
  script_.operations.push_back(operation);
  return simulation_.Step(operation);
}

bool LifePlayer::Play(LifeOp op) {
  switch (op) {
    case LifeOp::kCreate:
      return Do({.kind = OpKind::kCreate});
    case LifeOp::kDestroy:
      return Do({.kind = OpKind::kDestroy});
    case LifeOp::kSetUp:
      return Do({.kind = OpKind::kNegotiate}) &&
             Do({.kind = OpKind::kConfigure, .a = 1});
    case LifeOp::kStart:
      return Do({.kind = OpKind::kStart});
    case LifeOp::kStop:
      return Do({.kind = OpKind::kStop});
    case LifeOp::kReset:
      return Do({.kind = OpKind::kReset});
    case LifeOp::kReattach:
      return Do({.kind = OpKind::kReattach});
    case LifeOp::kPairs: {
      const virtio_user::Device* const device = simulation_.device();
      const bool two = device != nullptr && device->active_pairs() == 2;
      return Do({.kind = OpKind::kCommand, .b = two ? 1u : 2u});
    }
    case LifeOp::kMemory: {
      const size_t regions = simulation_.stack().memory().region_ids().size();
      if (regions <= LifeScenario().regions) {
        return Do({.kind = OpKind::kAddMemory});
      }
      return Do({.kind = OpKind::kRemoveMemory,
                 .a = static_cast<uint32_t>(regions - 1)});
    }
    case LifeOp::kPeer:
      return Do({.kind = simulation_.peer_there() ? OpKind::kPeerCloses
                                                  : OpKind::kPeerConnects});
    case LifeOp::kRefuse:
      // Two at once would be one for long.
      if (simulation_.stack().waiting_faults() != 0) {
        return Do({.kind = OpKind::kClearFaults});
      }
      return Do({.kind = OpKind::kFault,
                 .a = static_cast<uint32_t>(FaultKind::kRefuse)});
    case LifeOp::kPoll:
      return Do({.kind = OpKind::kPoll});
  }
  return true;
}

}  // namespace backend_sim
