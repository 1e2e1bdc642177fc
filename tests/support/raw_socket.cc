// SPDX-License-Identifier: BSD-3-Clause

#include "tests/support/raw_socket.h"

#include <sys/un.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "virtio_user/base/posix_fd_ops.h"

namespace testing_support {
namespace {

using virtio_user::FileDescriptor;

FileDescriptor Owned(int fd) {
  return fd < 0 ? FileDescriptor() : FileDescriptor(RealFdOps(), fd);
}

sockaddr_un AddressOf(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(),
              std::min(path.size(), sizeof(address.sun_path) - 1));
  return address;
}

}  // namespace

virtio_user::FdOps& RealFdOps() {
  static virtio_user::PosixFdOps ops;
  return ops;
}

FdPair ConnectedPair() {
  int fds[2] = {-1, -1};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0) {
    std::abort();
  }
  return {Owned(fds[0]), Owned(fds[1])};
}

FileDescriptor BindAt(const std::string& path, int backlog, int type) {
  FileDescriptor made = Owned(::socket(AF_UNIX, type | SOCK_CLOEXEC, 0));
  const sockaddr_un address = AddressOf(path);
  if (::bind(made.get(), reinterpret_cast<const sockaddr*>(&address),
             sizeof(address)) != 0 ||
      (backlog >= 0 && ::listen(made.get(), backlog) != 0)) {
    std::abort();
  }
  return made;
}

FileDescriptor TryConnect(const std::string& path) {
  FileDescriptor made =
      Owned(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const sockaddr_un address = AddressOf(path);
  if (::connect(made.get(), reinterpret_cast<const sockaddr*>(&address),
                sizeof(address)) != 0) {
    made.Reset();
  }
  return made;
}

FileDescriptor AcceptFrom(int listener) {
  return Owned(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
}

bool SendAll(int fd, std::span<const std::byte> bytes,
             std::span<const int> fds) {
  while (!bytes.empty()) {
    iovec vector{const_cast<std::byte*>(bytes.data()), bytes.size()};
    msghdr message{};
    message.msg_iov = &vector;
    message.msg_iovlen = 1;
    alignas(cmsghdr) char control[CMSG_SPACE(253 * sizeof(int))] = {};
    if (!fds.empty()) {
      message.msg_control = control;
      message.msg_controllen = CMSG_SPACE(fds.size_bytes());
      cmsghdr* const rights = CMSG_FIRSTHDR(&message);
      rights->cmsg_level = SOL_SOCKET;
      rights->cmsg_type = SCM_RIGHTS;
      rights->cmsg_len = CMSG_LEN(fds.size_bytes());
      std::memcpy(CMSG_DATA(rights), fds.data(), fds.size_bytes());
    }
    const ssize_t sent = ::sendmsg(fd, &message, MSG_NOSIGNAL);
    if (sent < 0) return false;
    bytes = bytes.subspan(static_cast<size_t>(sent));
    fds = {};
  }
  return true;
}

bool SendBytes(int fd, size_t count, char value) {
  const std::vector<std::byte> bytes(count, static_cast<std::byte>(value));
  return SendAll(fd, bytes);
}

RawReceived ReceiveNow(int fd, size_t bytes) {
  RawReceived received;
  received.bytes.resize(bytes);
  iovec vector{received.bytes.data(), bytes};
  alignas(cmsghdr) char control[CMSG_SPACE(64 * sizeof(int))];
  msghdr message{};
  message.msg_iov = &vector;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof(control);
  const ssize_t got = ::recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  received.bytes.resize(got < 0 ? 0 : static_cast<size_t>(got));
  if (got < 0) return received;
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr;
       part = CMSG_NXTHDR(&message, part)) {
    const size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; ++i) {
      int passed = -1;
      std::memcpy(&passed, CMSG_DATA(part) + i * sizeof(int), sizeof(passed));
      received.fds.push_back(Owned(passed));
    }
  }
  return received;
}

bool SameEvent(int a, int b) {
  const uint64_t written = 41;
  uint64_t read = 0;
  return ::write(a, &written, sizeof(written)) == sizeof(written) &&
         ::read(b, &read, sizeof(read)) == sizeof(read) && read == written;
}

}  // namespace testing_support
