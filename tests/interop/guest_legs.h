// SPDX-License-Identifier: BSD-3-Clause

#ifndef TESTS_INTEROP_GUEST_LEGS_H_
#define TESTS_INTEROP_GUEST_LEGS_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <vector>

#include "tests/interop/guest.h"
#include "tests/support/temp_dir.h"

namespace interop {

// One command in a guest, and what must come of it.
struct GuestLeg {
  std::string name{};
  std::string command{};
  int exit_code = 0;
  std::vector<std::string> says{};   // All of them, somewhere in its outputs.
  std::vector<std::string> never{};  // None of them.

  friend void PrintTo(const GuestLeg& leg, std::ostream* out) {
    *out << leg.name;
  }
};

// Boots one guest for all legs of a table: a boot takes longer than they do.
// `Suite` has Options(), without commands, and Legs().
template <typename Suite>
class GuestLegTest : public testing::TestWithParam<GuestLeg> {
 protected:
  static void SetUpTestSuite() {
    const testing_support::TempDir folder;
    GuestOptions options = Suite::Options();
    options.folder = folder.path();
    for (const GuestLeg& leg : Suite::Legs()) {
      options.commands.push_back(leg.command);
    }
    Report() = RunGuest(options);
  }

  void Check() const {
    if (Report().why_not) GTEST_SKIP() << *Report().why_not;
    const GuestOutcome* const outcome = Find(GetParam().command);
    ASSERT_NE(outcome, nullptr) << "not reached: " << Report().trouble;
    SCOPED_TRACE(outcome->command + ":\n" + outcome->output);
    ASSERT_TRUE(outcome->exit_code) << Report().trouble;
    EXPECT_EQ(*outcome->exit_code, GetParam().exit_code);
    for (const std::string& text : GetParam().says) {
      EXPECT_THAT(outcome->output, testing::HasSubstr(text));
    }
    for (const std::string& text : GetParam().never) {
      EXPECT_THAT(outcome->output, testing::Not(testing::HasSubstr(text)));
    }
  }

  static GuestReport& Report() {
    static auto* const report = new GuestReport();
    return *report;
  }

 private:
  static const GuestOutcome* Find(const std::string& command) {
    for (const GuestOutcome& outcome : Report().outcomes) {
      if (outcome.command == command) return &outcome;
    }
    return nullptr;
  }
};

}  // namespace interop

#endif  // TESTS_INTEROP_GUEST_LEGS_H_
