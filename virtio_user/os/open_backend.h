// SPDX-License-Identifier: BSD-3-Clause

#ifndef VIRTIO_USER_OS_OPEN_BACKEND_H_
#define VIRTIO_USER_OS_OPEN_BACKEND_H_

#include <memory>
#include <string>

#include "virtio_user/base/error.h"
#include "virtio_user/base/file_descriptor.h"
#include "virtio_user/vhost/vhost_backend.h"

namespace virtio_user {

// Who connects to whom at a socket's path.
enum class SocketRole : uint8_t {
  kClient,  // The back-end listens, we connect.
  kServer,  // We listen, the back-end connects.
};

struct OpenBackendOptions {
  std::string path{};
  SocketRole role = SocketRole::kClient;
  std::string ifname{};  // Of a tap; only kernel back-ends have one.
};

// Chooses the back-end by what lies at `path`, once (a socket, or a character
// device of vhost-vdpa): whatever becomes of the
// path later, it is not looked at again. Connects to nobody (PeerLink::Attach
// does), but a server listens when this returns. `ops` outlives the back-end.
//
// kInvalidArgument: the path cannot be a back-end's (empty, too long for a
// socket, a file of another type, served by somebody else), or another option
// does not go with it. kDisconnected: client mode, and nothing is there.
// kUnsupported: a character device of a vhost driver that has no back-end here.
// kSystem: the path cannot be examined; nothing is guessed from that.
Result<std::unique_ptr<VhostBackend>> OpenBackend(
    FdOps& ops, const OpenBackendOptions& options);

}  // namespace virtio_user

#endif  // VIRTIO_USER_OS_OPEN_BACKEND_H_
