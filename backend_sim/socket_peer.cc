// SPDX-License-Identifier: BSD-3-Clause

#include "backend_sim/socket_peer.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>

namespace backend_sim {

using virtio_user::Error;
using virtio_user::ErrorCode;
using virtio_user::Fail;
using virtio_user::FileDescriptor;
using virtio_user::Result;

namespace {

std::unexpected<Error> SystemError(const char* what, const std::string& path) {
  return std::unexpected(
      Error::System(ErrorCode::kSystem, errno, "%s %s", what, path.c_str()));
}

Result<sockaddr_un> AddressOf(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof(address.sun_path)) {
    return Fail(ErrorCode::kInvalidArgument,
                "socket path of %zu bytes; 1 to %zu fit", path.size(),
                sizeof(address.sun_path) - 1);
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

Result<FileDescriptor> MakeSocket(virtio_user::FdOps& fds) {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return SystemError("socket", "");
  return FileDescriptor(fds, fd);
}

std::unexpected<Error> Stopped() {
  return Fail(ErrorCode::kDeadline, "told to stop before a front-end came");
}

}  // namespace

Result<FileDescriptor> ListenAt(const std::string& path,
                                virtio_user::FdOps& fds) {
  const Result<sockaddr_un> address = AddressOf(path);
  if (!address) return Fail(address);
  Result<FileDescriptor> socket = MakeSocket(fds);
  if (!socket) return socket;
  ::unlink(path.c_str());
  const auto* const plain = reinterpret_cast<const sockaddr*>(&*address);
  if (::bind(socket->get(), plain, sizeof(*address)) != 0) {
    return SystemError("bind", path);
  }
  if (::listen(socket->get(), 4) != 0) return SystemError("listen", path);
  return socket;
}

Result<FileDescriptor> AcceptFrom(const FileDescriptor& listener,
                                  virtio_user::FdOps& fds,
                                  const std::atomic<bool>& stop) {
  while (!stop.load()) {
    pollfd watched{.fd = listener.get(), .events = POLLIN, .revents = 0};
    if (::poll(&watched, 1, 10) <= 0) continue;
    const int fd = ::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC);
    if (fd >= 0) return FileDescriptor(fds, fd);
    if (errno != EINTR && errno != ECONNABORTED) {
      return SystemError("accept", "");
    }
  }
  return Stopped();
}

Result<FileDescriptor> ConnectTo(const std::string& path,
                                 virtio_user::FdOps& fds,
                                 const std::atomic<bool>& stop) {
  const Result<sockaddr_un> address = AddressOf(path);
  if (!address) return Fail(address);
  while (!stop.load()) {
    Result<FileDescriptor> socket = MakeSocket(fds);
    if (!socket) return socket;
    const auto* const plain = reinterpret_cast<const sockaddr*>(&*address);
    if (::connect(socket->get(), plain, sizeof(*address)) == 0) return socket;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return Stopped();
}

}  // namespace backend_sim
