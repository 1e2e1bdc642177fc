// SPDX-License-Identifier: BSD-3-Clause

#ifndef TESTS_SUPPORT_WITHOUT_STDIN_H_
#define TESTS_SUPPORT_WITHOUT_STDIN_H_

#include <fcntl.h>
#include <unistd.h>

namespace testing_support {

// While it lives, descriptor 0 is closed, as of a daemon that its starter gave
// none: what is opened next gets it. That must be closed before.
class WithoutStdin {
 public:
  WithoutStdin() : kept_(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)) {
    ::close(STDIN_FILENO);
  }
  WithoutStdin(const WithoutStdin&) = delete;
  WithoutStdin& operator=(const WithoutStdin&) = delete;
  ~WithoutStdin() {
    if (kept_ < 0) return;
    ::dup2(kept_, STDIN_FILENO);
    ::close(kept_);
  }

 private:
  const int kept_;  // Negative: there was none.
};

}  // namespace testing_support

#endif  // TESTS_SUPPORT_WITHOUT_STDIN_H_
