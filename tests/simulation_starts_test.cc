// SPDX-License-Identifier: BSD-3-Clause
//
// A start that fails at any of its messages, and the one after it: rings go on
// where they stood, and what has gone is named no more.

#include <gtest/gtest.h>

#include <string>

#include "backend_sim/fault_plan.h"
#include "backend_sim/simulation/script.h"
#include "backend_sim/simulation/simulation.h"

namespace backend_sim {
namespace {

// Of a fault operation: which kind, after how many messages.
uint32_t Planted(FaultKind kind, uint32_t messages) {
  return static_cast<uint32_t>(kind) +
         static_cast<uint32_t>(kFaultKinds) * messages;
}

struct StartsCase {
  uint32_t pairs;
  uint32_t packed;
  uint32_t sleeps;
};

class Starts : public testing::TestWithParam<StartsCase> {};

TEST_P(Starts, AfterOneThatWasRefusedAnywhereRingsGoOnWhereTheyStood) {
  constexpr uint32_t kMostMessages = 32;
  size_t failed = 0;
  for (uint32_t message = 0; message < kMostMessages; ++message) {
    Simulation simulation({.pairs = GetParam().pairs,
                           .packed = GetParam().packed,
                           .sleeps = GetParam().sleeps});
    for (const Operation& operation :
         {Operation{.kind = OpKind::kCreate},
          {.kind = OpKind::kNegotiate},
          {.kind = OpKind::kConfigure, .a = 1},
          {.kind = OpKind::kStart},
          {.kind = OpKind::kReceive, .b = 15},
          {.kind = OpKind::kTransmit, .b = 3},
          {.kind = OpKind::kServe, .a = 3},
          {.kind = OpKind::kStop},
          {.kind = OpKind::kFault, .a = Planted(FaultKind::kRefuse, message)},
          {.kind = OpKind::kStart}}) {
      ASSERT_TRUE(simulation.Step(operation)) << message;
    }
    failed += simulation.life() == LifeState::kNegotiated ? 1 : 0;
    for (const OpKind kind :
         {OpKind::kClearFaults, OpKind::kStart, OpKind::kReceive,
          OpKind::kTransmit, OpKind::kServe, OpKind::kReceive}) {
      ASSERT_TRUE(simulation.Step({.kind = kind, .b = 7}))
          << "message " << message << ": "
          << simulation.findings().front().Text();
    }
    EXPECT_EQ(simulation.Finish().FirstText(), "") << message;
  }
  // Others lose the connection, or come after the last message.
  EXPECT_GT(failed, 10u);
}

INSTANTIATE_TEST_SUITE_P(All, Starts,
                         testing::Values(StartsCase{1, 0, 0},
                                         StartsCase{1, 1, 0},
                                         StartsCase{2, 0, 1},
                                         StartsCase{2, 1, 1}));

// The start fails on one region too many; then one goes, which cannot be told
// beside a part of another that has gone.
TEST(StartAfterMemoryHasGone, NamesItNoMore) {
  const auto script = ScriptFromText(R"(
set pairs 3
set max_regions 16
create
add-memory
add-memory
reset
configure a=2
add-memory
add-memory
add-memory
add-memory
start
reset
add-memory
shrink-memory
fault a=749
start
)");
  ASSERT_TRUE(script) << script.error();
  EXPECT_EQ(RunScript(*script).FirstText(), "");
}

}  // namespace
}  // namespace backend_sim
