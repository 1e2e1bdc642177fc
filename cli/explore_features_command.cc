// SPDX-License-Identifier: BSD-3-Clause

#include "cli/explore_features_command.h"

#include <chrono>

#include "backend_sim/explore/feature_cases.h"
#include "backend_sim/explore/feature_proof.h"
#include "cli/explore_report.h"

namespace virtio_user::cli {
namespace {

constexpr const char* kFooter = R"text(
what happens:
  All offers that a back-end can make of the seed's 17 features, under 48 sets
  of options; every component of features that require each other, alone, under
  all 2048 sets; pairs of features that have nothing to do with each other.
  Negotiation is held against tables typed from the specification. Then a
  solver proves the same for all masks, of formulas that are measured on the
  code. Installing the solver: ./vuser setup explore
)text";

using backend_sim::ExploreCount;

ExploreCount SeedCount(const backend_sim::ExploreOptions& options) {
  ExploreCount count =
      ExploreSubsets(backend_sim::kSeedBits, backend_sim::SeedOptionSets(),
                     backend_sim::NegotiationSubject(), options);
  count.name = "the seed's 17 bits, 48 option sets";
  return count;
}

std::vector<ExploreCount> CountAll(const backend_sim::ExploreOptions& options) {
  const backend_sim::NegotiationSubject subject;
  std::vector<ExploreCount> counts = {SeedCount(options)};
  for (const auto& component :
       backend_sim::Components(backend_sim::feature_oracle::Implemented())) {
    counts.push_back(ExploreComponent(component, subject, options));
  }
  counts.push_back(ExploreClosure(subject, options));
  counts.push_back(ExplorePairs(~FeatureSet(), subject, options));
  return counts;
}

}  // namespace

void AddExploreFeaturesCommand(const Command& explore,
                               ExploreFeaturesArguments& arguments) {
  const Command features = explore.AddCommand(
      "features", "Every feature mask through the negotiation");
  AddExploreCommonOptions(features, arguments.common);
  features.AddFlag("--prove", arguments.prove,
                   "Fail where there is no solver to prove it with");
  features.Add("--solver", arguments.solver, "The program that proves")
      .ShowDefault()
      .Type("Z3");
  features.Footer(kFooter);
}

ExitCode ExploreFeaturesCommand(const ExploreFeaturesArguments& arguments,
                                const Console& console) {
  const auto options = CheckExploreCommon(arguments.common, console);
  if (!options) return TellFailure(options.error(), console);
  const auto begin = std::chrono::steady_clock::now();
  ExploreFeaturesResult result;
  result.proof_needed = arguments.prove;
  result.counts = CountAll(*options);
  if (!console.Interrupted()) {
    auto proof = ProveFeatures(backend_sim::NegotiationSubject(),
                               backend_sim::Solver(arguments.solver));
    if (proof) {
      result.proof = *std::move(proof);
    } else {
      result.no_proof = std::string(proof.error().text()) +
                        "; install the package z3: ./vuser setup explore";
    }
  }
  result.interrupted = console.Interrupted();
  result.seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin)
          .count();
  return WriteExploreResult({ExploreReport(result), ExploreJson(result)},
                            result.failure(), arguments.common, console);
}

}  // namespace virtio_user::cli
