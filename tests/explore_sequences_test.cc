// SPDX-License-Identifier: BSD-3-Clause
//
// The explorer of sequences: how many there are, that all are run, and that
// each is named. The whole of it is `vuser explore sequences`.

#include <gtest/gtest.h>

#include <atomic>
#include <set>
#include <string>

#include "backend_sim/explore/sequence_explorer.h"

namespace backend_sim {
namespace {

TEST(ExploreSequences, TextAndBack) {
  const LifeOps ops = {LifeOp::kCreate, LifeOp::kSetUp, LifeOp::kPeer};
  EXPECT_EQ(TextOf(ops), "create,set-up,peer");
  EXPECT_EQ(ParseLifeOps("create,set-up,peer"), ops);
  for (const char* wrong : {"", "fly", "create,", ",create", "create set-up"}) {
    EXPECT_FALSE(ParseLifeOps(wrong)) << wrong;
  }
}

TEST(ExploreSequences, AsManyAreRunAsThereAre) {
  for (uint32_t depth = 1; depth <= 4; ++depth) {
    const SequenceReport report = ExploreSequences(depth, {.jobs = 2});
    EXPECT_EQ(report.finding, "");
    EXPECT_EQ(report.sequences, SequenceCount(depth));
  }
}

// One thread.
class Names final : public CaseObserver {
 public:
  void Begin(std::string_view name) override { name_ = name; }
  void Add(std::string_view name) override { name_ += name; }
  void End() override { all.insert(name_); }

  std::set<std::string> all;

 private:
  std::string name_;
};

TEST(ExploreSequences, EachIsTheCaseThatItIsCalled) {
  Names names;
  (void)ExploreSequences(
      3, {.jobs = 1, .interrupted = nullptr, .observer = &names});

  // Those of two operations, then those of three.
  EXPECT_EQ(names.all.size(), 12u * 12 + 12 * 12 * 12);
  EXPECT_EQ(names.all.count("create,set-up,start"), 1u);
  for (const std::string& name : names.all) {
    EXPECT_TRUE(ParseLifeOps(name)) << name;
  }
}

TEST(ExploreSequences, StatesEndSomewhere) {
  const StateReport report = ExploreLifeStates(30, {});

  EXPECT_EQ(report.finding, "");
  EXPECT_TRUE(report.closed);
  EXPECT_GT(report.states, 100u);
  // From each state every operation was tried.
  uint64_t transitions = 0;
  for (const StateLevel& level : report.levels) {
    transitions += level.transitions;
  }
  EXPECT_EQ(transitions, report.states * kLifeOps);
}

TEST(ExploreSequences, AnInterruptionEndsThem) {
  const std::atomic<bool> interrupted{true};
  const ExploreOptions options{.jobs = 2, .interrupted = &interrupted};

  EXPECT_LT(ExploreSequences(6, options).sequences, SequenceCount(6));
  EXPECT_TRUE(ExploreLifeStates(30, options).levels.empty());
}

TEST(ExploreSequences, OneAloneTellsWhatItsOperationsCameTo) {
  std::string told;
  const SequenceReport report =
      PlayAgain({LifeOp::kCreate, LifeOp::kSetUp},
                [&](LifeOp op, const std::string& lines) {
                  told += std::string(LifeOpName(op)) + ": " + lines + "\n";
                });

  EXPECT_EQ(report.finding, "");
  EXPECT_EQ(told, "create: create\nset-up: negotiate\nconfigure a=1\n");
}

}  // namespace
}  // namespace backend_sim
