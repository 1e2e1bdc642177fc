// SPDX-License-Identifier: BSD-3-Clause

#ifndef TESTS_SUPPORT_WITHOUT_STDIN_H_
#define TESTS_SUPPORT_WITHOUT_STDIN_H_

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace testing_support {

// While it lives, descriptor 0 is closed, as of a daemon that its starter gave
// none: what is opened next gets it, and is closed at the end at the latest.
class WithoutStdin {
 public:
  WithoutStdin() : kept_(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)) {
    EXPECT_GE(kept_, 0);
    EXPECT_EQ(::close(STDIN_FILENO), 0);
  }
  WithoutStdin(const WithoutStdin&) = delete;
  WithoutStdin& operator=(const WithoutStdin&) = delete;
  ~WithoutStdin() {
    EXPECT_EQ(::dup2(kept_, STDIN_FILENO), STDIN_FILENO);
    ::close(kept_);
  }

 private:
  const int kept_;
};

}  // namespace testing_support

#endif  // TESTS_SUPPORT_WITHOUT_STDIN_H_
