// SPDX-License-Identifier: BSD-3-Clause

#ifndef VIRTIO_USER_OS_SOCKET_SEND_H_
#define VIRTIO_USER_OS_SOCKET_SEND_H_

#include <cstddef>
#include <span>

#include "virtio_user/base/error.h"
#include "virtio_user/vhost_user/channel.h"

namespace virtio_user {

// Channel::Send on the stream socket `fd`: never blocks, raises no SIGPIPE.
// Chunks without descriptors are joined to the message before them, so that a
// call costs one sendmmsg for up to 64 chunks.
Result<size_t> SendChunks(int fd, std::span<const SendChunk> chunks,
                          size_t skip);

}  // namespace virtio_user

#endif  // VIRTIO_USER_OS_SOCKET_SEND_H_
