// SPDX-License-Identifier: BSD-3-Clause

#include "fuzz/start_order.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace fuzz {
namespace {

using Lines = std::vector<std::string>;

// Of one pair, and VERSION_1.
StartFacts Facts() {
  return {.rings = 2,
          .queue_size = 8,
          .forwarded = virtio_user::FeatureSet::FromWords(uint64_t{1} << 32),
          .status = true,
          .ring_enable = true};
}

Lines Sound() {
  return {"CALL 0",      "CALL 1",      "FEATURES 0x100000000",
          "STATUS 0xb",  "--",          "GET_STATUS",
          "TABLE 1",     "NUM 0 = 8",   "BASE 0 = 0",
          "ADDR 0",      "KICK 0",      "NUM 1 = 8",
          "BASE 1 = 0",  "ADDR 1",      "KICK 1",
          "ENABLE 0 on", "ENABLE 1 on", "--",
          "STATUS 0xf"};
}

TEST(StartOrderTest, AllInItsOrder_IsTaken) {
  CheckStart(Sound(), Facts(), true);
}

TEST(StartOrderTest, AStartThatFailed_NeedNotSayAll) {
  CheckStart(Lines{"CALL 0", "CALL 1"}, Facts(), false);
}

TEST(StartOrderTest, WhatIsLeftOutOrSaidTwice_IsAFinding) {
  for (size_t i = 0; i < Sound().size(); ++i) {
    const auto at = static_cast<Lines::difference_type>(i);
    Lines fewer = Sound();
    if (fewer[i] == "--") continue;
    fewer.erase(fewer.begin() + at);
    EXPECT_DEATH(CheckStart(fewer, Facts(), true), "finding: ") << i;
    Lines more = Sound();
    more.insert(more.begin() + at, more[i]);
    EXPECT_DEATH(CheckStart(more, Facts(), true), "finding: ") << i;
  }
}

TEST(StartOrderTest, AnotherOrderOrValue_IsAFinding) {
  Lines swapped = Sound();
  std::swap(swapped[6], swapped[7]);
  EXPECT_DEATH(CheckStart(swapped, Facts(), true), "finding: ");
  const std::pair<size_t, const char*> kWrong[] = {{2, "FEATURES 0x1"},
                                                   {3, "STATUS 0x3"},
                                                   {7, "NUM 0 = 16"},
                                                   {12, "BASE 1 = 1"},
                                                   {18, "STATUS 0x4"}};
  for (const auto& [line, text] : kWrong) {
    Lines wrong = Sound();
    wrong[line] = text;
    EXPECT_DEATH(CheckStart(wrong, Facts(), true), "finding: ") << text;
  }
}

TEST(StartOrderTest, RingsThatAreToldOfWrongly_AreFindings) {
  constexpr RingBytes kBytes = {.desc = 128, .avail = 22, .used = 70};
  const std::vector<RingFacts> facts = {
      {.desc = 0x1000, .avail = 0x1080, .used = 0x10c0, .call = 3, .kick = 4},
      {.desc = 0x2000, .avail = 0x2080, .used = 0x20c0, .call = 5, .kick = 6}};
  CheckStartedRings(facts, facts, kBytes);
  const auto wrong = [&](auto change) {
    std::vector<RingFacts> told = facts;
    change(told[1]);
    EXPECT_DEATH(CheckStartedRings(told, facts, kBytes), "finding: ");
    // Even if the ring itself had it so.
    EXPECT_DEATH(CheckStartedRings(told, told, kBytes), "finding: ");
  };
  wrong([](RingFacts& ring) { ring.desc = 0x1000; });
  wrong([](RingFacts& ring) { ring.avail = 0x1080; });
  wrong([](RingFacts& ring) { ring.used = 0x10c0; });
  wrong([](RingFacts& ring) { ring.call = 3; });
  wrong([](RingFacts& ring) { ring.kick = 4; });
  wrong([](RingFacts& ring) { ring.kick = -1; });
}

}  // namespace
}  // namespace fuzz
