// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/os/open_backend.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <cerrno>
#include <optional>
#include <utility>

#include "virtio_user/os/posix_kernel_calls.h"
#include "virtio_user/os/proc_devices.h"
#include "virtio_user/os/unix_socket_address.h"
#include "virtio_user/os/unix_socket_channel.h"
#include "virtio_user/os/vhost_vdpa_backend.h"
#include "virtio_user/vhost_user/vhost_user_backend.h"

namespace virtio_user {
namespace {

// Linux: Documentation/admin-guide/devices.txt, "10 char", 238.
constexpr unsigned kMiscMajor = 10;
constexpr unsigned kVhostNetMinor = 238;

const char* TypeName(mode_t mode) {
  if (S_ISREG(mode)) return "a regular file";
  if (S_ISDIR(mode)) return "a directory";
  if (S_ISFIFO(mode)) return "a FIFO";
  if (S_ISBLK(mode)) return "a block device";
  return "of an unknown type";
}

std::unexpected<Error> RefuseDevice(const std::string& path, dev_t device) {
  const unsigned major_number = major(device);
  if (major_number == kMiscMajor && minor(device) == kVhostNetMinor) {
    return Fail(ErrorCode::kUnsupported,
                "%s is the kernel's vhost-net device; this version has no "
                "back-end for it, only for vhost-user sockets",
                path.c_str());
  }
  return Fail(ErrorCode::kInvalidArgument,
              "%s is a character device (%u:%u) of no vhost driver; name a "
              "vhost-vdpa device or the socket of a vhost-user server",
              path.c_str(), major_number, minor(device));
}

// The mode and device of what is at the path; none where nothing is.
Result<std::optional<struct stat>> Examine(const std::string& path) {
  struct stat found{};
  if (::stat(path.c_str(), &found) == 0) return found;
  if (errno == ENOENT) return std::nullopt;
  return std::unexpected(Error::System(ErrorCode::kSystem, errno,
                                       "cannot examine %s", path.c_str()));
}

Result<void> CheckType(const OpenBackendOptions& options) {
  const Result<std::optional<struct stat>> found = Examine(options.path);
  if (!found) return Fail(found);
  if (!*found) {
    // A server makes its own file.
    if (options.role == SocketRole::kServer) return {};
    return std::unexpected(Error::System(
        ErrorCode::kDisconnected, ENOENT,
        "%s does not exist; start the back-end first, or correct the path",
        options.path.c_str()));
  }
  const mode_t mode = (*found)->st_mode;
  if (S_ISSOCK(mode)) return {};
  if (S_ISCHR(mode)) return RefuseDevice(options.path, (*found)->st_rdev);
  return Fail(ErrorCode::kInvalidArgument,
              "%s is %s and not a socket; name the socket of a vhost-user "
              "server",
              options.path.c_str(), TypeName(mode));
}

bool IsVdpaDevice(const std::string& path) {
  const auto found = Examine(path);
  return found && *found && S_ISCHR((*found)->st_mode) &&
         major((*found)->st_rdev) ==
             CharacterMajor(ReadProcDevices(), "vhost-vdpa");
}

Result<std::unique_ptr<VhostBackend>> OpenVdpa(
    FdOps& ops, const OpenBackendOptions& options) {
  if (options.role == SocketRole::kServer || !options.ifname.empty()) {
    return Fail(ErrorCode::kInvalidArgument,
                "%s is a vhost-vdpa device, to which neither server mode nor "
                "ifname applies; leave them out",
                options.path.c_str());
  }
  return std::make_unique<VhostVdpaBackend>(
      std::make_unique<PosixKernelCalls>(ops), options.path);
}

}  // namespace

Result<std::unique_ptr<VhostBackend>> OpenBackend(
    FdOps& ops, const OpenBackendOptions& options) {
  if (IsVdpaDevice(options.path)) return OpenVdpa(ops, options);
  const Result<UnixSocketAddress> address =
      UnixSocketAddress::Make(options.path);
  if (!address) return Fail(address);
  const Result<void> type = CheckType(options);
  if (!type) return Fail(type);
  if (!options.ifname.empty()) {
    return Fail(ErrorCode::kInvalidArgument,
                "ifname %s names a tap, which a vhost-user socket does not "
                "have; leave it out",
                options.ifname.c_str());
  }
  Result<std::unique_ptr<UnixSocketChannel>> channel =
      options.role == SocketRole::kServer
          ? UnixSocketChannel::Server(ops, options.path)
          : UnixSocketChannel::Client(ops, options.path);
  if (!channel) return Fail(channel);
  return std::make_unique<VhostUserBackend>(std::move(*channel));
}

}  // namespace virtio_user
