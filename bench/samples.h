// SPDX-License-Identifier: BSD-3-Clause

#ifndef BENCH_SAMPLES_H_
#define BENCH_SAMPLES_H_

#include <algorithm>
#include <chrono>
#include <vector>

namespace virtio_user::bench {

// Measurements of the same thing.
class Samples {
 public:
  void Add(double value) { values_.push_back(value); }
  // Requires: at least one.
  double Median() const {
    std::vector<double> sorted = values_;
    std::ranges::sort(sorted);
    return sorted[sorted.size() / 2];
  }
  double Worst() const { return *std::ranges::max_element(values_); }

 private:
  std::vector<double> values_;
};

// Since it was made.
class Stopwatch {
 public:
  double nanoseconds() const {
    return std::chrono::duration<double, std::nano>(Clock::now() - begin_)
        .count();
  }

 private:
  using Clock = std::chrono::steady_clock;
  const Clock::time_point begin_ = Clock::now();
};

}  // namespace virtio_user::bench

#endif  // BENCH_SAMPLES_H_
