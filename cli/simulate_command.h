// SPDX-License-Identifier: BSD-3-Clause

#ifndef CLI_SIMULATE_COMMAND_H_
#define CLI_SIMULATE_COMMAND_H_

#include <cstdint>
#include <optional>
#include <string>

#include "backend_sim/simulation/seed_run.h"
#include "cli/command_options.h"
#include "cli/console.h"
#include "cli/exit_code.h"
#include "cli/seed_fleet.h"

namespace virtio_user::cli {

struct SimulateArguments {
  std::optional<uint64_t> seed;
  uint64_t seeds = 1000;
  uint64_t from = 1;
  uint32_t steps = backend_sim::SeedRunOptions{}.steps;
  std::optional<uint32_t> jobs;  // Nothing: as many as there are processors.
  std::optional<std::string> personality;
  bool check_determinism = false;
  bool keep_going = false;
  uint32_t timeout_seconds = 60;
  std::optional<std::string> json_path;
  std::optional<std::string> hashes_path;
};

// Declares `vuser simulate`; `arguments` outlives `app`.
void AddSimulateCommand(const Command& app, SimulateArguments& arguments);

// What is wrong with them, by option, value and what is allowed; else "". Looks
// at no file but those of --json and --hashes.
std::string WrongSimulateArguments(const SimulateArguments& arguments);

// `vuser simulate`: many seeds, and what they came to.
ExitCode SimulateCommand(const SimulateArguments& arguments,
                         const Console& console);

// One seed, in this process; `twice`: again, and the two compared.
SeedOutcome SimulateSeed(uint64_t seed,
                         const backend_sim::SeedRunOptions& options,
                         bool twice);
// What a report means for who looks at it.
SeedOutcome OutcomeOf(const backend_sim::RunReport& report);

}  // namespace virtio_user::cli

#endif  // CLI_SIMULATE_COMMAND_H_
