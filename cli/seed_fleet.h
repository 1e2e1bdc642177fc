// SPDX-License-Identifier: BSD-3-Clause
//
// Many simulated runs in several processes, each of which may crash or hang
// without taking the others along.

#ifndef CLI_SEED_FLEET_H_
#define CLI_SEED_FLEET_H_

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "backend_sim/simulation/simulation.h"
#include "cli/console.h"
#include "cli/exit_code.h"

namespace virtio_user::cli {

enum class SeedVerdict : uint8_t {
  kPass,
  kViolation,
  kLiveness,
  kCrash,
  kHang,
  kNondeterminism,
};
std::string_view VerdictName(SeedVerdict verdict);
ExitCode ExitCodeOf(SeedVerdict verdict);

// Of one seed.
struct SeedOutcome {
  SeedVerdict verdict = SeedVerdict::kPass;
  std::string text = {};  // What was found; one line.
  std::array<uint64_t, 2> hash{};
  uint64_t events = 0;
  uint64_t steps = 0;
  backend_sim::Coverage coverage = {};
};

struct FleetOptions {
  uint64_t first = 1;
  uint64_t count = 1;
  uint32_t workers = 1;
  bool keep_going = false;  // Else no further seed begins after a failure.
  bool wants_hashes = false;
  std::chrono::seconds patience{60};  // For one seed.
};

struct SeedFailure {
  uint64_t seed = 0;
  SeedVerdict verdict = SeedVerdict::kViolation;
  std::string text;
};

struct FleetResult {
  uint64_t seeds = 0;  // That ended.
  uint64_t events = 0;
  uint64_t steps = 0;
  double seconds = 0;
  // Of all seeds together; in which order they ran makes no difference.
  std::array<uint64_t, 2> hash{};
  backend_sim::Coverage coverage = {};
  std::vector<SeedFailure> failures;  // By seed.
  // "SEED HASH", by seed, where they are wanted.
  std::vector<std::pair<uint64_t, std::string>> hashes;
  bool interrupted = false;
  std::string trouble;  // Why nothing could be run; "" if it could.
};

// Calls `run` for each seed, in child processes. One thread, and no other may
// be there.
FleetResult RunFleet(const FleetOptions& options,
                     const std::function<SeedOutcome(uint64_t seed)>& run,
                     const Console& console);

}  // namespace virtio_user::cli

#endif  // CLI_SEED_FLEET_H_
