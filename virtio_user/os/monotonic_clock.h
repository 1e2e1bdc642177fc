// SPDX-License-Identifier: BSD-3-Clause
//
// The clock behind every deadline of this package: CLOCK_MONOTONIC.

#ifndef VIRTIO_USER_OS_MONOTONIC_CLOCK_H_
#define VIRTIO_USER_OS_MONOTONIC_CLOCK_H_

#include <ctime>

#include "virtio_user/base/deadline.h"

namespace virtio_user {

// `budget` from now. A budget that the clock cannot count means never.
Deadline DeadlineAfter(Duration budget);

// What is left until `deadline`; 0 once it has passed, never less.
Duration TimeLeft(Deadline deadline);

// For ppoll and nanosleep. Requires: duration >= 0.
timespec ToTimespec(Duration duration);

}  // namespace virtio_user

#endif  // VIRTIO_USER_OS_MONOTONIC_CLOCK_H_
