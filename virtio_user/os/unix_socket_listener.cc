// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/os/unix_socket_listener.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <utility>

#include "virtio_user/os/directory_lock.h"
#include "virtio_user/os/monotonic_clock.h"
#include "virtio_user/os/wait_for_fd.h"

namespace virtio_user {
namespace {

// Looked at in one go; the backlog holds fewer, unless they come all the time.
constexpr int kMaxPeersAtOnce = 16;

// Other starters hold the lock for a few system calls.
constexpr Duration kLockBudget = std::chrono::seconds(1);

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

Result<FileDescriptor> NewSocket(FdOps& ops, int type) {
  const int fd = ::socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd >= 0) return FileDescriptor(ops, fd);
  return std::unexpected(
      Error::System(ErrorCode::kSystem, errno,
                    "cannot make a socket (raise RLIMIT_NOFILE?)"));
}

// Whether the peer at `fd` is gone already, whatever it sent.
bool HasLeft(int fd) {
  const Result<bool> closed = WaitForFd(fd, FdEvent::kClosed, Deadline{});
  return closed && *closed;
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
  for (int peers = 0; peers < kMaxPeersAtOnce; ++peers) {
    const int fd = ::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) break;
    ops_.Close(fd);
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

Result<bool> UnixSocketListener::StaleThere() const {
  const Result<std::optional<FileId>> found = Look();
  if (!found) return Fail(found);
  if (!*found) return false;
  if (!S_ISSOCK((*found)->mode)) {
    return Fail(ErrorCode::kInvalidArgument,
                "%s exists and is not a socket; name a path that is free",
                path_.c_str());
  }
  // A datagram socket finds out without becoming a peer: no stream socket takes
  // it (EPROTOTYPE), whether that listens already or not, and what nobody has
  // open refuses everybody (connect(2): ECONNREFUSED).
  const Result<FileDescriptor> probe = NewSocket(ops_, SOCK_DGRAM);
  if (!probe) return Fail(probe);
  const bool joined =
      ::connect(probe->get(), address_.get(), UnixSocketAddress::kBytes) == 0;
  if (joined || errno == EPROTOTYPE) {
    return Fail(ErrorCode::kInvalidArgument,
                "%s is served by somebody already; name another path, or end "
                "that server",
                path_.c_str());
  }
  if (errno == ECONNREFUSED) return true;
  if (errno == ENOENT) return false;  // Its server has just removed it.
  return std::unexpected(Error::System(
      ErrorCode::kSystem, errno,
      "cannot tell whether the socket %s is in use; remove it by hand if not",
      path_.c_str()));
}

Result<void> UnixSocketListener::RemoveStale() {
  Result<bool> stale = StaleThere();
  if (!stale) return Fail(stale);
  if (!*stale) return {};
  const Result<FileDescriptor> lock =
      LockDirectory(ops_, directory_.get(), DeadlineAfter(kLockBudget));
  if (!lock) {
    return std::unexpected(Error::System(
        ErrorCode::kSystem, lock.error().sys_errno(),
        "cannot lock the directory of the stale socket %s; remove that socket "
        "by hand",
        path_.c_str()));
  }
  // Whoever had the lock may have put a socket of its own there.
  stale = StaleThere();
  if (!stale) return Fail(stale);
  if (!*stale) return {};
  if (::unlinkat(directory_.get(), name_.c_str(), 0) == 0) return {};
  return std::unexpected(Error::System(
      ErrorCode::kSystem, errno,
      "cannot remove the stale socket %s; remove it by hand", path_.c_str()));
}

Result<void> UnixSocketListener::BindAndListen() {
  Result<FileDescriptor> made = NewSocket(ops_, SOCK_STREAM);
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

Result<FileDescriptor> UnixSocketListener::AcceptPresent() {
  for (int peers = 0; peers < kMaxPeersAtOnce; ++peers) {
    // The connection is blocking: each call on it says for itself whether it
    // waits, so that no two threads can differ about a shared flag.
    const int fd = ::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC);
    if (fd >= 0) {
      FileDescriptor peer(ops_, fd);
      if (!HasLeft(fd)) return peer;
      continue;
    }
    if (errno == EAGAIN) break;
    if (errno == EINTR || errno == ECONNABORTED) continue;
    return std::unexpected(Error::System(ErrorCode::kSystem, errno,
                                         "cannot accept a connection at %s",
                                         path_.c_str()));
  }
  return FileDescriptor();
}

Result<FileDescriptor> UnixSocketListener::Next(Deadline deadline) {
  const MutexLock lock(mu_);
  FileDescriptor seen = std::move(seen_);
  if (seen.valid() && !HasLeft(seen.get())) return seen;
  seen.Reset();
  // Each round but the last takes time, or peers that have left.
  do {
    const Result<bool> waiting =
        WaitForFd(socket_.get(), FdEvent::kReadable, deadline);
    if (!waiting) return Fail(waiting);
    if (!*waiting) break;
    Result<FileDescriptor> peer = AcceptPresent();
    if (!peer || peer->valid()) return peer;
  } while (TimeLeft(deadline) > Duration::zero());
  return Fail(ErrorCode::kDeadline,
              "no back-end connected to %s before the deadline; start it in "
              "client mode with this path",
              path_.c_str());
}

bool UnixSocketListener::Waiting() {
  if (!mu_.TryLock()) return false;
  bool waiting = seen_.valid() && !HasLeft(seen_.get());
  if (!waiting) {
    seen_.Reset();
    Result<FileDescriptor> peer = AcceptPresent();
    waiting = !peer || peer->valid();
    if (peer) seen_ = std::move(*peer);
  }
  mu_.Unlock();
  return waiting;
}

}  // namespace virtio_user
