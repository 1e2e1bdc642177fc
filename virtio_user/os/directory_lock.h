// SPDX-License-Identifier: BSD-3-Clause

#ifndef VIRTIO_USER_OS_DIRECTORY_LOCK_H_
#define VIRTIO_USER_OS_DIRECTORY_LOCK_H_

#include "virtio_user/base/deadline.h"
#include "virtio_user/base/error.h"
#include "virtio_user/base/file_descriptor.h"

namespace virtio_user {

// The lock on a directory (flock(2)), among all processes and threads that
// take it: held until the descriptor is closed, so that no crash leaves it
// behind, and no file is made for it.
//
// `directory` is borrowed and may be O_PATH. kSystem: it cannot be read, the
// file system has no locks, or (EWOULDBLOCK) somebody holds it until
// `deadline`; one attempt is made.
Result<FileDescriptor> LockDirectory(FdOps& ops, int directory,
                                     Deadline deadline);

}  // namespace virtio_user

#endif  // VIRTIO_USER_OS_DIRECTORY_LOCK_H_
