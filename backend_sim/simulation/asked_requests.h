// SPDX-License-Identifier: BSD-3-Clause
//
// What the simulated back-end asked of its front-end, and what it was answered.

#ifndef BACKEND_SIM_SIMULATION_ASKED_REQUESTS_H_
#define BACKEND_SIM_SIMULATION_ASKED_REQUESTS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "backend_sim/sim_request_channel.h"
#include "backend_sim/wire.h"

namespace backend_sim {

// Of the stream of one session; another stream begins anew.
class AskedRequests {
 public:
  // A request was put into `stream`.
  void Note(const WireHeader& header, const SimRequestStream& stream);
  // Takes the answers out of `stream` (null: there is none); what is wrong.
  // Requires: the front-end has looked since the last Note.
  std::optional<std::string> Check(SimRequestStream* stream);
  // Whether a change of the configuration was announced and read, since the
  // last call that said so.
  bool TakeConfigChange(const SimRequestStream* stream);

 private:
  std::optional<std::string> TakeAnswers(SimRequestStream& stream);

  uint64_t stream_ = 0;               // By number; 0: none.
  std::vector<uint32_t> unanswered_;  // Requests, in order.
  bool config_changed_ = false;
  bool broken_ = false;  // What came then cannot be a request.
};

}  // namespace backend_sim

#endif  // BACKEND_SIM_SIMULATION_ASKED_REQUESTS_H_
