// SPDX-License-Identifier: BSD-3-Clause

#include "tests/support/fd_balance.h"

#include <filesystem>
#include <iterator>

namespace testing_support {

size_t OpenFdCount() {
  const std::filesystem::directory_iterator open("/proc/self/fd");
  // The iteration itself has one open.
  return static_cast<size_t>(
             std::distance(begin(open), std::filesystem::end(open))) -
         1;
}

FdBalanceTest::FdBalanceTest() : before_(OpenFdCount()) {}

FdBalanceTest::~FdBalanceTest() {
  EXPECT_EQ(OpenFdCount(), before_) << "descriptors leaked, or closed twice";
}

}  // namespace testing_support
