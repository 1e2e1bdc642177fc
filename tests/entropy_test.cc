// SPDX-License-Identifier: BSD-3-Clause

#include "backend_sim/entropy.h"

#include <array>
#include <memory>
#include <vector>

#include "backend_sim/script_entropy.h"
#include "backend_sim/seeded_entropy.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace {

using ::backend_sim::Entropy;
using ::backend_sim::EntropyScript;
using ::backend_sim::RecordingEntropy;
using ::backend_sim::ScriptEntropy;
using ::backend_sim::SeededEntropy;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Gt;
using ::testing::Lt;

std::vector<uint64_t> Draw(Entropy& entropy, size_t count, uint64_t n) {
  std::vector<uint64_t> drawn;
  for (size_t i = 0; i < count; ++i) drawn.push_back(entropy.Choose(n));
  return drawn;
}

TEST(SeededEntropyTest, GivesTheKnownNumbersOfXoshiro256StarStar) {
  // With splitmix64 as the filler, as published for seed 0.
  SeededEntropy entropy(0);
  EXPECT_EQ(entropy.Next(), 0x99ec5f36cb75f2b4u);
  EXPECT_EQ(entropy.Next(), 0xbf6e1f784956452au);
  EXPECT_EQ(entropy.Next(), 0x1a5f849d4933e6e0u);
}

TEST(SeededEntropyTest, GoldenDrawsStayWhatTheyAre) {
  SeededEntropy entropy(7);
  EXPECT_THAT(Draw(entropy, 8, 1000),
              ElementsAre(994, 674, 638, 664, 664, 721, 716, 196));
  const std::unique_ptr<Entropy> fork = entropy.Fork("channel");
  EXPECT_THAT(Draw(*fork, 4, 1000), ElementsAre(942, 515, 960, 412));
}

TEST(SeededEntropyTest, StaysBelowItsBound) {
  SeededEntropy entropy(1);
  for (const uint64_t n : {1ull, 2ull, 3ull, 10ull, (1ull << 63) + 1}) {
    EXPECT_THAT(Draw(entropy, 200, n), Each(Lt(n)));
  }
}

TEST(SeededEntropyTest, FavoursNoNumber) {
  SeededEntropy entropy(1);
  std::array<int, 7> counts{};
  for (int i = 0; i < 70000; ++i) ++counts[entropy.Choose(7)];
  EXPECT_THAT(counts, Each(Gt(9600)));
  EXPECT_THAT(counts, Each(Lt(10400)));
}

TEST(SeededEntropyTest, AForkDoesNotMoveWhenItsParentOrSiblingsDraw) {
  SeededEntropy still(5);
  SeededEntropy busy(5);
  Draw(busy, 100, 10);
  Draw(*busy.Fork("other"), 100, 10);
  EXPECT_EQ(Draw(*still.Fork("memory"), 20, 1000),
            Draw(*busy.Fork("memory"), 20, 1000));
}

TEST(SeededEntropyTest, LabelsAndSeedsTellStreamsApart) {
  SeededEntropy one(5);
  SeededEntropy two(6);
  const auto first = Draw(*one.Fork("a"), 20, 1000);
  EXPECT_NE(first, Draw(*one.Fork("b"), 20, 1000));
  EXPECT_NE(first, Draw(*two.Fork("a"), 20, 1000));
  EXPECT_NE(first, Draw(*one.Fork("a")->Fork("a"), 20, 1000));
  EXPECT_NE(first, Draw(*one.Fork(""), 20, 1000));
}

TEST(EntropyTest, ChanceIsNoForTheDraw0AndCertainWhereItMustBe) {
  EntropyScript script;
  ScriptEntropy zeros(script);
  EXPECT_FALSE(zeros.Chance({99, 100}));
  EXPECT_TRUE(zeros.Chance({100, 100}));
  EXPECT_FALSE(zeros.Chance({0, 100}));
}

TEST(EntropyTest, ChanceHitsAsOftenAsItSays) {
  SeededEntropy entropy(3);
  int hits = 0;
  for (int i = 0; i < 10000; ++i) hits += entropy.Chance({30, 100}) ? 1 : 0;
  EXPECT_GT(hits, 2800);
  EXPECT_LT(hits, 3200);
}

TEST(EntropyTest, BytesTakeOneDrawEach) {
  const EntropyScript script{{"", {1, 2, 0x1ff}}};
  ScriptEntropy entropy(script);
  std::array<std::byte, 4> bytes;
  entropy.Bytes(bytes);
  EXPECT_THAT(bytes, ElementsAre(std::byte{1}, std::byte{2}, std::byte{0xff},
                                 std::byte{0}));
}

TEST(ScriptEntropyTest, ReplaysWhatWasRecordedStreamByStream) {
  EntropyScript script;
  RecordingEntropy recorder(std::make_unique<SeededEntropy>(9), script);
  const auto main = Draw(recorder, 5, 100);
  const auto fork = Draw(*recorder.Fork("a")->Fork("b"), 5, 100);
  EXPECT_EQ(script.size(), 2u);

  ScriptEntropy replay(script);
  EXPECT_EQ(Draw(*replay.Fork("a")->Fork("b"), 5, 100), fork);
  EXPECT_EQ(Draw(replay, 5, 100), main);
}

TEST(ScriptEntropyTest, AnswersZeroOnceTheScriptIsOver) {
  const EntropyScript script{{"", {5}}};
  ScriptEntropy entropy(script);
  EXPECT_THAT(Draw(entropy, 3, 10), ElementsAre(5, 0, 0));
  EXPECT_THAT(Draw(*entropy.Fork("unknown"), 2, 10), ElementsAre(0, 0));
}

}  // namespace
