// SPDX-License-Identifier: BSD-3-Clause

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "cli/printable_text.h"
#include "tests/cli_support.h"

namespace virtio_user::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

TEST(PrintableTest, OrdinaryText_Stays) {
  EXPECT_EQ(Printable("/tmp/v.sock: \"gr\xc3\xbc\xc3\x9f\" \\ \xff"),
            "/tmp/v.sock: \"gr\xc3\xbc\xc3\x9f\" \\ \xff");
}

TEST(PrintableTest, ControlCharacters_AreNamed) {
  EXPECT_EQ(Printable("a\nb\rc\td"), "a\\nb\\rc\\td");
  EXPECT_EQ(Printable("\x1b[2K\x7f"), "\\x1b[2K\\x7f");
  EXPECT_EQ(Printable(std::string_view("\0", 1)), "\\x00");
}

TEST(PrintableTest, ControlCharactersOfTwoBytes_AreNamed) {
  EXPECT_EQ(Printable("\xc2\x9b\xc2\xa0\xc2"), "\\xc2\\x9b\xc2\xa0\xc2");
}

TEST(PrintableTest, PathWithANewline_LeavesTheVerdictOneLine) {
  const Outcome outcome = RunVuser({"run", "--backend", "/nowhere/a\nb\x1b"});
  EXPECT_THAT(
      outcome.LastLine(),
      StartsWith("verdict: FAIL (/nowhere/a\\nb\\x1b does not exist; start"));
  EXPECT_THAT(outcome.out, HasSubstr("back-end: /nowhere/a\\nb\\x1b\n"));
  EXPECT_THAT(outcome.err, HasSubstr("vuser: /nowhere/a\\nb\\x1b does not"));
}

TEST(PrintableTest, PathWithANewline_StaysAsItIsInJson) {
  const Outcome outcome =
      RunVuser({"run", "--backend", "/nowhere/a\nb", "--json", "-"});
  const auto json = nlohmann::json::parse(outcome.out);
  EXPECT_EQ(json["options"]["backend"], "/nowhere/a\nb");
  EXPECT_THAT(json["reason"].get<std::string>(), StartsWith("/nowhere/a\nb "));
}

TEST(PrintableTest, ArgumentsWithANewline_LeaveErrorsOneLine) {
  EXPECT_THAT(RunVuser({"probe", "/nowhere/a\nb"}).err,
              StartsWith("vuser: /nowhere/a\\nb does not exist"));
  EXPECT_THAT(RunVuser({"run", "--mac", "a\nb"}).err, Not(HasSubstr("a\nb")));
  EXPECT_THAT(RunVuser({"run", "a\nb"}).err, Not(HasSubstr("a\nb")));
  EXPECT_THAT(RunVuser({"a\nb"}).err, Not(HasSubstr("a\nb")));
  EXPECT_THAT(RunVuser({"run", "--json", "/nowhere/a\nb"}).err,
              StartsWith("vuser: --json /nowhere/a\\nb: cannot write"));
}

}  // namespace
}  // namespace virtio_user::cli
