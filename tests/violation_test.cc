// SPDX-License-Identifier: BSD-3-Clause

#include "backend_sim/violation.h"

#include <set>
#include <string_view>

#include "gtest/gtest.h"

namespace {

using ::backend_sim::Rule;

TEST(ViolationTest, EveryRuleHasANameAndAClauseOfItsOwn) {
  std::set<std::string_view> names;
  std::set<std::string_view> clauses;
  for (size_t i = 0; i < backend_sim::kRules; ++i) {
    names.insert(backend_sim::RuleName(static_cast<Rule>(i)));
    clauses.insert(backend_sim::ClauseOf(static_cast<Rule>(i)));
  }
  EXPECT_EQ(names.size(), backend_sim::kRules);
  EXPECT_EQ(clauses.size(), backend_sim::kRules);
}

TEST(ViolationTest, TextNamesMessageDetailAndClause) {
  const backend_sim::Violation violation{Rule::kRingSize, 8, 6, "3"};
  EXPECT_EQ(violation.Text(),
            "SET_VRING_NUM (message 6): 3; virtio, Split Virtqueues: a size "
            "is a power of 2 and at most 32768; Packed Virtqueues: 1 to 32768");
}

TEST(ViolationTest, WhatWasSeenInARingNamesNoMessage) {
  const backend_sim::Violation violation{Rule::kRingContents, 0, 0, "loop"};
  EXPECT_TRUE(violation.Text().starts_with("ring: loop; "));
}

}  // namespace
