// SPDX-License-Identifier: BSD-3-Clause
//
// Does a simulated run once more, and judges it.

#ifndef CLI_REPLAY_RUN_H_
#define CLI_REPLAY_RUN_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <variant>

#include "backend_sim/simulation/script.h"
#include "backend_sim/simulation/seed_run.h"
#include "cli/console.h"
#include "cli/exit_code.h"
#include "cli/guarded_child.h"
#include "cli/recorded_run.h"

namespace virtio_user::cli {

struct SeedToReplay {
  uint64_t seed = 0;
  uint32_t steps = backend_sim::SeedRunOptions{}.steps;
  std::optional<std::string> backend = {};
};
using ToReplay = std::variant<backend_sim::Script, SeedToReplay>;

struct Verdict {
  ExitCode code = ExitCode::kPass;
  std::string text = "pass";   // Or "FAIL (why)".
  std::string brief = "pass";  // The same in a few words.
};

struct Replay {
  RecordedRun run;
  Verdict verdict;
};

// Twice, since a run that does not come out the same again cannot be looked
// for. Requires: the scenario can be.
void ReplayTwice(const ToReplay& what, RunWriter& writer);

// What is to be said of a run that ended so.
Verdict Judge(const RecordedRun& run, const ChildEnd& end,
              std::chrono::milliseconds timeout);

// `work` runs in a process of its own.
Replay ReplayGuarded(const std::function<void(RunWriter&)>& work,
                     std::chrono::milliseconds timeout, const Console& console);

}  // namespace virtio_user::cli

#endif  // CLI_REPLAY_RUN_H_
