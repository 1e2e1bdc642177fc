// SPDX-License-Identifier: BSD-3-Clause

#ifndef TESTS_SUPPORT_STOPWATCH_H_
#define TESTS_SUPPORT_STOPWATCH_H_

#include <chrono>

namespace testing_support {

class Stopwatch {
 public:
  std::chrono::nanoseconds elapsed() const {
    return std::chrono::steady_clock::now() - begin_;
  }

 private:
  std::chrono::steady_clock::time_point begin_ =
      std::chrono::steady_clock::now();
};

}  // namespace testing_support

#endif  // TESTS_SUPPORT_STOPWATCH_H_
