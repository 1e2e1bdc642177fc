// SPDX-License-Identifier: BSD-3-Clause
//
// What tools/guest/run.sh prints, and what it does with a guest that is none.

#include "tests/interop/guest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace interop {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

TEST(GuestTest, EachCommandHasItsOutputAndExitCode) {
  const auto outcomes = ParseOutcomes(
      "guest: command 1: echo a; echo b\n"
      "a\nb\n\n"
      "guest: exit 0\n"
      "guest: command 2: printf 'x: y'; exit 7\n"
      "x: y\n"
      "guest: exit 7\n"
      "guest: end\n");
  ASSERT_THAT(outcomes, SizeIs(2));
  EXPECT_EQ(outcomes[0].command, "echo a; echo b");
  EXPECT_EQ(outcomes[0].output, "a\nb\n");
  EXPECT_EQ(outcomes[0].exit_code, 0);
  EXPECT_EQ(outcomes[1].command, "printf 'x: y'; exit 7");
  EXPECT_EQ(outcomes[1].output, "x: y");
  EXPECT_EQ(outcomes[1].exit_code, 7);
}

TEST(GuestTest, ACommandThatTheGuestDidNotSurviveHasNoExitCode) {
  const auto outcomes = ParseOutcomes("guest: command 1: crash\nhalf a li");
  ASSERT_THAT(outcomes, SizeIs(1));
  EXPECT_EQ(outcomes[0].exit_code, std::nullopt);
  EXPECT_EQ(outcomes[0].output, "half a li\n");
}

TEST(GuestTest, LinesOutsideOfCommandsAreNobodysOutput) {
  EXPECT_THAT(ParseOutcomes("guest: exit 3\nnoise\n"), IsEmpty());
  EXPECT_THAT(ParseOutcomes(""), IsEmpty());
}

TEST(GuestTest, ALineLikeAnExitIsOneOnlyAtItsBeginning) {
  const auto outcomes = ParseOutcomes(
      "guest: command 1: echo\nsay guest: exit 9\n\nguest: exit 0\n");
  ASSERT_THAT(outcomes, SizeIs(1));
  EXPECT_THAT(outcomes[0].output, HasSubstr("say guest: exit 9"));
  EXPECT_EQ(outcomes[0].exit_code, 0);
}

}  // namespace
}  // namespace interop
