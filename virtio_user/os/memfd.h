// SPDX-License-Identifier: BSD-3-Clause

#ifndef VIRTIO_USER_OS_MEMFD_H_
#define VIRTIO_USER_OS_MEMFD_H_

#include <cstddef>

#include "virtio_user/base/error.h"
#include "virtio_user/base/file_descriptor.h"

namespace virtio_user {

// An anonymous file of `bytes` zeroes, close-on-exec, whose size is sealed: a
// peer that holds the descriptor too can neither shorten it, which would turn
// our next access into SIGBUS, nor make it longer.
Result<FileDescriptor> MakeSealedMemfd(FdOps& ops, size_t bytes);

}  // namespace virtio_user

#endif  // VIRTIO_USER_OS_MEMFD_H_
