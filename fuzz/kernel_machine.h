// SPDX-License-Identifier: BSD-3-Clause

#ifndef FUZZ_KERNEL_MACHINE_H_
#define FUZZ_KERNEL_MACHINE_H_

#include <cstdint>
#include <memory>
#include <string>

#include "backend_sim/fd_table.h"
#include "backend_sim/kernel_server.h"
#include "backend_sim/sim_clock.h"
#include "backend_sim/sim_memory.h"
#include "backend_sim/simulation/seam.h"
#include "backend_sim/tap_file.h"
#include "backend_sim/trace.h"
#include "backend_sim/vdpa_device.h"
#include "backend_sim/vhost_net_file.h"
#include "virtio_user/vhost/vhost_backend.h"

namespace fuzz {

// What its user does, of what may be done in more than one way.
struct KernelUse {
  bool packed = false;       // Where the kernel offers it.
  bool goes_on = false;      // Rings do not begin at their begin.
  bool many = false;         // Two pairs, where a vDPA device has them.
  bool no_commands = false;  // Without CTRL_VQ.
  bool legacy = false;       // Without VERSION_1 and MRG_RXBUF.
};

// A simulated machine with /dev/vhost-net and one vDPA device, and a process
// on it. What was mapped for one is used by the next.
class KernelMachine {
 public:
  // `choice` is any number: which back-end is used, and what the device has.
  explicit KernelMachine(uint16_t choice);
  KernelMachine(const KernelMachine&) = delete;
  KernelMachine& operator=(const KernelMachine&) = delete;

  // Not attached yet. `kernel`, which answers for calls(), outlives it.
  std::unique_ptr<virtio_user::VhostBackend> MakeBackend(
      virtio_user::KernelCalls& kernel);

  // Of vhost-net's back-end; 0: it is a vDPA device's.
  uint32_t vhost_pairs() const;
  KernelUse use() const;
  backend_sim::KernelServer& calls() { return server_; }
  backend_sim::FdTable& fds() { return fds_; }
  backend_sim::SimMemory& memory() { return memory_; }
  virtio_user::Duration now() const { return clock_.now(); }

  // Descriptors, mappings of descriptors and of devices that the process still
  // has beside its own memory, and descriptors that it has used wrongly.
  std::string Left();

 private:
  const uint16_t choice_;
  backend_sim::Trace trace_;
  backend_sim::SimClock clock_;
  backend_sim::FdTable kernel_fds_;
  backend_sim::TapDriver taps_;
  backend_sim::FdTable fds_;
  backend_sim::SimMemory memory_;
  backend_sim::VdpaDevice vdpa_;
  backend_sim::KernelServer server_;
  // vhost-net's back-end owns its calls, which are somebody else's here.
  backend_sim::SeamWatch watch_;
  const size_t fds_before_;
  const size_t maps_before_;
};

}  // namespace fuzz

#endif  // FUZZ_KERNEL_MACHINE_H_
