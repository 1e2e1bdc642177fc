// SPDX-License-Identifier: BSD-3-Clause
//
// What a simulated run begins with: which back-end, which device, how the
// stream between them behaves.

#ifndef BACKEND_SIM_SIMULATION_SCENARIO_H_
#define BACKEND_SIM_SIMULATION_SCENARIO_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "backend_sim/entropy.h"

namespace backend_sim {

// Plain numbers, so that a scenario is a list of lines "set name value".
struct Scenario {
  // A back-end's name, see BackendNames().
  std::string backend = "conforming";
  uint32_t pairs = 1;
  uint32_t queue_size = 8;
  uint32_t control_queue = 1;
  uint32_t packed = 0;
  uint32_t in_order = 1;
  uint32_t mrg_rxbuf = 1;
  uint32_t mac = 1;          // The user gives an address.
  uint32_t mtu = 0;          // The user gives an MTU; 0: none.
  uint32_t server_mode = 0;  // The front-end listens.
  uint32_t first_kick = 0;   // A ring starts when its first kick comes.
  uint32_t sleeps = 0;       // A TX ring is left alone until it is kicked.
  uint32_t pace = 0;         // ServerPace.
  uint32_t short_send_percent = 0;
  uint32_t short_receive_percent = 0;
  uint32_t max_regions = 8;  // That the back-end says it takes.
  uint32_t max_pairs = 128;  // That a vhost-user back-end has; it may be fewer.
  uint32_t regions = 2;      // That the process has from the start.
  uint32_t fd_limit = 4096;  // Of the process.
  // Percentage of calls across the seam during which pollers and the back-end
  // work, as they do in threads of their own.
  uint32_t interleave_percent = 0;

  friend bool operator==(const Scenario&, const Scenario&) = default;
};

// Names of back-ends: the personalities of a vhost-user server, and the
// kernel's "vhost-net" and "vdpa".
const std::vector<std::string>& BackendNames();
bool IsBackend(std::string_view name);

// Draws one; `backend`: this and no other.
Scenario DrawScenario(Entropy& entropy,
                      const std::optional<std::string>& backend = {});

// Lines "set pairs 4", without those that are as in Scenario{}.
std::string ToText(const Scenario& scenario);
// Takes one such line into `scenario`; what is wrong with it, or nothing.
std::optional<std::string> SetFromText(std::string_view name,
                                       std::string_view value,
                                       Scenario& scenario);
// Why nothing can be run with these numbers; nothing: it can.
std::optional<std::string> CheckScenario(const Scenario& scenario);

}  // namespace backend_sim

#endif  // BACKEND_SIM_SIMULATION_SCENARIO_H_
