// SPDX-License-Identifier: BSD-3-Clause

#ifndef VIRTIO_USER_OS_OPEN_BACKEND_H_
#define VIRTIO_USER_OS_OPEN_BACKEND_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "virtio_user/base/error.h"
#include "virtio_user/base/file_descriptor.h"
#include "virtio_user/base/mac_address.h"
#include "virtio_user/vhost/vhost_backend.h"

namespace virtio_user {

// Where the kernel has its back-ends.
inline constexpr std::string_view kVhostNetPath = "/dev/vhost-net";
inline constexpr std::string_view kVhostVdpaPrefix = "/dev/vhost-vdpa";

// Who connects to whom at a socket's path.
enum class SocketRole : uint8_t {
  kClient,  // The back-end listens, we connect.
  kServer,  // We listen, the back-end connects.
};

struct OpenBackendOptions {
  std::string path{};
  SocketRole role = SocketRole::kClient;
  // For vhost-net, whose packets go through a tap; refused for sockets.
  std::string ifname{};  // The tap's name or a pattern; empty: "tap%d".
  // The device's: vhost-net is opened once for each pair, and the kernel's end
  // of the tap gets the address.
  int64_t queue_pairs = 1;
  std::optional<MacAddress> mac{};
  bool hears_requests = true;  // See VhostUserOptions.
};

// Chooses the back-end by what lies at `path`, once: a socket is a vhost-user
// server's, /dev/vhost-net and /dev/vhost-vdpa-N the kernel's. Whatever becomes
// of the path later, the choice stays. Connects to nobody and opens no device
// (PeerLink::Attach does), but a server listens when this returns. `ops`
// outlives the back-end.
//
// kInvalidArgument: the path cannot be a back-end's (empty, too long for a
// socket, a file of another type, served by somebody else), or another option
// does not go with it. kDisconnected: client mode, and nothing is there.
// kSystem: the path cannot be examined; nothing is guessed from that.
Result<std::unique_ptr<VhostBackend>> OpenBackend(
    FdOps& ops, const OpenBackendOptions& options);

}  // namespace virtio_user

#endif  // VIRTIO_USER_OS_OPEN_BACKEND_H_
