// SPDX-License-Identifier: BSD-3-Clause
//
// One simulated life of the real front-end, step by step.

#ifndef BACKEND_SIM_SIMULATION_SIMULATION_H_
#define BACKEND_SIM_SIMULATION_SIMULATION_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "backend_sim/simulation/checker.h"
#include "backend_sim/simulation/driver.h"
#include "backend_sim/simulation/operation.h"
#include "backend_sim/simulation/run_observer.h"
#include "backend_sim/simulation/script.h"
#include "backend_sim/simulation/stack.h"
#include "virtio_user/device/device.h"

namespace backend_sim {

// What became of an operation.
enum class OpResult : uint8_t {
  kDone,
  kFailed,   // The front-end answered with an error.
  kNothing,  // There was nothing that it could be done to.
};
inline constexpr size_t kOpResults = 3;

// Where a device was when an operation began.
enum class LifeState : uint8_t {
  kNone,  // There is no device.
  kCreated,
  kNegotiated,
  kRunning,
  kNeedsReset,
};
inline constexpr size_t kLifeStates = 5;
std::string_view LifeStateName(LifeState state);

// Whether there is anything that it could be done to.
bool IsPossible(OpKind kind, LifeState state);

// Those of FaultKind, then a call for a descriptor, an allocation, and a call
// of a kernel's that failed.
inline constexpr size_t kSeenFaults = kFaultKinds + 3;
std::string_view SeenFaultName(size_t kind);

// How often each operation was done in each state, and what came of it.
struct Coverage {
  template <typename Each>
  using ByStep = std::array<std::array<Each, kLifeStates>, kOpKinds>;

  ByStep<std::array<uint64_t, kOpResults>> counts{};
  // Faults that came to pass, by kind; and in which operation and state.
  std::array<uint64_t, kSeenFaults> faults{};
  ByStep<std::array<uint32_t, kSeenFaults>> faults_in{};

  // How often something was done, well or not.
  uint64_t Done(OpKind kind, LifeState state) const;
  void Add(const Coverage& other);
};

struct SimulationOptions {
  TraceOptions trace = {};
  // Ends at the first finding.
  bool stop_at_first = true;
  RunObserver* observer = nullptr;  // Outlives the run.
  // One for many runs in a row makes them faster; null: none.
  std::shared_ptr<MappingPool> mappings = {};
};

// What a run has come to.
struct RunReport {
  std::string hash;
  uint64_t events = 0;  // Records of the trace.
  uint64_t steps = 0;   // Operations.
  std::vector<Finding> findings;

  // Of the first one; "" if all was well.
  std::string FirstText() const {
    return findings.empty() ? std::string() : findings.front().Text();
  }
};

// Every public call of Device is made here and nowhere else, and the checkers
// run after each step. One thread.
class Simulation {
 public:
  explicit Simulation(const Scenario& scenario, SimulationOptions options = {});
  ~Simulation();
  Simulation(const Simulation&) = delete;
  Simulation& operator=(const Simulation&) = delete;

  // Does it, then checks. False: something was found, and the run is over.
  bool Step(const Operation& operation);
  // Safety is over: the faults end, and what is left has to come back to life
  // within few steps. Then everything is taken down. Called once, last.
  RunReport Finish();
  // Likewise without coming back to life first.
  RunReport TakeDown();

  LifeState life() const;
  size_t step_count() const { return step_; }
  const Coverage& coverage() const { return coverage_; }
  SimStack& stack() { return *stack_; }
  const Scenario& scenario() const { return scenario_; }
  virtio_user::Device* device() { return device_.get(); }
  SimDriver* driver() { return driver_.get(); }
  const std::vector<Finding>& findings() const { return findings_; }
  bool peer_there() const { return peer_there_; }
  // Of what a run depends on from here, without counters that only grow: two
  // runs with the same value go on in the same way.
  uint64_t StateHash();

 private:
  // control_ops.cc
  OpResult DoControl(const Operation& operation);
  OpResult Create();
  OpResult Destroy();
  OpResult Negotiate(uint32_t choice);
  OpResult Configure(uint32_t pairs);
  OpResult Start();
  OpResult Stop();
  OpResult Reset();
  OpResult Reattach(bool keeping);
  OpResult Poll();
  OpResult Announce();
  OpResult RefreshConfig();

  // world_ops.cc
  OpResult DoCommand(const Operation& operation);
  void JudgeCommand(const CommandOutcome& outcome, bool well_formed);
  OpResult DoMemory(const Operation& operation);
  bool ChangeRegion(const Operation& operation);
  OpResult RemoveRingMemory();
  size_t RegionBytes(uint32_t index);
  size_t RegionCount();
  OpResult DoPeer(const Operation& operation);
  OpResult DoFault(const Operation& operation);
  void Between();

  // data_ops.cc
  OpResult DoData(const Operation& operation);
  void Receive(uint16_t pair, uint32_t most);
  OpResult Age(uint16_t pair, uint32_t how_far);
  OpResult CorruptRing(const Operation& operation);

  // simulation_checks.cc
  void CheckStep();
  void CheckPeer();
  void CheckRings(const PeerView& view);
  void CheckInterrupts(const PeerView& view);
  void CheckMemory(const PeerView& view);
  void CheckRegions(const RegionList& theirs);
  void CheckStoppedMemory(const PeerView& view);
  RegionList OurRegions();
  void CheckComplaints();
  void CheckGone();
  void CheckCall(const char* name, virtio_user::Duration took, uint64_t calls);
  bool EndedUnheard();
  std::array<uint64_t, kSeenFaults> SeenFaults();
  void NoteFaults(OpKind kind, LifeState before);
  bool own_control() const { return device_->backend_caps().own_control_queue; }
  void Find(CheckerId checker, std::string text);
  // Runs a call of the device under the checks that hold for every call.
  template <typename Call>
  virtio_user::Result<void> Timed(const char* name, Call call);

  // simulation_promises.cc
  void NoteState();
  void CheckFate(LifeState before, OpKind kind);
  void CheckEvents(const virtio_user::DeviceEvents& events);
  void CheckRequests();
  void CheckConfig(const virtio_user::Result<void>& done,
                   std::optional<virtio_user::MacAddress> mac,
                   std::optional<uint16_t> mtu);
  void NoteCommand(const CommandOutcome& outcome);
  void CheckSaidAgain();
  void CheckMtuTold();
  void CheckOffloadsTold();
  void ForgetCommands();

  // simulation_liveness.cc
  void Recover();
  void MakeRoom();
  bool BringUp();
  // On pair `core`, while everything else goes on being disturbed.
  void CheckTraffic(uint16_t core);
  uint16_t ChooseCore();
  void DisturbElsewhere(uint16_t core);

  OpResult Do(const Operation& operation);
  OpResult ResultOf(const virtio_user::Result<void>& done, const char* name,
                    bool expected);
  // Nothing has disturbed this session, up to now.
  bool Undisturbed();
  void Disturb() { disturbed_ = lasts_ = true; }
  // Faults that have come to pass, of every kind.
  uint64_t happened();
  void NewSession();
  void LeavePeer();

  const Scenario scenario_;
  const SimulationOptions options_;
  std::unique_ptr<SimStack> stack_;
  std::unique_ptr<SimDriver> driver_;  // Its memory goes after the device.
  std::unique_ptr<virtio_user::Device> device_;

  size_t step_ = 0;
  bool over_ = false;
  bool aged_ = false;  // Once in a run: it takes long.
  std::vector<Finding> findings_;
  Coverage coverage_;
  std::array<uint64_t, kSeenFaults> faults_noted_{};
  // Since the session began: a fault, a lie, a hostile ring.
  bool disturbed_ = false;
  bool ring_broken_ = false;  // Of the driver's.
  bool lasts_ = false;        // And not over with the next start.
  bool rings_corrupted_ = false;
  // By a shrink: a stopped back-end hears of parts at the next start.
  bool region_cut_ = false;
  bool memory_trouble_ = false;
  bool rings_kept_ = false;        // By the last Reattach.
  bool pairs_incomplete_ = false;  // A Configure failed half way.
  bool peer_there_ = true;
  bool other_peer_ = false;       // The next session is with somebody else.
  bool peer_varied_ = false;      // One of this device's may have been.
  std::string why_not_;           // BringUp failed.
  uint64_t happened_before_ = 0;  // Faults, at the end of the last step.

  uint32_t last_salt_ = 0;     // Of an operation.
  uint64_t lies_in_call_ = 0;  // Answers against the protocol, in the last one.
  LifeState last_life_ = LifeState::kNone;  // After it.
  bool reset_untold_ = false;  // kNeedsReset was entered, and Poll not called.
  bool pairs_untold_ = false;  // Likewise, VQ_PAIRS_SET was refused.
  // What the embedder knows of the link.
  virtio_user::LinkState link_told_ = virtio_user::LinkState::kDown;
  // What acked commands since Negotiate have come to, as the driver knows.
  virtio_user::ControlState commanded_;
  // The same as a device of its own keeps it, by what replaces what.
  std::map<std::vector<std::byte>, std::string> said_;
  bool said_is_sure_ = true;  // Nothing has disturbed since Negotiate.
};

// A whole run of a script, liveness and all.
RunReport RunScript(const Script& script, SimulationOptions options = {});

}  // namespace backend_sim

#endif  // BACKEND_SIM_SIMULATION_SIMULATION_H_
