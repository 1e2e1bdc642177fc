// SPDX-License-Identifier: BSD-3-Clause

#ifndef VIRTIO_USER_OS_SOCKET_RECEIVE_H_
#define VIRTIO_USER_OS_SOCKET_RECEIVE_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "virtio_user/base/error.h"
#include "virtio_user/base/file_descriptor.h"

namespace virtio_user {

enum class ReceiveMode : uint8_t {
  kNow,       // What is there.
  kWaitFull,  // Waits until the buffer is full, SO_RCVTIMEO has passed, a
              // signal came, or descriptors did, which end a read.
};

// What one recvmsg got.
struct SocketRead {
  size_t bytes = 0;  // 0 and !closed: nothing came (yet).
  // Descriptors that came with the bytes, or before the last of them. Those
  // that the kernel could not hand over count as one.
  size_t fd_count = 0;
  bool closed = false;     // The peer is gone and everything was read.
  FileDescriptor fd = {};  // The first of them; the others are closed again.
};

// Requires: `into` is not empty.
Result<SocketRead> ReceiveOnce(FdOps& ops, int fd, std::span<std::byte> into,
                               ReceiveMode mode);

}  // namespace virtio_user

#endif  // VIRTIO_USER_OS_SOCKET_RECEIVE_H_
