// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/os/socket_receive.h"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace virtio_user {
namespace {

// The most that one message can carry (Linux: SCM_MAX_FD), so that each can be
// counted.
constexpr size_t kMaxReceivedFds = 253;

// Takes over the first descriptor that came with `message`, closes the others
// and counts them all. One that stayed open unseen would let a peer fill our
// table.
void TakeFds(FdOps& ops, msghdr& message, SocketRead& read) {
  read.fd_count = (message.msg_flags & MSG_CTRUNC) != 0 ? 1 : 0;
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr;
       part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) {
      continue;
    }
    const size_t fds = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < fds; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(part) + i * sizeof(int), sizeof(fd));
      FileDescriptor received(ops, fd);
      if (!read.fd.valid()) read.fd = std::move(received);
    }
    read.fd_count += fds;
  }
}

}  // namespace

Result<SocketRead> ReceiveOnce(FdOps& ops, int fd, std::span<std::byte> into,
                               ReceiveMode mode) {
  alignas(cmsghdr) std::byte control[CMSG_SPACE(kMaxReceivedFds * sizeof(int))];
  iovec vector{into.data(), into.size()};
  msghdr message{};
  message.msg_iov = &vector;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof(control);
  const int wait = mode == ReceiveMode::kNow ? MSG_DONTWAIT : MSG_WAITALL;
  const ssize_t got = ::recvmsg(fd, &message, wait | MSG_CMSG_CLOEXEC);
  if (got >= 0) {
    SocketRead read;
    read.bytes = static_cast<size_t>(got);
    TakeFds(ops, message, read);
    read.closed = got == 0;
    return read;
  }
  switch (errno) {
    case EAGAIN:
    case EINTR:
      return SocketRead{};
    case ECONNRESET:
    case EPIPE:
      return SocketRead{.closed = true};
    default:
      return std::unexpected(Error::System(ErrorCode::kSystem, errno,
                                           "cannot receive from the peer"));
  }
}

}  // namespace virtio_user
