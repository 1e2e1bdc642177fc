// SPDX-License-Identifier: BSD-3-Clause

#ifndef BACKEND_SIM_EXPLORE_FEATURE_PROOF_H_
#define BACKEND_SIM_EXPLORE_FEATURE_PROOF_H_

#include <string>
#include <vector>

#include "backend_sim/explore/negotiation_subject.h"
#include "backend_sim/explore/solver.h"
#include "virtio_user/base/error.h"

namespace backend_sim {

struct Theorem {
  std::string claim;
  bool proved = false;
  std::string why_not;  // A counterexample by names, or what the solver said.
};

struct FeatureProof {
  std::string solver;  // Its version.
  std::vector<Theorem> theorems;

  bool Good() const;
};

// Proves of what was measured on the subject, for all masks of 64 bits (the
// closure: 128) and all options, that it is what the oracle's tables say.
// kUnsupported: there is no solver.
virtio_user::Result<FeatureProof> ProveFeatures(
    const NegotiationSubject& subject, const Solver& solver);

}  // namespace backend_sim

#endif  // BACKEND_SIM_EXPLORE_FEATURE_PROOF_H_
