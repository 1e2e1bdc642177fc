// SPDX-License-Identifier: BSD-3-Clause
//
// Everything outside of a front-end, made from one seed: the four seams that
// it is built on, and the back-end behind them.

#ifndef BACKEND_SIM_SIM_WORLD_H_
#define BACKEND_SIM_SIM_WORLD_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "backend_sim/entropy.h"
#include "backend_sim/fault_plan.h"
#include "backend_sim/fd_table.h"
#include "backend_sim/personality.h"
#include "backend_sim/sim_channel.h"
#include "backend_sim/sim_clock.h"
#include "backend_sim/sim_memory.h"
#include "backend_sim/sim_quiescer.h"
#include "backend_sim/trace.h"
#include "backend_sim/transcript.h"
#include "backend_sim/vhost_user_server.h"

namespace backend_sim {

struct SimWorldOptions {
  uint64_t seed = 1;
  Personality personality = Personality::Conforming();
  PacketEngineOptions packets = {};
  SimChannelOptions channel = {};
  SimMemoryOptions memory = {};
  TraceOptions trace = {};
  std::vector<Fault> faults = {};
  int fd_limit = 4096;  // Of the front-end's process.
};

// The seed enters the trace, so that runs with different seeds never have the
// same hash. Not movable: its parts point at each other.
class SimWorld {
 public:
  explicit SimWorld(SimWorldOptions options = {});
  // With a driver of its own: a script, a fuzzer's bytes.
  SimWorld(SimWorldOptions options, std::unique_ptr<Entropy> entropy);
  SimWorld(const SimWorld&) = delete;
  SimWorld& operator=(const SimWorld&) = delete;

  // The seams, for the front-end.
  FdTable& fds() { return fds_; }
  SimMemory& memory() { return memory_; }
  SimChannel& channel() { return channel_; }
  // For who wants to own its channel: forwards to channel(), and detaches it
  // at its end. The world outlives it.
  std::unique_ptr<virtio_user::Channel> MakeChannel();
  SimQuiescer& quiescer() { return quiescer_; }

  // Behind them.
  Entropy& entropy() { return *entropy_; }
  Trace& trace() { return trace_; }
  SimClock& clock() { return clock_; }
  FaultPlan& faults() { return faults_; }
  FdTable& server_fds() { return server_fds_; }
  VhostUserServer& server() { return server_; }
  VhostModel& model() { return server_.model(); }
  const std::vector<Violation>& violations() {
    return server_.model().violations();
  }

  // One turn of the back-end: it reads what was sent, then serves its rings
  // once. How much it did; 0: nothing was there to do.
  size_t Step();
  // Steps until nothing is left to do, at most `max_steps` times; how much.
  size_t RunUntilIdle(size_t max_steps = 10000);

  std::string hash() const { return trace_.hash(); }
  std::string transcript(const TranscriptOptions& options = {}) const {
    return Transcript(trace_.records(), options);
  }

 private:
  virtio_user::Result<virtio_user::FileDescriptor> Memory(size_t bytes);

  std::unique_ptr<Entropy> entropy_;
  Trace trace_;
  SimClock clock_;
  FaultPlan faults_;
  FdTable fds_;
  FdTable server_fds_;
  SimMemory memory_;
  std::unique_ptr<Entropy> packet_entropy_;
  std::unique_ptr<Entropy> server_entropy_;
  VhostUserServer server_;
  SimChannel channel_;
  SimQuiescer quiescer_;
};

}  // namespace backend_sim

#endif  // BACKEND_SIM_SIM_WORLD_H_
