// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/os/open_backend.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <cerrno>
#include <cinttypes>
#include <optional>
#include <utility>

#include "virtio_user/os/posix_kernel_calls.h"
#include "virtio_user/os/proc_devices.h"
#include "virtio_user/os/tap.h"
#include "virtio_user/os/unix_socket_address.h"
#include "virtio_user/os/unix_socket_channel.h"
#include "virtio_user/os/vhost_kernel_backend.h"
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

Result<std::unique_ptr<VhostBackend>> OpenVhostNet(
    FdOps& ops, const OpenBackendOptions& options) {
  if (options.role == SocketRole::kServer) {
    return Fail(
        ErrorCode::kInvalidArgument,
        "%s is the kernel's vhost-net: nobody connects to it, so do not "
        "ask to be the server",
        options.path.c_str());
  }
  if (!options.ifname.empty()) {
    auto valid = CheckInterfaceName(options.ifname);
    if (!valid) return Fail(valid);
  }
  if (options.queue_pairs < 1 || options.queue_pairs > kMaxTapQueues) {
    return Fail(ErrorCode::kInvalidArgument,
                "queues %" PRId64
                ": a device on vhost-net has 1 to %u queue pairs",
                options.queue_pairs, kMaxTapQueues);
  }
  return std::make_unique<VhostKernelBackend>(
      std::make_unique<PosixKernelCalls>(ops),
      VhostKernelOptions{
          .path = options.path,
          .ifname = options.ifname,
          .queue_pairs = static_cast<uint32_t>(options.queue_pairs),
          .mac = options.mac});
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

// A device of the kernel's, or one that no back-end here is for.
Result<std::unique_ptr<VhostBackend>> OpenDevice(
    FdOps& ops, const OpenBackendOptions& options, dev_t device) {
  const unsigned major_number = major(device);
  if (major_number == kMiscMajor && minor(device) == kVhostNetMinor) {
    return OpenVhostNet(ops, options);
  }
  if (major_number == CharacterMajor(ReadProcDevices(), "vhost-vdpa")) {
    return OpenVdpa(ops, options);
  }
  return Fail(ErrorCode::kInvalidArgument,
              "%s is a character device (%u:%u) of no vhost driver; name the "
              "socket of a vhost-user server, /dev/vhost-net or a vhost-vdpa "
              "device",
              options.path.c_str(), major_number, minor(device));
}

// The mode and device of what is at the path; none where nothing is.
Result<std::optional<struct stat>> Examine(const std::string& path) {
  struct stat found{};
  if (::stat(path.c_str(), &found) == 0) return found;
  if (errno == ENOENT) return std::nullopt;
  return std::unexpected(Error::System(ErrorCode::kSystem, errno,
                                       "cannot examine %s", path.c_str()));
}

// What makes what is missing there appear.
const char* HowToGet(const std::string& path) {
  if (path == kVhostNetPath) return "load the driver: modprobe vhost_net";
  if (path.starts_with(kVhostVdpaPrefix)) {
    return "modprobe vhost_vdpa, then: vdpa dev add name NAME mgmtdev DEVICE";
  }
  return "start the back-end first, or correct the path";
}

Result<void> CheckType(const OpenBackendOptions& options,
                       const std::optional<struct stat>& found) {
  if (!found) {
    // A server makes its own file.
    if (options.role == SocketRole::kServer) return {};
    return std::unexpected(
        Error::System(ErrorCode::kDisconnected, ENOENT, "%s does not exist; %s",
                      options.path.c_str(), HowToGet(options.path)));
  }
  if (S_ISSOCK(found->st_mode)) return {};
  return Fail(ErrorCode::kInvalidArgument,
              "%s is %s and not a socket; name the socket of a vhost-user "
              "server, /dev/vhost-net or a vhost-vdpa device",
              options.path.c_str(), TypeName(found->st_mode));
}

}  // namespace

Result<std::unique_ptr<VhostBackend>> OpenBackend(
    FdOps& ops, const OpenBackendOptions& options) {
  const Result<std::optional<struct stat>> found = Examine(options.path);
  if (found && *found && S_ISCHR((*found)->st_mode)) {
    return OpenDevice(ops, options, (*found)->st_rdev);
  }
  const Result<UnixSocketAddress> address =
      UnixSocketAddress::Make(options.path);
  if (!address) return Fail(address);
  if (!found) return Fail(found);
  const Result<void> type = CheckType(options, *found);
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
  return std::make_unique<VhostUserBackend>(
      std::move(*channel),
      VhostUserOptions{.hears_requests = options.hears_requests});
}

}  // namespace virtio_user
