// SPDX-License-Identifier: BSD-3-Clause
//
// Trying everything of a kind in a process of its own: a case that crashes or
// never ends is named.

#ifndef CLI_EXPLORE_GUARD_H_
#define CLI_EXPLORE_GUARD_H_

#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include "backend_sim/explore/parallel.h"
#include "cli/console.h"
#include "cli/exit_code.h"

namespace virtio_user::cli {

// Sends a line, without its end, to the process that waits.
using TellLine = std::function<void(const std::string& line)>;

struct GuardedExploration {
  // In the process; it goes by the options that it is given.
  std::function<void(const backend_sim::ExploreOptions&, const TellLine&)> work;
  // In this one, also of what was told before a crash.
  std::function<void(const std::string& line)> on_line;
  // The command line that does a case of this name again; "": there is none.
  std::function<std::string(const std::string& name)> again;
  std::chrono::seconds patience{60};  // For one case.
};

struct GuardedEnd {
  bool interrupted = false;
  // A crash, a case without an end, or that there was no process.
  std::optional<Failure> failure;
};

// Requires: no other thread runs.
GuardedEnd ExploreGuarded(const GuardedExploration& exploration,
                          const backend_sim::ExploreOptions& options,
                          const Console& console);

}  // namespace virtio_user::cli

#endif  // CLI_EXPLORE_GUARD_H_
