// SPDX-License-Identifier: BSD-3-Clause
//
// How the server meets its front-end: by listening, or by connecting.

#ifndef BACKEND_SIM_SOCKET_PEER_H_
#define BACKEND_SIM_SOCKET_PEER_H_

#include <atomic>
#include <string>

#include "virtio_user/base/error.h"
#include "virtio_user/base/file_descriptor.h"

namespace backend_sim {

// A socket at `path` that a front-end can connect to; a socket file that is
// there already is replaced.
virtio_user::Result<virtio_user::FileDescriptor> ListenAt(
    const std::string& path, virtio_user::FdOps& fds);
// The next front-end. kDeadline: `stop` was set first.
virtio_user::Result<virtio_user::FileDescriptor> AcceptFrom(
    const virtio_user::FileDescriptor& listener, virtio_user::FdOps& fds,
    const std::atomic<bool>& stop);
// A front-end that listens at `path`, tried again and again until it is there.
// kDeadline: `stop` was set first.
virtio_user::Result<virtio_user::FileDescriptor> ConnectTo(
    const std::string& path, virtio_user::FdOps& fds,
    const std::atomic<bool>& stop);

}  // namespace backend_sim

#endif  // BACKEND_SIM_SOCKET_PEER_H_
