// SPDX-License-Identifier: BSD-3-Clause

#include "tests/tidy/code_text.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace tidy {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// "first-last" of every function found.
std::vector<std::string> Ranges(const std::string& text) {
  std::vector<std::string> ranges;
  for (const Function& f : FindFunctions(text)) {
    ranges.push_back(std::to_string(f.first_line) + "-" +
                     std::to_string(f.last_line));
  }
  return ranges;
}

TEST(BlankTest, CommentsBecomeBlank) {
  EXPECT_EQ(BlankCommentsAndLiterals("a // {b\nc /* {\n } */ d"),
            "a      \nc     \n      d");
}

TEST(BlankTest, InsidesOfLiteralsBecomeBlank) {
  EXPECT_EQ(BlankCommentsAndLiterals(R"(f("{\"}", '{', '\'');)"),
            R"(f("    ", ' ', '  ');)");
}

TEST(BlankTest, InsideOfARawStringBecomesBlank) {
  EXPECT_EQ(BlankCommentsAndLiterals("R\"x({ \" )x\" }"), "R\"        \" }");
}

TEST(BlankTest, DigitSeparatorsAreNotLiterals) {
  EXPECT_EQ(BlankCommentsAndLiterals("1'000'000 {"), "1'000'000 {");
}

TEST(FindFunctionsTest, ADefinitionRunsFromItsSignatureToItsBrace) {
  EXPECT_THAT(Ranges("int a;\n"
                     "\n"
                     "static Result<int> F(int a,\n"
                     "                     int b) {\n"
                     "  if (a) {\n"
                     "    return b;\n"
                     "  }\n"
                     "}\n"),
              ElementsAre("3-8"));
}

TEST(FindFunctionsTest, MembersOfAClassInANamespaceAreFound) {
  EXPECT_THAT(Ranges("namespace a {\n"
                     "class B : public C {\n"
                     " public:\n"
                     "  int F() const { return 1; }\n"
                     "  void G() {\n"
                     "  }\n"
                     "};\n"
                     "}\n"),
              ElementsAre("4-4", "5-6"));
}

TEST(FindFunctionsTest, ATemplateIsAFunctionAndAClassTemplateIsNot) {
  EXPECT_THAT(Ranges("template <typename T>\n"
                     "T F(T t) {\n"
                     "}\n"
                     "template <class T>\n"
                     "class X {\n"
                     "};\n"),
              ElementsAre("1-3"));
}

TEST(FindFunctionsTest, MemberInitialisersInBracesBelongToTheConstructor) {
  EXPECT_THAT(Ranges("X::X(int a)\n"
                     "    : a_{a},\n"
                     "      b_(b) {\n"
                     "}\n"),
              ElementsAre("1-4"));
}

TEST(FindFunctionsTest, TablesAndValuesAreNotFunctions) {
  EXPECT_THAT(Ranges("constexpr int kTable[] = {\n"
                     "    1,\n"
                     "};\n"
                     "const X kX = Make(1, {\n"
                     "});\n"
                     "int y{3};\n"),
              IsEmpty());
}

TEST(FindFunctionsTest, ALambdaIsAPartOfItsFunction) {
  EXPECT_THAT(Ranges("void F() {\n"
                     "  auto g = [](int x) {\n"
                     "    return x;\n"
                     "  };\n"
                     "}\n"),
              ElementsAre("1-5"));
}

TEST(FindFunctionsTest, ATestAndAFuzzTargetAreFunctions) {
  EXPECT_THAT(Ranges("TEST(A, B) {\n"
                     "}\n"
                     "extern \"C\" int Fuzz(const char* data) {\n"
                     "}\n"),
              ElementsAre("1-2", "3-4"));
}

TEST(FindFunctionsTest, BracesInDirectivesDoNotCount) {
  EXPECT_THAT(Ranges("#define X(a) \\\n"
                     "  namespace {\n"
                     "int F() {\n"
                     "}\n"),
              ElementsAre("3-4"));
}

TEST(WordsTest, OperatorsAndBlanksSeparateWords) {
  EXPECT_THAT(Words("a->b_2 += std::c(3);"),
              ElementsAre("a", "b_2", "std", "c", "3"));
}

}  // namespace
}  // namespace tidy
