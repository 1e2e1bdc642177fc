// SPDX-License-Identifier: BSD-3-Clause

#ifndef CLI_EXPLORE_SEQUENCES_REPORT_H_
#define CLI_EXPLORE_SEQUENCES_REPORT_H_

#include <cstdint>
#include <optional>
#include <string>

#include "backend_sim/simulation/sequences.h"
#include "cli/exit_code.h"

namespace virtio_user::cli {

struct ExploreSequencesResult {
  uint32_t depth = 0;     // Completely.
  uint64_t expected = 0;  // Sequences that there are.
  backend_sim::SequenceReport sequences = {};
  backend_sim::StateReport states = {};
  double seconds = 0;
  bool interrupted = false;
  // A crash, a case without an end.
  std::optional<Failure> ended_by = {};

  // Why it is not good; nothing: it is.
  std::optional<Failure> failure() const;
  // Of the first sequence in which something was found; null: none.
  const backend_sim::Script* failing() const;
};

// For people, the verdict in the last line; and for programs.
std::string ExploreReport(const ExploreSequencesResult& result);
std::string ExploreJson(const ExploreSequencesResult& result);

}  // namespace virtio_user::cli

#endif  // CLI_EXPLORE_SEQUENCES_REPORT_H_
