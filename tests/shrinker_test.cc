// SPDX-License-Identifier: BSD-3-Clause

#include "backend_sim/simulation/shrinker.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "backend_sim/simulation/seed_run.h"

namespace backend_sim {
namespace {

Script SomeScript() {
  SeedRunOptions options{.steps = 120};
  options.simulation.trace = {.keep_last = 0, .keep_all = false};
  return RunSeed(11, options).script;
}

bool Has(const Script& script, OpKind kind) {
  return std::ranges::any_of(
      script.operations,
      [&](const Operation& operation) { return operation.kind == kind; });
}

TEST(Shrinker, LeavesTheOperationsThatItTakesAndNoOther) {
  Script script = SomeScript();
  script.operations.insert(script.operations.begin() + 40,
                           {.kind = OpKind::kGrowMemory, .a = 777, .b = 13});
  script.operations.push_back({.kind = OpKind::kRefreshConfig, .salt = 9});
  const auto fails = [](const Script& candidate) {
    return Has(candidate, OpKind::kGrowMemory) &&
           candidate.operations.back().kind == OpKind::kRefreshConfig;
  };

  const Shrunk shrunk = Shrink(script, fails);

  EXPECT_TRUE(shrunk.complete);
  ASSERT_EQ(shrunk.script.operations.size(), 2u);
  EXPECT_EQ(shrunk.script.operations[0],
            (Operation{.kind = OpKind::kGrowMemory}));
  EXPECT_EQ(shrunk.script.operations[1],
            (Operation{.kind = OpKind::kRefreshConfig}));
  EXPECT_EQ(shrunk.script.scenario, Scenario());
}

TEST(Shrinker, KeepsWhatAnArgumentStandsFor) {
  Script script;
  script.scenario.pairs = 8;
  script.operations = {{.kind = OpKind::kFault, .a = 31 * 9 + 4, .b = 5000}};
  const auto fails = [](const Script& candidate) {
    return candidate.operations.size() == 1 &&
           candidate.operations[0].a % 31 == 4 && candidate.scenario.pairs >= 2;
  };

  const Shrunk shrunk = Shrink(script, fails);

  EXPECT_EQ(shrunk.script.operations[0].a, 4u);
  EXPECT_EQ(shrunk.script.operations[0].b, 0u);
  EXPECT_EQ(shrunk.script.scenario.pairs, 2u);
}

TEST(Shrinker, EndsAfterSoManyRuns) {
  uint64_t runs = 0;
  const auto fails = [&](const Script&) {
    ++runs;
    return false;
  };

  const Shrunk shrunk = Shrink(SomeScript(), fails, {.max_runs = 5});

  EXPECT_EQ(runs, 5u);
  EXPECT_EQ(shrunk.runs, 5u);
}

}  // namespace
}  // namespace backend_sim
