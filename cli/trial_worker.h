// SPDX-License-Identifier: BSD-3-Clause
//
// Scripts that are run one after the other in a process of its own, which may
// crash or hang.

#ifndef CLI_TRIAL_WORKER_H_
#define CLI_TRIAL_WORKER_H_

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include "backend_sim/simulation/script.h"
#include "cli/console.h"
#include "cli/seed_fleet.h"

namespace virtio_user::cli {

// One process serves many runs, since most of them are shorter than a fork; one
// that died or had to be ended is replaced.
class TrialWorker {
 public:
  using Run = std::function<SeedOutcome(const backend_sim::Script&)>;

  // `run` is called in the process. Requires: no other thread runs.
  TrialWorker(Run run, std::chrono::seconds patience, const Console& console)
      : run_(std::move(run)), patience_(patience), console_(console) {}
  ~TrialWorker() { End(); }
  TrialWorker(const TrialWorker&) = delete;
  TrialWorker& operator=(const TrialWorker&) = delete;

  // Verdict and text of one run; nothing: the user wants an end, or there is
  // `trouble()`.
  std::optional<SeedOutcome> Try(const backend_sim::Script& script);
  // Likewise in a process that has run nothing before.
  std::optional<SeedOutcome> TryAfresh(const backend_sim::Script& script);

  // Why no process could be had; "": it could.
  const std::string& trouble() const { return trouble_; }

 private:
  bool Begin();
  int End();  // waitpid's status.
  [[noreturn]] void Serve(int socket) noexcept;
  std::optional<SeedOutcome> Wait();
  SeedOutcome Hung();

  const Run run_;
  const std::chrono::seconds patience_;
  const Console& console_;
  pid_t child_ = -1;
  int socket_ = -1;
  bool used_ = false;  // By a run before.
  std::string trouble_;
};

}  // namespace virtio_user::cli

#endif  // CLI_TRIAL_WORKER_H_
