// SPDX-License-Identifier: BSD-3-Clause
//
// The drivers beside seed and script: a fuzzer's bytes, the odometer, and the
// stream that begins anew with each operation.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <set>
#include <vector>

#include "backend_sim/bytes_entropy.h"
#include "backend_sim/odometer_entropy.h"
#include "backend_sim/simulation/op_entropy.h"

namespace backend_sim {
namespace {

using ::testing::ElementsAre;

constexpr std::array kBytes{std::byte{3}, std::byte{0x34}, std::byte{0x12},
                            std::byte{255}};

TEST(BytesEntropy, TakesAsFewBytesAsTheRangeNeeds) {
  BytesEntropy entropy(kBytes);

  EXPECT_EQ(entropy.Choose(1), 0u);  // None.
  EXPECT_EQ(entropy.Choose(2), 1u);  // 3 % 2.
  EXPECT_EQ(entropy.Choose(65536), 0x1234u);
  EXPECT_EQ(entropy.left_bytes(), 1u);
  EXPECT_EQ(entropy.Choose(256), 255u);
}

TEST(BytesEntropy, GivesNothingButZeroesWhenTheyHaveRunOut) {
  BytesEntropy entropy(std::span<const std::byte>{});

  EXPECT_EQ(entropy.Choose(1000), 0u);
  EXPECT_EQ(entropy.Fork("a")->Choose(7), 0u);
}

TEST(BytesEntropy, ForksTakeFromTheSameBytes) {
  BytesEntropy entropy(kBytes);
  const auto fork = entropy.Fork("anything");

  EXPECT_EQ(fork->Choose(256), 3u);
  EXPECT_EQ(entropy.Choose(256), 0x34u);
}

TEST(OdometerEntropy, TriesEveryCombinationOnce) {
  OdometerEntropy odometer;
  std::vector<std::vector<uint64_t>> seen;
  do {
    std::vector<uint64_t> run{odometer.Choose(2)};
    // How much is drawn depends on what was answered.
    if (run[0] == 1) run.push_back(odometer.Choose(3));
    seen.push_back(run);
    odometer.Next();
  } while (!odometer.done());

  using V = std::vector<uint64_t>;
  EXPECT_THAT(seen, ElementsAre(V{0}, V{1, 0}, V{1, 1}, V{1, 2}));
}

TEST(OdometerEntropy, SaysHowManyAnswersStay) {
  OdometerEntropy odometer;
  std::vector<size_t> shared;
  do {
    (void)odometer.Choose(2);
    (void)odometer.Fork("x")->Choose(2);
    shared.push_back(odometer.Next());
  } while (!odometer.done());

  EXPECT_THAT(shared, ElementsAre(1u, 0u, 1u, 0u));
}

std::vector<uint64_t> Draw(Entropy& entropy, size_t count) {
  std::vector<uint64_t> drawn(count);
  for (uint64_t& one : drawn) one = entropy.Choose(uint64_t{1} << 40);
  return drawn;
}

TEST(OpEntropy, AnOperationsDrawsAreItsSaltsAlone) {
  OpEntropy entropy;
  const auto fork = entropy.Fork("packets");
  entropy.Begin(5);
  const auto first = Draw(*fork, 4);
  entropy.Begin(6);
  const auto other = Draw(*fork, 100);
  entropy.Begin(5);

  EXPECT_EQ(Draw(*fork, 4), first);
  EXPECT_NE(other[0], first[0]);
}

TEST(OpEntropy, OneStreamsDrawsMoveNoOthers) {
  OpEntropy a;
  OpEntropy b;
  const auto a_left = a.Fork("left");
  const auto b_left = b.Fork("left");
  a.Begin(1);
  b.Begin(1);
  (void)Draw(*b.Fork("right"), 10);

  EXPECT_EQ(Draw(*a_left, 4), Draw(*b_left, 4));
}

TEST(OpEntropy, StreamsDiffer) {
  OpEntropy entropy;
  entropy.Begin(1);
  std::set<uint64_t> drawn;
  for (const char* label : {"a", "b", "ab", "ba"}) {
    drawn.insert(Draw(*entropy.Fork(label), 1)[0]);
  }
  drawn.insert(Draw(*entropy.Fork("a")->Fork("b"), 1)[0]);
  EXPECT_EQ(drawn.size(), 5u);
}

}  // namespace
}  // namespace backend_sim
