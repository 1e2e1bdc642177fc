// SPDX-License-Identifier: BSD-3-Clause

#include "backend_sim/simulation/sequences.h"

#include <gtest/gtest.h>

#include <set>

namespace backend_sim {
namespace {

TEST(Sequences, AreAsManyAsTheyMustBe) {
  EXPECT_EQ(SequenceCount(1), 12u);
  EXPECT_EQ(SequenceCount(2), 12u + 144);
  EXPECT_EQ(SequenceCount(6), 3257436u);
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
