// SPDX-License-Identifier: BSD-3-Clause

#ifndef CLI_EXPLORE_REPORT_H_
#define CLI_EXPLORE_REPORT_H_

#include <optional>
#include <string>
#include <vector>

#include "backend_sim/explore/count.h"
#include "backend_sim/explore/fault_explorer.h"
#include "backend_sim/explore/feature_proof.h"
#include "cli/exit_code.h"

namespace virtio_user::cli {

struct ExploreFeaturesResult {
  std::vector<backend_sim::ExploreCount> counts;
  std::optional<backend_sim::FeatureProof> proof;
  std::string no_proof;       // Why there is none.
  bool proof_needed = false;  // That is a failure.
  double seconds = 0;
  bool interrupted = false;

  // Why it is not good; nothing: it is.
  std::optional<Failure> failure() const;
};

struct ExploreFaultsResult {
  std::vector<backend_sim::FaultExploration> pairs;
  double seconds = 0;
  bool interrupted = false;
  // A crash, a case without an end.
  std::optional<Failure> ended_by = {};

  std::optional<Failure> failure() const;
};

// For people: tables and the verdict in the last line.
std::string ExploreReport(const ExploreFeaturesResult& result);
std::string ExploreReport(const ExploreFaultsResult& result);
// The same for programs. Ends with a newline.
std::string ExploreJson(const ExploreFeaturesResult& result);
std::string ExploreJson(const ExploreFaultsResult& result);

}  // namespace virtio_user::cli

#endif  // CLI_EXPLORE_REPORT_H_
