// SPDX-License-Identifier: BSD-3-Clause

#include "tests/tidy/rules.h"

#include <string>
#include <string_view>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace tidy {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr const char* kLicense = "// SPDX-License-Identifier: BSD-3-Clause\n";

// What the rules say about a source of ours with this body.
std::vector<Violation> CheckBody(const std::string& body,
                                 std::string_view path = "cli/a.cc") {
  return CheckFile(path, kLicense + body);
}

auto Says(int line, const std::string& what) {
  return AllOf(Field(&Violation::line, line),
               Field(&Violation::what, HasSubstr(what)));
}

std::string Repeat(int count, const std::string& text) {
  std::string all;
  for (int i = 0; i < count; ++i) all += text;
  return all;
}

TEST(RulesTest, TidySource_NoViolation) {
  EXPECT_THAT(CheckBody("\n#include <vector>\n\nint F() { return 1; }\n"),
              IsEmpty());
}

TEST(RulesTest, MissingLicense_IsReported) {
  EXPECT_THAT(CheckFile("cli/a.cc", "int a;\n"), ElementsAre(Says(1, "SPDX")));
}

TEST(RulesTest, FileOfMoreThan400Lines_IsReported) {
  EXPECT_THAT(CheckBody(Repeat(399, "int a;\n")), IsEmpty());
  EXPECT_THAT(CheckBody(Repeat(400, "int a;\n")),
              ElementsAre(Says(0, "401 lines")));
}

TEST(RulesTest, FunctionOfMoreThan60Lines_IsReported) {
  EXPECT_THAT(CheckBody("int F() {\n" + Repeat(58, "  G();\n") + "}\n"),
              IsEmpty());
  EXPECT_THAT(CheckBody("int F() {\n" + Repeat(59, "  G();\n") + "}\n"),
              ElementsAre(Says(2, "function of 61 lines")));
}

TEST(RulesTest, LineOfMoreThan80Columns_IsReported) {
  EXPECT_THAT(CheckBody("// " + Repeat(77, "x") + "\n"), IsEmpty());
  EXPECT_THAT(CheckBody("// " + Repeat(77, "é") + "\n"), IsEmpty());
  EXPECT_THAT(CheckBody("// " + Repeat(78, "x") + "\n"),
              ElementsAre(Says(2, "81 columns")));
}

TEST(RulesTest, TabOrSpaceAtTheEndOrNoLineEnd_IsReported) {
  EXPECT_THAT(CheckBody("\tint a;\n"), ElementsAre(Says(2, "a tab")));
  EXPECT_THAT(CheckBody("int a; \n"), ElementsAre(Says(2, "space")));
  EXPECT_THAT(CheckBody("int a;"), ElementsAre(Says(2, "line end")));
}

TEST(RulesTest, InAPatchASpaceIsAnEmptyLineThatStays) {
  EXPECT_THAT(CheckFile("a.patch", " \n+int a;\n"), IsEmpty());
  EXPECT_THAT(CheckFile("a.patch", "+int a; \n"),
              ElementsAre(Says(1, "space")));
  EXPECT_THAT(CheckFile("a.sh", " \n"), Not(IsEmpty()));
}

TEST(RulesTest, WordsForUnfinishedWork_AreReported) {
  for (const std::string word : {"TO"
                                 "DO",
                                 "FIX"
                                 "ME",
                                 "XX"
                                 "X"}) {
    EXPECT_THAT(CheckBody("// " + word + ": later\n"),
                ElementsAre(Says(2, word)));
    EXPECT_THAT(CheckFile("tools/a.sh", "# " + word + "\n"),
                ElementsAre(Says(1, word)));
  }
}

TEST(RulesTest, HeaderWithoutItsGuard_IsReported) {
  EXPECT_THAT(CheckBody("#ifndef CLI_A_H_\n#define CLI_A_H_\n"
                        "#endif  // CLI_A_H_\n",
                        "cli/a.h"),
              IsEmpty());
  EXPECT_THAT(CheckBody("#pragma once\n", "cli/a.h"),
              ElementsAre(Says(0, "CLI_A_H_")));
}

TEST(RulesTest, PlacesOutsideTheProject_AreReported) {
  for (const std::string place : {"/wo"
                                  "rk/x",
                                  "/ho"
                                  "me/x",
                                  "http://deb.deb"
                                  "ian.org"}) {
    EXPECT_THAT(CheckFile("README.md", place + "\n"),
                ElementsAre(Says(1, "place")))
        << place;
  }
}

TEST(RulesTest, ThrowAndTypeQuestionsInProduction_AreReported) {
  for (const std::string line :
       {"throw 1;", "dynamic_cast<int>(a);", "typeid(a);"}) {
    EXPECT_THAT(CheckBody(line + "\n", "virtio_user/net/a.cc"),
                ElementsAre(Says(2, "production")))
        << line;
    EXPECT_THAT(CheckBody(line + "\n", "cli/a.cc"), IsEmpty()) << line;
  }
}

TEST(RulesTest, ThrowInACommentOrAString_IsFine) {
  EXPECT_THAT(CheckBody("// never throw\nconst char* a = \"throw\";\n",
                        "virtio_user/net/a.cc"),
              IsEmpty());
}

TEST(RulesTest, IncludeAcrossLayers_IsReported) {
  EXPECT_THAT(
      CheckBody("#include \"virtio_user/os/a.h\"\n", "virtio_user/device/a.cc"),
      ElementsAre(Says(2, "virtio_user/os/a.h")));
  EXPECT_THAT(CheckBody("#include <sys/mman.h>\n", "virtio_user/device/a.cc"),
              ElementsAre(Says(2, "<sys/mman.h>")));
}

TEST(UnitsTest, UnitWithoutATest_IsReported) {
  const std::vector<std::string> paths = {
      "virtio_user/base/a.cc", "virtio_user/base/a.h", "virtio_user/net/b.h",
      "tests/b_test.cc"};
  EXPECT_THAT(CheckUnitsHaveTests(paths, {}),
              ElementsAre(Says(0, "has no tests/a_test.cc")));
  EXPECT_THAT(CheckUnitsHaveTests(
                  paths, {{.unit = "virtio_user/base/a", .reason = "..."}}),
              IsEmpty());
}

TEST(UnitsTest, ExceptionThatIsNotNeeded_IsReported) {
  EXPECT_THAT(
      CheckUnitsHaveTests({"virtio_user/base/a.cc", "tests/a_test.cc"},
                          {{.unit = "virtio_user/base/a", .reason = "..."}}),
      ElementsAre(Says(0, "has a test")));
  EXPECT_THAT(CheckUnitsHaveTests(
                  {}, {{.unit = "virtio_user/base/a", .reason = "..."}}),
              ElementsAre(Says(0, "does not exist")));
}

}  // namespace
}  // namespace tidy
