// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/os/unix_socket_listener.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "virtio_user/os/monotonic_clock.h"
#include "virtio_user/os/wait_for_fd.h"

namespace virtio_user {
namespace {

// Of a listener that ends; its backlog holds fewer.
constexpr int kMaxPeersSentAway = 16;

// One peer is served, one more may wait its turn (listen(2): backlog).
constexpr int kBacklog = 1;

std::string LastComponent(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

std::string DirectoryOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return path.substr(0, slash + 1);
}

Result<FileDescriptor> NewSocket(FdOps& ops) {
  const int fd =
      ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd >= 0) return FileDescriptor(ops, fd);
  return std::unexpected(
      Error::System(ErrorCode::kSystem, errno,
                    "cannot make a socket (raise RLIMIT_NOFILE?)"));
}

}  // namespace

UnixSocketListener::UnixSocketListener(FdOps& ops, std::string path,
                                       const UnixSocketAddress& address)
    : ops_(ops),
      path_(std::move(path)),
      name_(LastComponent(path_)),
      address_(address) {}

Result<std::unique_ptr<UnixSocketListener>> UnixSocketListener::Create(
    FdOps& ops, std::string path) {
  const Result<UnixSocketAddress> address = UnixSocketAddress::Make(path);
  if (!address) return Fail(address);
  std::unique_ptr<UnixSocketListener> made(
      new UnixSocketListener(ops, std::move(path), *address));
  Result<void> ready = made->OpenDirectory();
  if (ready) ready = made->RemoveStale();
  if (ready) ready = made->BindAndListen();
  if (!ready) return Fail(ready);
  return made;
}

UnixSocketListener::~UnixSocketListener() {
  if (!bound_) return;
  RemoveOurs();
  // Whoever has connected meanwhile, as back-ends do as soon as they have lost
  // their connection, sees an orderly end instead of a reset. Nobody new finds
  // the way here; the bound is for those who did.
  for (int peers = 0; peers < kMaxPeersSentAway && Waiting(); ++peers) {
    const int fd = ::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC);
    if (fd >= 0) ops_.Close(fd);
  }
}

void UnixSocketListener::RemoveOurs() {
  const Result<std::optional<FileId>> now = Look();
  if (!now || !*now) return;
  if ((*now)->device != bound_->device || (*now)->inode != bound_->inode) {
    return;
  }
  ::unlinkat(directory_.get(), name_.c_str(), 0);
}

Result<void> UnixSocketListener::OpenDirectory() {
  if (name_.empty()) {
    return Fail(ErrorCode::kInvalidArgument,
                "%s names a directory; name the socket to be made in it",
                path_.c_str());
  }
  const int fd =
      ::open(DirectoryOf(path_).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) {
    return std::unexpected(Error::System(ErrorCode::kSystem, errno,
                                         "cannot open the directory of %s",
                                         path_.c_str()));
  }
  directory_ = FileDescriptor(ops_, fd);
  return {};
}

Result<std::optional<UnixSocketListener::FileId>> UnixSocketListener::Look()
    const {
  struct stat found{};
  if (::fstatat(directory_.get(), name_.c_str(), &found, AT_SYMLINK_NOFOLLOW) ==
      0) {
    return FileId{found.st_dev, found.st_ino, found.st_mode};
  }
  if (errno == ENOENT) return std::nullopt;
  return std::unexpected(Error::System(ErrorCode::kSystem, errno,
                                       "cannot examine %s", path_.c_str()));
}

Result<void> UnixSocketListener::RemoveStale() {
  const Result<std::optional<FileId>> found = Look();
  if (!found) return Fail(found);
  if (!*found) return {};
  if (!S_ISSOCK((*found)->mode)) {
    return Fail(ErrorCode::kInvalidArgument,
                "%s exists and is not a socket; name a path that is free",
                path_.c_str());
  }
  const Result<FileDescriptor> probe = NewSocket(ops_);
  if (!probe) return Fail(probe);
  const int refused =
      ::connect(probe->get(), address_.get(), UnixSocketAddress::kBytes) == 0
          ? 0
          : errno;
  if (refused == 0 || refused == EAGAIN || refused == EPROTOTYPE) {
    return Fail(ErrorCode::kInvalidArgument,
                "%s is served by somebody already; name another path, or end "
                "that server",
                path_.c_str());
  }
  if (refused != ECONNREFUSED ||
      ::unlinkat(directory_.get(), name_.c_str(), 0) != 0) {
    const int why = refused != ECONNREFUSED ? refused : errno;
    return std::unexpected(Error::System(
        ErrorCode::kSystem, why,
        "cannot tell whether the socket %s is in use, or cannot remove it; "
        "remove it by hand",
        path_.c_str()));
  }
  return {};
}

Result<void> UnixSocketListener::BindAndListen() {
  Result<FileDescriptor> made = NewSocket(ops_);
  if (!made) return Fail(made);
  socket_ = std::move(*made);
  if (::bind(socket_.get(), address_.get(), UnixSocketAddress::kBytes) != 0) {
    return std::unexpected(Error::System(ErrorCode::kSystem, errno,
                                         "cannot bind a socket to %s",
                                         path_.c_str()));
  }
  const Result<std::optional<FileId>> bound = Look();
  if (!bound) return Fail(bound);
  bound_ = *bound;
  if (::listen(socket_.get(), kBacklog) != 0) {
    return std::unexpected(Error::System(ErrorCode::kSystem, errno,
                                         "cannot listen at %s", path_.c_str()));
  }
  return {};
}

Result<FileDescriptor> UnixSocketListener::Next(Deadline deadline) {
  for (;;) {
    const Result<bool> waiting =
        WaitForFd(socket_.get(), FdEvent::kReadable, deadline);
    if (!waiting) return Fail(waiting);
    if (!*waiting) {
      return Fail(ErrorCode::kDeadline,
                  "no back-end connected to %s before the deadline; start it "
                  "in client mode with this path",
                  path_.c_str());
    }
    // The connection is blocking: each call on it says for itself whether it
    // waits, so that no two threads can differ about a shared flag.
    const int fd = ::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC);
    if (fd >= 0) return FileDescriptor(ops_, fd);
    // A peer that went away between poll and accept is not an error.
    if (errno == EINTR || errno == EAGAIN || errno == ECONNABORTED) continue;
    return std::unexpected(Error::System(ErrorCode::kSystem, errno,
                                         "cannot accept a connection at %s",
                                         path_.c_str()));
  }
}

bool UnixSocketListener::Waiting() const {
  const Result<bool> waiting =
      WaitForFd(socket_.get(), FdEvent::kReadable, DeadlineAfter({}));
  return waiting && *waiting;
}

}  // namespace virtio_user
