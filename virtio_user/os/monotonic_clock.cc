// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/os/monotonic_clock.h"

#include <algorithm>

namespace virtio_user {
namespace {

Duration Now() {
  timespec now{};
  // Cannot fail: every Linux has this clock.
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return std::chrono::seconds(now.tv_sec) +
         std::chrono::nanoseconds(now.tv_nsec);
}

}  // namespace

Deadline DeadlineAfter(Duration budget) {
  const Duration now = Now();
  if (budget > Duration::max() - now) return {Duration::max()};
  return {now + std::max(budget, Duration::zero())};
}

Duration TimeLeft(Deadline deadline) {
  return std::max(deadline.at - Now(), Duration::zero());
}

timespec ToTimespec(Duration duration) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(duration);
  timespec result{};
  result.tv_sec = static_cast<time_t>(seconds.count());
  result.tv_nsec = static_cast<long>((duration - seconds).count());
  return result;
}

}  // namespace virtio_user
