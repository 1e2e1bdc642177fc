// SPDX-License-Identifier: BSD-3-Clause

#ifndef TESTS_SUPPORT_FD_BALANCE_H_
#define TESTS_SUPPORT_FD_BALANCE_H_

#include <gtest/gtest.h>

#include <cstddef>

namespace testing_support {

// Descriptors that this process has open (/proc/self/fd).
size_t OpenFdCount();

// A fixture: every test must end with as many descriptors as it began with.
// Counts before the members of a derived fixture are made and after they are
// gone.
class FdBalanceTest : public testing::Test {
 protected:
  FdBalanceTest();
  ~FdBalanceTest() override;

 private:
  const size_t before_;
};

}  // namespace testing_support

#endif  // TESTS_SUPPORT_FD_BALANCE_H_
