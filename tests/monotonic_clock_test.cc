// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/os/monotonic_clock.h"

#include <gtest/gtest.h>

namespace virtio_user {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

TEST(MonotonicClockTest, ADeadlineIsItsBudgetAway) {
  const Duration left = TimeLeft(DeadlineAfter(seconds(100)));

  EXPECT_LE(left, seconds(100));
  EXPECT_GT(left, seconds(90));
}

TEST(MonotonicClockTest, ItIsTheClockOfClockMonotonic) {
  timespec now{};
  ASSERT_EQ(::clock_gettime(CLOCK_MONOTONIC, &now), 0);

  const Duration at = DeadlineAfter(Duration::zero()).at;

  EXPECT_GE(at, seconds(now.tv_sec) + nanoseconds(now.tv_nsec));
  EXPECT_LT(at, seconds(now.tv_sec + 10));
}

TEST(MonotonicClockTest, APassedDeadlineHasNothingLeft) {
  EXPECT_EQ(TimeLeft(Deadline{}), Duration::zero());
}

TEST(MonotonicClockTest, ANegativeBudgetIsNoBudget) {
  EXPECT_EQ(TimeLeft(DeadlineAfter(-seconds(5))), Duration::zero());
}

TEST(MonotonicClockTest, ABudgetBeyondTheClockMeansNever) {
  EXPECT_GT(TimeLeft(DeadlineAfter(Duration::max())), hours(24 * 365 * 100));
}

TEST(MonotonicClockTest, ATimespecHasWholeSecondsAndTheRest) {
  const timespec made = ToTimespec(milliseconds(2500) + nanoseconds(7));

  EXPECT_EQ(made.tv_sec, 2);
  EXPECT_EQ(made.tv_nsec, 500'000'007);
}

}  // namespace
}  // namespace virtio_user
