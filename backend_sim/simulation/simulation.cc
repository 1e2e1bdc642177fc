// SPDX-License-Identifier: BSD-3-Clause

#include "backend_sim/simulation/simulation.h"

#include <array>
#include <numeric>
#include <span>
#include <utility>

namespace backend_sim {

using virtio_user::DeviceState;

namespace {

// The trace as asked for, which the observer sees, once it knows the scenario.
TraceOptions Observed(const SimulationOptions& options,
                      const Scenario& scenario) {
  TraceOptions trace = options.trace;
  if (RunObserver* const observer = options.observer; observer != nullptr) {
    observer->OnScenario(scenario);
    trace.on_record = [observer](const TraceRecord& record) {
      observer->OnRecord(record);
    };
  }
  return trace;
}

}  // namespace

std::string_view LifeStateName(LifeState state) {
  constexpr std::array<std::string_view, kLifeStates> kNames{
      "none", "created", "negotiated", "running", "needs-reset"};
  return kNames[static_cast<size_t>(state)];
}

void Coverage::Add(const Coverage& other) {
  for (size_t op = 0; op < kOpKinds; ++op) {
    for (size_t state = 0; state < kLifeStates; ++state) {
      for (size_t result = 0; result < kOpResults; ++result) {
        counts[op][state][result] += other.counts[op][state][result];
      }
    }
  }
  for (size_t op = 0; op < kOpKinds; ++op) {
    for (size_t state = 0; state < kLifeStates; ++state) {
      for (size_t kind = 0; kind < kSeenFaults; ++kind) {
        faults_in[op][state][kind] += other.faults_in[op][state][kind];
      }
    }
  }
  for (size_t kind = 0; kind < kSeenFaults; ++kind) {
    faults[kind] += other.faults[kind];
  }
}

uint64_t Coverage::Done(OpKind kind, LifeState state) const {
  const auto& results =
      counts[static_cast<size_t>(kind)][static_cast<size_t>(state)];
  return results[static_cast<size_t>(OpResult::kDone)] +
         results[static_cast<size_t>(OpResult::kFailed)];
}

bool IsPossible(OpKind kind, LifeState state) {
  const bool device = state != LifeState::kNone;
  switch (kind) {
    case OpKind::kCreate:
      return !device;
    case OpKind::kConfigure:
      return state == LifeState::kNegotiated;
    case OpKind::kAge:
      return state == LifeState::kRunning;
    case OpKind::kCommand:
    case OpKind::kMangledCommand:
      return state == LifeState::kRunning || state == LifeState::kNeedsReset;
    case OpKind::kTransmit:
    case OpKind::kReceive:
    case OpKind::kComplete:
    case OpKind::kCorruptRing:
    case OpKind::kRemoveRingMemory:
      return device && state != LifeState::kCreated;
    default:
      return device || InfoOf(kind).actor != Actor::kControl;
  }
}

std::string_view SeenFaultName(size_t kind) {
  constexpr std::array<std::string_view, kSeenFaults - kFaultKinds> kOthers{
      "descriptor refused", "allocation refused", "kernel call failed"};
  return kind < kFaultKinds ? FaultName(static_cast<FaultKind>(kind))
                            : kOthers.at(kind - kFaultKinds);
}

Simulation::Simulation(const Scenario& scenario, SimulationOptions options)
    : scenario_(scenario),
      options_(options),
      stack_(MakeStack({.scenario = scenario,
                        .trace = Observed(options, scenario),
                        .mappings = options.mappings})) {
  stack_->watch().between = [this] { Between(); };
}

Simulation::~Simulation() {
  stack_->watch().between = {};
  device_.reset();
  driver_.reset();
}

LifeState Simulation::life() const {
  if (device_ == nullptr) return LifeState::kNone;
  switch (device_->state()) {
    case DeviceState::kCreated:
      return LifeState::kCreated;
    case DeviceState::kNegotiated:
      return LifeState::kNegotiated;
    case DeviceState::kRunning:
      return LifeState::kRunning;
    case DeviceState::kNeedsReset:
      return LifeState::kNeedsReset;
  }
  return LifeState::kNone;
}

bool Simulation::Step(const Operation& operation) {
  if (over_) return false;
  if (options_.observer != nullptr) options_.observer->OnOperation(operation);
  const LifeState before = life();
  stack_->entropy().Begin(operation.salt);
  last_salt_ = operation.salt;
  const OpResult result = Do(operation);
  ++coverage_.counts[static_cast<size_t>(operation.kind)]
                    [static_cast<size_t>(before)][static_cast<size_t>(result)];
  // What the embedder did and got is part of the run, and of its hash.
  stack_->trace().Add({.kind = TraceKind::kNote,
                       .detail = static_cast<uint8_t>(result),
                       .ring = static_cast<uint16_t>(life()),
                       .size = static_cast<uint32_t>(operation.kind),
                       .words = {operation.a, operation.b, operation.salt}});
  NoteFaults(operation.kind, before);
  CheckStep();
  CheckFate(before, operation.kind);
  ++step_;
  over_ = !findings_.empty() && options_.stop_at_first;
  return !over_;
}

OpResult Simulation::Do(const Operation& operation) {
  switch (InfoOf(operation.kind).actor) {
    case Actor::kControl:
      return DoControl(operation);
    case Actor::kCommand:
      return DoCommand(operation);
    case Actor::kMemory:
      return DoMemory(operation);
    case Actor::kPeer:
      return DoPeer(operation);
    case Actor::kData:
      return DoData(operation);
    case Actor::kRings:
      return CorruptRing(operation);
    case Actor::kFault:
      return DoFault(operation);
  }
  return OpResult::kNothing;
}

// The back-end and the pollers, while the front-end is inside a call.
void Simulation::Between() {
  if (scenario_.interleave_percent == 0) return;
  OpEntropy& entropy = stack_->entropy();
  if (!entropy.Chance({scenario_.interleave_percent, 100})) return;
  if (driver_ == nullptr || driver_->pair_count() == 0) return;
  const auto pair =
      static_cast<uint16_t>(entropy.Choose(driver_->pair_count()));
  switch (entropy.Choose(4)) {
    case 0:
      driver_->Transmit(pair, 2, static_cast<uint32_t>(entropy.Choose(256)));
      break;
    case 1:
      Receive(pair, 4);
      break;
    case 2:
      driver_->Complete(pair);
      break;
    default:
      stack_->ServeRings();
      break;
  }
}

bool Simulation::Undisturbed() {
  return !disturbed_ && happened() == happened_before_ && !rings_corrupted_ &&
         stack_->temper() == Temper::kGood;
}

uint64_t Simulation::happened() {
  return stack_->happened_faults() + stack_->fds().failed_count() +
         stack_->peer_fds().failed_count() + stack_->memory().failed_count();
}

// A connection has begun: what disturbed the last one is over.
void Simulation::NewSession() {
  CheckComplaints();  // Of the last one.
  disturbed_ = lasts_ = region_cut_ = false;
  if (std::exchange(rings_corrupted_, false)) {
    stack_->memory().PoisonFreed(true);
    stack_->memory().PoisonAllFreed();
    // Packets may lie in the control ring, which outlives sessions.
    if (driver_ != nullptr && driver_->control() != nullptr) {
      driver_->DropControl();
    }
  }
  memory_trouble_ = false;
}

std::array<uint64_t, kSeenFaults> Simulation::SeenFaults() {
  std::array<uint64_t, kSeenFaults> seen{};
  stack_->CountFaults(std::span(seen).first(kFaultKinds));
  const uint64_t of_stream =
      std::accumulate(seen.begin(), seen.end(), uint64_t{0});
  seen[kFaultKinds] =
      stack_->fds().failed_count() + stack_->peer_fds().failed_count();
  seen[kFaultKinds + 1] = stack_->memory().failed_count();
  seen[kFaultKinds + 2] = stack_->happened_faults() - of_stream;
  return seen;
}

// Whether everybody knows of it: a call is refused, and nothing else happens.
constexpr bool IsHonest(size_t fault) {
  return fault >= kFaultKinds ||
         static_cast<FaultKind>(fault) == FaultKind::kRefuse;
}

void Simulation::NoteFaults(OpKind kind, LifeState before) {
  if (happened() == happened_before_) return;
  const auto seen = SeenFaults();
  for (size_t fault = 0; fault < kSeenFaults; ++fault) {
    const uint64_t fresh = seen[fault] - faults_noted_[fault];
    lasts_ |= fresh != 0 && !IsHonest(fault);
    coverage_.faults[fault] += fresh;
    coverage_.faults_in[static_cast<size_t>(kind)][static_cast<size_t>(before)]
                       [fault] += static_cast<uint32_t>(fresh);
  }
  faults_noted_ = seen;
}

// Another one takes its place: what it has complained of is its own.
void Simulation::LeavePeer() {
  CheckComplaints();
  if (stack_->temper() == Temper::kBad) Disturb();
}

RunReport Simulation::Finish() {
  if (options_.observer != nullptr) options_.observer->OnLastPhase();
  if (!over_) Recover();
  return TakeDown();
}

RunReport Simulation::TakeDown() {
  stack_->watch().between = {};
  stack_->entropy().Begin(0);
  device_.reset();
  driver_.reset();
  CheckGone();
  return {.hash = stack_->trace().hash(),
          .events = stack_->trace().record_count(),
          .steps = step_,
          .findings = findings_};
}

RunReport RunScript(const Script& script, SimulationOptions options) {
  Simulation simulation(script.scenario, options);
  for (const Operation& operation : script.operations) {
    if (!simulation.Step(operation)) break;
  }
  return simulation.Finish();
}

}  // namespace backend_sim
