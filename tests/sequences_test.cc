// SPDX-License-Identifier: BSD-3-Clause

#include "backend_sim/simulation/sequences.h"

#include <gtest/gtest.h>

#include <array>
#include <set>

namespace backend_sim {
namespace {

TEST(Sequences, AreAsManyAsTheyMustBe) {
  EXPECT_EQ(SequenceCount(1), 12u);
  EXPECT_EQ(SequenceCount(2), 12u + 144);
  EXPECT_EQ(SequenceCount(6), 3257436u);
}

TEST(Sequences, AllOfThemAreRunAndNothingIsFound) {
  for (uint32_t depth = 1; depth <= 4; ++depth) {
    const SequenceReport report = RunSequences({}, depth);
    EXPECT_EQ(report.finding, "");
    EXPECT_EQ(report.sequences, SequenceCount(depth));
  }
}

TEST(Sequences, PartsAreTheWhole) {
  SequenceReport all = RunSequences({}, 1);
  for (uint32_t op = 0; op < kLifeOps; ++op) {
    const std::array first{static_cast<LifeOp>(op)};
    all.Merge(RunSequences(first, 3));
  }
  EXPECT_EQ(all.sequences, SequenceCount(3));
}

TEST(Sequences, StatesEndSomewhere) {
  const StateReport report =
      ExploreStates(30, [](const StateReport&) { return true; });

  EXPECT_EQ(report.finding, "");
  EXPECT_TRUE(report.closed);
  EXPECT_GT(report.states, 100u);
  // From each state every operation was tried.
  uint64_t transitions = 0;
  for (const StateLevel& level : report.levels)
    transitions += level.transitions;
  EXPECT_EQ(transitions, report.states * kLifeOps);
}

TEST(Sequences, ALifeGoesWhereItsOperationsLead) {
  LifePlayer player(nullptr);
  for (const LifeOp op :
       {LifeOp::kCreate, LifeOp::kSetUp, LifeOp::kStart, LifeOp::kPairs,
        LifeOp::kMemory, LifeOp::kPeer, LifeOp::kPoll, LifeOp::kPeer,
        LifeOp::kReattach, LifeOp::kStart, LifeOp::kStop, LifeOp::kDestroy}) {
    EXPECT_TRUE(player.Play(op)) << LifeOpName(op);
  }
  EXPECT_EQ(player.TakeDown().FirstText(), "");
}

TEST(Sequences, StatesThatDifferHaveOtherNumbers) {
  std::set<uint64_t> states;
  LifePlayer player(nullptr);
  states.insert(player.StateHash());
  for (const LifeOp op :
       {LifeOp::kCreate, LifeOp::kSetUp, LifeOp::kStart, LifeOp::kPairs}) {
    ASSERT_TRUE(player.Play(op));
    EXPECT_TRUE(states.insert(player.StateHash()).second) << LifeOpName(op);
  }
}

}  // namespace
}  // namespace backend_sim
