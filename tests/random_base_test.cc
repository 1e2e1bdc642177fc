// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/os/random_base.h"

#include <gtest/gtest.h>
#include <sys/syscall.h>

#include <cerrno>
#include <set>

#include "tests/support/failing_syscall.h"

namespace virtio_user {
namespace {

TEST(RandomBaseTest, BasesAreWholePagesInsideTheirBounds) {
  constexpr size_t kBytes = size_t{1} << 30;
  for (int i = 0; i < 1000; ++i) {
    const Result<uint64_t> base = RandomBase(kBytes);
    ASSERT_TRUE(base.has_value());
    EXPECT_EQ(*base % 4096, 0u);
    EXPECT_GE(*base, 4096u);
    EXPECT_LE(*base + kBytes, uint64_t{1} << 47);
  }
}

TEST(RandomBaseTest, NoTwoBasesAreTheSame) {
  std::set<uint64_t> seen;
  for (int i = 0; i < 100; ++i) seen.insert(RandomBase(4096).value());

  // 2^35 pages: a repetition in 100 has a chance of 1 in 7 million.
  EXPECT_EQ(seen.size(), 100u);
}

TEST(RandomBaseTest, TheLargestRegionHasExactlyOneBase) {
  EXPECT_EQ(RandomBase((size_t{1} << 47) - 4096).value(), 4096u);
}

TEST(RandomBaseTest, ARegionThatFitsNowhereIsRefused) {
  const Result<uint64_t> base = RandomBase((size_t{1} << 47) - 4095);

  ASSERT_FALSE(base.has_value());
  EXPECT_EQ(base.error().code(), ErrorCode::kInvalidArgument);
}

TEST(RandomBaseTest, WithoutRandomNumbersThereIsNoBase) {
  const bool ran =
      testing_support::WithFailingSyscall({SYS_getrandom, ENOSYS}, [] {
        const Result<uint64_t> base = RandomBase(4096);
        ASSERT_FALSE(base.has_value());
        EXPECT_EQ(base.error().sys_errno(), ENOSYS);
      });
  if (!ran) GTEST_SKIP() << "no seccomp filters here";
}

}  // namespace
}  // namespace virtio_user
