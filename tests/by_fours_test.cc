// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/ring/by_fours.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <vector>

namespace virtio_user {
namespace {

// What a plain loop does: the numbers before the first one that does not fit.
std::vector<size_t> Expected(size_t limit, size_t bad) {
  std::vector<size_t> taken;
  for (size_t i = 0; i < limit && i != bad; ++i) taken.push_back(i);
  return taken;
}

TEST(ByFoursTest, TakesWhatAPlainLoopTakesWhereverSomethingDiffers) {
  for (size_t limit = 0; limit <= 13; ++limit) {
    for (size_t bad = 0; bad <= limit; ++bad) {
      std::vector<size_t> taken;
      const size_t count = ByFours(
          limit, [](size_t i) { return 3 * i; },
          [&](size_t i, size_t) { return i == bad ? 4u : 0u; },
          [](size_t, size_t) { return true; },
          [&](size_t i, size_t seen) {
            EXPECT_EQ(seen, 3 * i);
            taken.push_back(i);
          });
      EXPECT_EQ(taken, Expected(limit, bad)) << limit << " " << bad;
      EXPECT_EQ(count, taken.size());
    }
  }
}

TEST(ByFoursTest, TakesWhatAPlainLoopTakesWhereverSomethingDoesNotFit) {
  for (size_t limit = 0; limit <= 13; ++limit) {
    for (size_t bad = 0; bad <= limit; ++bad) {
      std::vector<size_t> taken;
      const size_t count = ByFours(
          limit, [](size_t) { return 0; }, [](size_t, int) { return 0u; },
          [&](size_t i, int) { return i != bad; },
          [&](size_t i, int) { taken.push_back(i); });
      EXPECT_EQ(taken, Expected(limit, bad)) << limit << " " << bad;
      EXPECT_EQ(count, taken.size());
    }
  }
}

TEST(ByFoursTest, NothingBeyondTheLimitIsLookedAt) {
  for (size_t limit = 0; limit <= 9; ++limit) {
    ByFours(
        limit,
        [&](size_t i) {
          EXPECT_LT(i, limit);
          return 0;
        },
        [](size_t, int) { return 0u; }, [](size_t, int) { return true; },
        [](size_t, int) {});
  }
}

}  // namespace
}  // namespace virtio_user
