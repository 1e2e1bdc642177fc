// SPDX-License-Identifier: BSD-3-Clause

#include "tests/interop/log_check.h"

#include <gtest/gtest.h>

namespace interop {
namespace {

using Lines = std::vector<std::string>;

TEST(LogCheckTest, LinesOfTroubleAreFoundInAnyCase) {
  EXPECT_EQ(
      TroubleIn("fine\nan ERROR here\nit Failed\ninvalid vring\nok\n", {}),
      (Lines{"an ERROR here", "it Failed", "invalid vring"}));
}

TEST(LogCheckTest, ALogWithoutTroubleHasNone) {
  EXPECT_EQ(TroubleIn("", {}), Lines{});
  EXPECT_EQ(TroubleIn("virtio is now ready for processing.\n", {}), Lines{});
}

TEST(LogCheckTest, WhatIsExcusedIsNotTrouble) {
  const std::vector<Excused> excused = {{"-FAILED: 0", "the bit is clear"}};

  EXPECT_EQ(TroubleIn("\t-FAILED: 0\n", excused), Lines{});
  EXPECT_EQ(TroubleIn("\t-FAILED: 1\n", excused), Lines{"\t-FAILED: 1"});
}

TEST(LogCheckTest, AnExcuseDoesNotCoverTheRestOfItsLine) {
  const std::vector<Excused> excused = {{"-FAILED: 0", "the bit is clear"}};

  EXPECT_EQ(TroubleIn("-FAILED: 0, and an error\n", excused),
            Lines{"-FAILED: 0, and an error"});
}

TEST(LogCheckTest, FragmentsAreCountedWithoutOverlap) {
  EXPECT_EQ(CountOf("ready, ready and ready", "ready"), 3u);
  EXPECT_EQ(CountOf("aaaa", "aa"), 2u);
  EXPECT_EQ(CountOf("", "ready"), 0u);
}

TEST(LogCheckTest, TheTailIsTheLastLines) {
  EXPECT_EQ(TailOf("one\ntwo\nthree\n", 2), "two\nthree\n");
  EXPECT_EQ(TailOf("one\ntwo\nthree", 1), "three");
  EXPECT_EQ(TailOf("one\n", 5), "one\n");
  EXPECT_EQ(TailOf("", 5), "");
}

}  // namespace
}  // namespace interop
