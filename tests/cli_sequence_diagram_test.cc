// SPDX-License-Identifier: BSD-3-Clause

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <sstream>
#include <string>
#include <string_view>

#include "backend_sim/simulation/seed_run.h"
#include "cli/sequence_diagram.h"

namespace virtio_user::cli {
namespace {

using backend_sim::CheckerId;
using backend_sim::OpKind;
using backend_sim::OpResult;
using ::testing::HasSubstr;
using ::testing::Not;

size_t Count(std::string_view text, std::string_view what) {
  size_t count = 0;
  for (size_t at = text.find(what); at != std::string_view::npos;
       at = text.find(what, at + what.size())) {
    ++count;
  }
  return count;
}

Replay ReplaySeed(uint64_t seed, std::optional<std::string> backend = {}) {
  std::ostringstream out;
  const Console console{.out = out, .err = out};
  return ReplayGuarded(
      [&](RunWriter& writer) {
        ReplayTwice(SeedToReplay{.seed = seed, .steps = 80, .backend = backend},
                    writer);
      },
      std::chrono::seconds(60), console);
}

RecordedOperation Idle(OpKind kind) {
  return {.operation = {.kind = kind}, .result = OpResult::kNothing};
}

TEST(SequenceDiagram, TagsAreBalancedWhateverTheBackEnd) {
  for (const std::string& backend : backend_sim::BackendNames()) {
    const std::string page = SequenceDiagram(ReplaySeed(5, backend), "again");

    for (const std::string tag :
         {"div", "section", "details", "span", "svg", "ul", "li", "p", "b", "i",
          "style", "script", "a", "code", "h1"}) {
      EXPECT_EQ(Count(page, "<" + tag + ">") + Count(page, "<" + tag + " "),
                Count(page, "</" + tag + ">"))
          << tag << " on " << backend;
    }
  }
}

TEST(SequenceDiagram, NeedsNothingElse) {
  const std::string page = SequenceDiagram(ReplaySeed(5), "again");

  for (const char* outside : {"http:", "https:", "url(", "src=", "@import"}) {
    EXPECT_THAT(page, Not(HasSubstr(outside)));
  }
}

TEST(SequenceDiagram, TellsScenarioVerdictHowToRunItAgainAndTheScript) {
  const Replay replay = ReplaySeed(5, "lib-vhost");

  const std::string page = SequenceDiagram(replay, "vuser replay 5 --steps 80");

  EXPECT_THAT(page, HasSubstr("<li>backend <b>lib-vhost</b></li>"));
  EXPECT_THAT(page, HasSubstr("vuser replay 5 --steps 80"));
  EXPECT_THAT(page, HasSubstr(replay.run.hash));
  EXPECT_THAT(page, HasSubstr("verdict: pass"));
  EXPECT_THAT(page, HasSubstr(HtmlText(ToText(replay.run.script()))));
}

TEST(SequenceDiagram, EveryOperationIsThere) {
  const Replay replay = ReplaySeed(6);

  const std::string page = SequenceDiagram(replay, "again");

  for (size_t i = 0; i < replay.run.operations.size(); ++i) {
    EXPECT_THAT(
        page, HasSubstr("<span class=\"no\">" + std::to_string(i) + "</span>"));
  }
}

TEST(SequenceDiagram, AFindingIsABannerWithCheckerTextAndSource) {
  Replay replay;
  replay.run.findings = {
      {.checker = CheckerId::kLeft, .step = 0, .text = "fd 4 is open"}};
  replay.verdict = {.code = ExitCode::kViolation, .text = "FAIL (x)"};

  const std::string page = SequenceDiagram(replay, "again");

  const auto& checker = InfoOf(CheckerId::kLeft);
  EXPECT_THAT(page, HasSubstr("<b>left</b> (step 0)<p>fd 4 is open</p>"));
  EXPECT_THAT(page, HasSubstr(HtmlText(checker.asks)));
  EXPECT_THAT(page, HasSubstr(HtmlText(checker.source)));
  EXPECT_THAT(page, HasSubstr("verdict: FAIL (x)"));
}

TEST(SequenceDiagram, ACrashIsABannerToo) {
  Replay replay;
  replay.verdict = {.code = ExitCode::kCrash, .brief = "FAIL (crash: x)"};

  EXPECT_THAT(SequenceDiagram(replay, "again"),
              HasSubstr("class=\"banner\"><b>FAIL (crash: x)</b>"));
}

TEST(SequenceDiagram, TextFromOutsideStaysText) {
  const std::string evil = "<script>alert('1')</script>&\"";
  Replay replay;
  replay.run.scenario.backend = evil;
  replay.run.findings = {{.text = evil}};
  replay.verdict.text = replay.verdict.brief = evil;

  const std::string page = SequenceDiagram(replay, evil);

  EXPECT_THAT(page, Not(HasSubstr("<script>alert")));
  EXPECT_THAT(page, HasSubstr("&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;"
                              "&amp;&quot;"));
}

TEST(SequenceDiagram, WhatDidNothingIsFolded) {
  Replay replay;
  replay.run.operations = {Idle(OpKind::kPoll), Idle(OpKind::kServe),
                           Idle(OpKind::kTransmit)};

  const std::string page = SequenceDiagram(replay, "again");

  EXPECT_THAT(page, HasSubstr("<details><summary>3 operations that did nothing"
                              "</summary>"));
}

TEST(SequenceDiagram, AnOperationThatNeverReturnedSaysSo) {
  Replay replay;
  replay.run.operations = {{.operation = {.kind = OpKind::kStart}}};

  EXPECT_THAT(SequenceDiagram(replay, "again"),
              HasSubstr("<b>start</b> <span class=\"result lost\">did not come "
                        "back</span>"));
}

}  // namespace
}  // namespace virtio_user::cli
