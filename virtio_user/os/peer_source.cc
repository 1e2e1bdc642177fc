// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/os/peer_source.h"

#include <sys/socket.h>

#include <atomic>
#include <cerrno>
#include <utility>

#include "virtio_user/os/monotonic_clock.h"
#include "virtio_user/os/socket_timeout.h"
#include "virtio_user/os/unix_socket_address.h"

namespace virtio_user {
namespace {

std::unexpected<Error> Refusal(int sys_errno, const std::string& path) {
  const char* const at = path.c_str();
  switch (sys_errno) {
    case ENOENT:
      return std::unexpected(Error::System(
          ErrorCode::kDisconnected, sys_errno,
          "%s does not exist; start the back-end first, or correct the path",
          at));
    case ECONNREFUSED:
      return std::unexpected(Error::System(
          ErrorCode::kDisconnected, sys_errno,
          "nobody serves %s; start the back-end (a crashed one leaves the file "
          "behind)",
          at));
    case EAGAIN:
      return std::unexpected(Error::System(
          ErrorCode::kDeadline, sys_errno,
          "the server of %s accepted nobody before the deadline; it is busy "
          "with another client or hangs",
          at));
    case EPROTOTYPE:
    case ENOTSOCK:
      return std::unexpected(Error::System(ErrorCode::kInvalidArgument,
                                           sys_errno,
                                           "%s is not a stream socket; name "
                                           "the socket of a vhost-user server",
                                           at));
    case EACCES:
    case EPERM:
      return std::unexpected(Error::System(
          ErrorCode::kSystem, sys_errno,
          "no permission to connect to %s; it takes write permission on the "
          "socket and search permission on its directories",
          at));
    default:
      return std::unexpected(Error::System(ErrorCode::kSystem, sys_errno,
                                           "cannot connect to %s", at));
  }
}

class Connector final : public PeerSource {
 public:
  Connector(FdOps& ops, std::string path, const UnixSocketAddress& address)
      : ops_(ops), path_(std::move(path)), address_(address) {}

  Result<FileDescriptor> Next(Deadline deadline) override {
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
      return std::unexpected(
          Error::System(ErrorCode::kSystem, errno,
                        "cannot make a socket (raise RLIMIT_NOFILE?)"));
    }
    FileDescriptor made(ops_, fd);
    // A connect to a full backlog waits for as long as a send may take
    // (socket(7): SO_SNDTIMEO); there is nothing that poll could watch.
    int refused = 0;
    do {
      const Result<void> limited = SetSendTimeout(fd, TimeLeft(deadline));
      if (!limited) return Fail(limited);
      if (::connect(fd, address_.get(), UnixSocketAddress::kBytes) == 0) {
        return made;
      }
      refused = errno;
    } while (refused == EINTR && TimeLeft(deadline) > Duration::zero());
    return Refusal(refused == EINTR ? EAGAIN : refused, path_);
  }
  bool Waiting() override { return false; }
  int fd() const override { return -1; }

 private:
  FdOps& ops_;
  const std::string path_;
  const UnixSocketAddress address_;
};

class SingleSource final : public PeerSource {
 public:
  SingleSource(FdOps& ops, FileDescriptor connected)
      : ops_(ops), fd_(connected.Release()) {}
  ~SingleSource() override {
    if (const int fd = fd_.load(); fd >= 0) ops_.Close(fd);
  }

  Result<FileDescriptor> Next(Deadline) override {
    const int fd = fd_.exchange(-1);
    if (fd >= 0) return FileDescriptor(ops_, fd);
    return Fail(ErrorCode::kDisconnected,
                "the connection was handed over ready made and is used up; "
                "there is no path to connect to again");
  }
  bool Waiting() override { return fd_.load() >= 0; }
  int fd() const override { return fd_.load(); }

 private:
  FdOps& ops_;
  std::atomic<int> fd_;
};

}  // namespace

Result<std::unique_ptr<PeerSource>> MakeConnector(FdOps& ops,
                                                  std::string path) {
  const Result<UnixSocketAddress> address = UnixSocketAddress::Make(path);
  if (!address) return Fail(address);
  return std::make_unique<Connector>(ops, std::move(path), *address);
}

std::unique_ptr<PeerSource> MakeSingleSource(FdOps& ops,
                                             FileDescriptor connected) {
  return std::make_unique<SingleSource>(ops, std::move(connected));
}

}  // namespace virtio_user
