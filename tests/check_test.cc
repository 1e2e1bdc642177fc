// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/base/check.h"

#include <gtest/gtest.h>

namespace virtio_user {
namespace {

TEST(CheckTest, WhatHoldsIsLookedAtOnceAndGoesOn) {
  int looks = 0;

  VU_CHECK(++looks == 1);

  EXPECT_EQ(looks, 1);
}

TEST(CheckDeathTest, WhatDoesNotHoldEndsTheProcessAndSaysWhere) {
  const int rings = 3;

  EXPECT_DEATH(VU_CHECK(rings == 4),
               "check_test.cc:[0-9]+: CHECK failed: rings == 4");
}

}  // namespace
}  // namespace virtio_user
