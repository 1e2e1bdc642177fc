// SPDX-License-Identifier: BSD-3-Clause
//
// A point in time on the clock of the seam that made it. The core carries
// deadlines and never reads a clock.

#ifndef VIRTIO_USER_BASE_DEADLINE_H_
#define VIRTIO_USER_BASE_DEADLINE_H_

#include <chrono>
#include <compare>

namespace virtio_user {

using Duration = std::chrono::nanoseconds;

// What a public call may take in all, unless the embedder says otherwise.
inline constexpr Duration kDefaultCallBudget = std::chrono::seconds(2);

struct Deadline {
  Duration at{0};  // Since the epoch of the clock that made it.

  friend auto operator<=>(const Deadline&, const Deadline&) = default;
};

}  // namespace virtio_user

#endif  // VIRTIO_USER_BASE_DEADLINE_H_
