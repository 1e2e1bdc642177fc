// SPDX-License-Identifier: BSD-3-Clause

#ifndef VIRTIO_USER_OS_SOCKET_TIMEOUT_H_
#define VIRTIO_USER_OS_SOCKET_TIMEOUT_H_

#include "virtio_user/base/deadline.h"
#include "virtio_user/base/error.h"

namespace virtio_user {

// How long a blocking send or connect (SO_SNDTIMEO), or receive (SO_RCVTIMEO),
// on `fd` may take in all. The kernel counts in ticks and rounds up, so such
// a call ends at most two ticks late. 0 means "at once", not "never".
Result<void> SetSendTimeout(int fd, Duration timeout);
Result<void> SetReceiveTimeout(int fd, Duration timeout);

}  // namespace virtio_user

#endif  // VIRTIO_USER_OS_SOCKET_TIMEOUT_H_
