// SPDX-License-Identifier: BSD-3-Clause

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "backend_sim/seeded_entropy.h"
#include "backend_sim/simulation/script.h"

namespace backend_sim {
namespace {

using ::testing::HasSubstr;

std::string ErrorOf(std::string_view text) {
  const auto script = ScriptFromText(text);
  return script ? "" : script.error();
}

TEST(SimulationScript, IsReadAsItIsWritten) {
  const auto script = ScriptFromText(
      "# a comment\n"
      "set backend lib-vhost\n"
      "set pairs 3\n"
      "\n"
      "create salt=7\n"
      "  command a=1 b=2   # in a line\n");

  ASSERT_TRUE(script) << script.error();
  EXPECT_EQ(script->scenario.backend, "lib-vhost");
  EXPECT_EQ(script->scenario.pairs, 3u);
  ASSERT_EQ(script->operations.size(), 2u);
  EXPECT_EQ(script->operations[0],
            (Operation{.kind = OpKind::kCreate, .salt = 7}));
  EXPECT_EQ(script->operations[1],
            (Operation{.kind = OpKind::kCommand, .a = 1, .b = 2}));
  EXPECT_EQ(ScriptFromText(ToText(*script)), *script);
}

TEST(SimulationScript, EveryOperationHasANameOfItsOwn) {
  for (const OpInfo& info : AllOps()) {
    const Operation operation{.kind = info.kind, .a = 1, .b = 2, .salt = 3};
    EXPECT_EQ(OperationFromText(ToText(operation)), operation) << info.name;
  }
}

TEST(SimulationScript, MayBeTheWholeOutputOfShrink) {
  const auto script = ScriptFromText(
      "create\n# violation: left: one (step 0)\n"
      "verdict: violation with 1 operations instead of 4, after 9 runs\n");
  ASSERT_TRUE(script.has_value()) << script.error();
  EXPECT_EQ(script->operations.size(), 1u);
}

TEST(SimulationScript, NothingIsNoScript) {
  for (const char* const text :
       {"", "\n\n", "# vuser replay script\n", "verdict: interrupted\n"}) {
    EXPECT_THAT(ErrorOf(text), HasSubstr("no script in it")) << text;
  }
}

TEST(SimulationScript, SaysWhatIsWrongAndWhere) {
  EXPECT_THAT(ErrorOf("set backend legacy\nset queue_size 1"),
              HasSubstr("queue_size is 1"));
  EXPECT_THAT(ErrorOf("create\nfly\n"), HasSubstr("line 2"));
  EXPECT_THAT(ErrorOf("create\nfly\n"), HasSubstr("\"fly\""));
  EXPECT_THAT(ErrorOf("create a=x"), HasSubstr("line 1"));
  EXPECT_THAT(ErrorOf("create a=4294967296"), HasSubstr("line 1"));
  EXPECT_THAT(ErrorOf("create c=1"), HasSubstr("line 1"));
  EXPECT_THAT(ErrorOf("set pairs 0"), HasSubstr("1 to 16"));
  EXPECT_THAT(ErrorOf("set pairs"), HasSubstr("name and value"));
  EXPECT_THAT(ErrorOf("set nonsense 1"), HasSubstr("\"nonsense\""));
  EXPECT_THAT(ErrorOf("set backend nobody"), HasSubstr("\"nobody\""));
  EXPECT_THAT(ErrorOf("create\nset pairs 2"), HasSubstr("line 2"));
}

TEST(SimulationScript, NoBytesAreTooStrange) {
  SeededEntropy entropy(1);
  for (int i = 0; i < 2000; ++i) {
    std::string text(entropy.Choose(200), ' ');
    for (char& c : text) {
      constexpr std::string_view kLetters = "setcra= \n#012ab\0\xff-";
      c = kLetters[entropy.Choose(kLetters.size())];
    }
    (void)ScriptFromText(text);
  }
}

TEST(SimulationScript, IsPrintedAsATest) {
  const auto script = ScriptFromText("set pairs 2\ncreate\nstart\n");

  const std::string test = ToGoogleTest(*script, "ANameOfOurs");

  EXPECT_THAT(test, HasSubstr("TEST(Replay, ANameOfOurs) {"));
  EXPECT_THAT(test, HasSubstr("set pairs 2\ncreate\nstart\n"));
}

}  // namespace
}  // namespace backend_sim
