// SPDX-License-Identifier: BSD-3-Clause

#ifndef BACKEND_SIM_VHOST_NET_WORLD_H_
#define BACKEND_SIM_VHOST_NET_WORLD_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "backend_sim/fd_table.h"
#include "backend_sim/kernel_server.h"
#include "backend_sim/sim_clock.h"
#include "backend_sim/sim_memory.h"
#include "backend_sim/sim_quiescer.h"
#include "backend_sim/tap_file.h"
#include "backend_sim/trace.h"
#include "backend_sim/vhost_net_file.h"

namespace backend_sim {

struct VhostNetWorldOptions {
  VhostNetOptions vhost = {};
  SimMemoryOptions memory = {};
  TraceOptions trace = {};
};

// A machine with /dev/vhost-net and /dev/net/tun, and one process on it. Not
// movable: its parts point at each other.
class VhostNetWorld {
 public:
  explicit VhostNetWorld(const VhostNetWorldOptions& options = {});
  VhostNetWorld(const VhostNetWorld&) = delete;
  VhostNetWorld& operator=(const VhostNetWorld&) = delete;

  // The process's side.
  KernelServer& calls() { return calls_; }
  FdTable& fds() { return fds_; }
  SimMemory& memory() { return memory_; }
  SimQuiescer& quiescer() { return quiescer_; }

  // The kernel's.
  SimClock& clock() { return clock_; }
  Trace& trace() { return trace_; }
  FdTable& kernel_fds() { return kernel_fds_; }
  TapDriver& taps() { return taps_; }
  // The open files of vhost-net, in the order of opening.
  std::vector<std::shared_ptr<VhostNetFile>> vhosts() const;

  // Every ring once; how much there was to do.
  size_t Step() { return calls_.Step(); }
  size_t RunUntilIdle(size_t max_steps = 10000);

 private:
  Trace trace_;
  SimClock clock_;
  FdTable kernel_fds_;
  TapDriver taps_;
  std::vector<std::weak_ptr<VhostNetFile>> vhosts_;
  FdTable fds_;
  SimMemory memory_;
  KernelServer calls_;
  SimQuiescer quiescer_;
};

}  // namespace backend_sim

#endif  // BACKEND_SIM_VHOST_NET_WORLD_H_
