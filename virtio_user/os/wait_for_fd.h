// SPDX-License-Identifier: BSD-3-Clause

#ifndef VIRTIO_USER_OS_WAIT_FOR_FD_H_
#define VIRTIO_USER_OS_WAIT_FOR_FD_H_

#include "virtio_user/base/deadline.h"
#include "virtio_user/base/error.h"

namespace virtio_user {

enum class FdEvent : uint8_t {
  kReadable,
  kWritable,
  kClosed,   // A stream's peer sends no more, read though all may not be yet.
  kFailure,  // An error or a hang-up alone.
};

// Waits until `event`, an error or a hang-up is there on `fd`, or `deadline`
// has passed: then false. Looks once even if it has passed already.
Result<bool> WaitForFd(int fd, FdEvent event, Deadline deadline);

}  // namespace virtio_user

#endif  // VIRTIO_USER_OS_WAIT_FOR_FD_H_
