// SPDX-License-Identifier: BSD-3-Clause
//
// One life of a device on the simulated back-end, with faults in it, and what
// must hold whatever they are.

#ifndef BACKEND_SIM_EXPLORE_FAULT_LIFE_H_
#define BACKEND_SIM_EXPLORE_FAULT_LIFE_H_

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "backend_sim/explore/fault_choice.h"
#include "backend_sim/explore/plain_driver.h"
#include "backend_sim/sim_world.h"
#include "virtio_user/device/device.h"
#include "virtio_user/vhost/vhost_backend.h"

namespace backend_sim {

// A call to the back-end, as the trace tells of it.
struct BackendCall {
  uint32_t request = 0;
  bool answered = false;
};

// How the device gets its back-end: production's, unless somebody wants to see
// whether a wrong one is found.
using MakeBackend =
    std::function<std::unique_ptr<virtio_user::VhostBackend>(SimWorld&)>;
std::unique_ptr<virtio_user::VhostBackend> MakeVhostUserBackend(
    SimWorld& world);

// The call number `nth` (1: the first) of a kind fails on one side, counted
// from before Create.
struct FdFault {
  bool backend = false;  // Else the front-end's.
  FdCall call = FdCall::kCreateEvent;
  uint64_t nth = 1;

  std::string Text() const;
};
// How often each side makes each kind of call.
using FdCallCounts = std::array<std::array<uint64_t, kFdCalls>, 2>;

struct FaultLifeOptions {
  uint16_t pairs = 1;
  FaultChoices faults = {};
  std::optional<FdFault> fd_fault = {};
  bool keep_calls = false;  // LifeResult::calls and the transcript.
  MakeBackend make_backend = MakeVhostUserBackend;
};

struct FaultLifeResult {
  size_t happened = 0;  // Faults.
  // With keep_calls: from the first Start on, those of the life that the
  // faults may be in, and those of the recovery from them.
  std::vector<BackendCall> calls;
  size_t first_life_calls = 0;
  FdCallCounts fd_calls{};  // In the life and the recovery; backend second.
  std::string transcript;
  std::string wrong;  // Empty: all was as it must be.
};

// Create, Start, all pairs, Stop: the life. Then the recovery: Reattach if it
// takes one, Start, all pairs, Stop. Faults may be in either. Then everything
// once more with a back-end that behaves, without anything wrong, and the end,
// which leaves nothing behind.
FaultLifeResult LiveWithFaults(const FaultLifeOptions& options);

// Likewise of faults whose requests are not known, in the order in which they
// happen; with its calls and its transcript.
FaultLifeResult LiveAgain(uint16_t pairs, const FaultChoices& faults);

}  // namespace backend_sim

#endif  // BACKEND_SIM_EXPLORE_FAULT_LIFE_H_
