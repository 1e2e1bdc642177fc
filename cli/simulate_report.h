// SPDX-License-Identifier: BSD-3-Clause

#ifndef CLI_SIMULATE_REPORT_H_
#define CLI_SIMULATE_REPORT_H_

#include <string>

#include "cli/seed_fleet.h"
#include "cli/simulate_command.h"

namespace virtio_user::cli {

struct SimulateSummary {
  const SimulateArguments& arguments;
  const FleetOptions& fleet;
  const FleetResult& result;
};

// For people; the last line is the verdict.
std::string SimulateText(const SimulateSummary& summary);
std::string SimulateJson(const SimulateSummary& summary);

}  // namespace virtio_user::cli

#endif  // CLI_SIMULATE_REPORT_H_
