// SPDX-License-Identifier: BSD-3-Clause
//
// Everything under a Device in a simulated run: the seams that it is built on
// and one kind of back-end behind them.

#ifndef BACKEND_SIM_SIMULATION_STACK_H_
#define BACKEND_SIM_SIMULATION_STACK_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "backend_sim/fault_plan.h"
#include "backend_sim/fd_table.h"
#include "backend_sim/mapping_pool.h"
#include "backend_sim/ring_model.h"
#include "backend_sim/sim_clock.h"
#include "backend_sim/sim_memory.h"
#include "backend_sim/sim_quiescer.h"
#include "backend_sim/simulation/op_entropy.h"
#include "backend_sim/simulation/scenario.h"
#include "backend_sim/simulation/seam.h"
#include "backend_sim/trace.h"
#include "backend_sim/violation.h"
#include "virtio_user/vhost/vhost_backend.h"

namespace backend_sim {

// As (published address, bytes).
using RegionList = std::vector<std::pair<uint64_t, uint64_t>>;

// What the other end looks like now, for checkers.
struct PeerView {
  bool connected = false;
  uint64_t offered = 0;   // Features,
  uint64_t told = 0;      // and what it was told of them, if
  bool was_told = false;  // it was, since its last reset.
  // What this kind of back-end is told beside what the driver accepted.
  uint64_t by_itself = 0;
  std::vector<const RingModel*> rings = {};  // By the device's index.
  // Regions that it has; one list for each part of it that keeps its own.
  std::vector<RegionList> region_lists = {};
  // SET_FEATURES has it forget what it was told to signal.
  bool forgets_calls = false;
  // Frames are spread over the queues of so many pairs; nothing: what they are
  // spread over has no such queues.
  std::optional<size_t> spread_over = {};
  // The MTU that its configuration space says, where it says one, and the one
  // that it was told.
  std::optional<uint16_t> mtu = {};
  std::optional<uint64_t> told_mtu = {};
  // Whether its interface was told that checksums may be left undone; nothing:
  // it has no interface to tell.
  std::optional<bool> leaves_checksums = {};
};

// A rule that the front-end broke.
struct Complaint {
  Rule rule = Rule::kNone;
  std::string text;
};

// A back-end that breaks rules or ends sessions by itself: nothing can be
// expected of it but that the front-end survives.
enum class Temper : uint8_t { kGood, kBad };

class SimStack {
 public:
  // `entropy` is the implementation's own.
  explicit SimStack(OpEntropy* entropy) : entropy_(entropy) {}
  SimStack(const SimStack&) = delete;
  SimStack& operator=(const SimStack&) = delete;
  virtual ~SimStack() = default;

  // The seams.
  virtual std::unique_ptr<virtio_user::VhostBackend> MakeBackend() = 0;
  virtual FdTable& fds() = 0;
  virtual SimMemory& memory() = 0;
  virtual SimQuiescer& quiescer() = 0;

  // Behind them.
  virtual Trace& trace() = 0;
  virtual SimClock& clock() = 0;
  virtual FdTable& peer_fds() = 0;
  // One turn of the back-end; how much there was to do.
  virtual size_t Step() = 0;
  // Of it, what it does beside its messages. May be called from inside a seam.
  virtual size_t ServeRings() { return Step(); }
  virtual PeerView View() = 0;
  // What the back-end had to complain about since the last call.
  virtual std::vector<Complaint> TakeComplaints() = 0;
  virtual Temper temper() = 0;
  // Whether what it says in rings is part of its temper.
  virtual bool lies_in_rings() { return false; }
  // Answers of the main stream that broke the protocol.
  virtual uint64_t lie_count() { return 0; }
  // The address that this session was last asked to announce.
  virtual std::optional<std::array<uint8_t, 6>> LastRarp() { return {}; }
  // Once the front-end has looked: what is wrong with how it answered the
  // back-end's own requests.
  virtual std::optional<std::string> CheckRequests() { return {}; }
  // Whether the front-end has read since the last call that the configuration
  // is another one.
  virtual bool TakeConfigChange() { return false; }
  // What the device's own control queue has served since the last call: class,
  // command and data in decimal, and the ack.
  virtual std::vector<std::string> TakeCommands() { return {}; }
  // Queue pairs that it has, as it was at the beginning.
  virtual uint32_t max_pairs() = 0;
  virtual bool has_packed() = 0;
  // Whether it can be asked to announce an address, in this session.
  virtual bool takes_rarp() { return false; }
  // Whether its session can end by itself, as a socket's does.
  virtual bool SessionsEnd() { return false; }

  // What may happen to it.
  // False: this kind cannot.
  virtual bool PeerCloses() { return false; }
  virtual void PeerConnects(uint32_t /*choice*/) {}
  // As at the beginning: there, with all that it had, and well-behaved as far
  // as its kind goes.
  virtual void PeerIsItselfAgain() {}
  virtual void ChangeConfig(uint32_t /*choice*/) {}
  virtual void BackendRequest(uint32_t /*choice*/) {}
  virtual void AddFault(uint32_t /*kind_and_delay*/, uint32_t /*argument*/) {}
  virtual void FailKernel(uint32_t /*delay*/, uint32_t /*choice*/) {}
  virtual void ClearFaults() {}
  // Faults that were planted and have not happened, and those that have.
  virtual size_t waiting_faults() { return 0; }
  virtual size_t happened_faults() { return 0; }
  // Adds those of the stream that have happened, by FaultKind.
  virtual void CountFaults(std::span<uint64_t> /*by_kind*/) {}

  OpEntropy& entropy() { return *entropy_; }
  SeamWatch& watch() { return watch_; }

 protected:
  SeamWatch watch_;

 private:
  OpEntropy* const entropy_;
};

struct StackOptions {
  Scenario scenario;
  TraceOptions trace = {};
  std::shared_ptr<MappingPool> mappings = {};  // See SimMemoryOptions.
};

SimMemoryOptions MemoryOptionsOf(const StackOptions& options);

// By scenario.backend.
std::unique_ptr<SimStack> MakeStack(const StackOptions& options);

std::unique_ptr<SimStack> MakeVhostUserStack(const StackOptions& options);
std::unique_ptr<SimStack> MakeVhostNetStack(const StackOptions& options);
std::unique_ptr<SimStack> MakeVdpaStack(const StackOptions& options);

}  // namespace backend_sim

#endif  // BACKEND_SIM_SIMULATION_STACK_H_
