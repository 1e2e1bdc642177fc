// SPDX-License-Identifier: BSD-3-Clause
//
// The peer's end of a socket, in plain system calls.

#ifndef TESTS_SUPPORT_RAW_SOCKET_H_
#define TESTS_SUPPORT_RAW_SOCKET_H_

#include <sys/socket.h>

#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "virtio_user/base/file_descriptor.h"

namespace testing_support {

// One for the whole process.
virtio_user::FdOps& RealFdOps();

using FdPair =
    std::pair<virtio_user::FileDescriptor, virtio_user::FileDescriptor>;
// socketpair(2): stream, blocking.
FdPair ConnectedPair();

// Binds at `path` and listens, or (backlog < 0) only binds.
virtio_user::FileDescriptor BindAt(const std::string& path, int backlog,
                                   int type = SOCK_STREAM);
// Not valid, and errno, where connect fails; never waits.
virtio_user::FileDescriptor TryConnect(const std::string& path);
// Waits for a client.
virtio_user::FileDescriptor AcceptFrom(int listener);

// Sends all of it; false where it failed. `fds` go with the first byte.
bool SendAll(int fd, std::span<const std::byte> bytes,
             std::span<const int> fds = {});
// Sends `count` bytes of value `value`.
bool SendBytes(int fd, size_t count, char value = 'x');

struct RawReceived {
  std::vector<std::byte> bytes;
  std::vector<virtio_user::FileDescriptor> fds;
};
// One recvmsg of at most `bytes`, without waiting.
RawReceived ReceiveNow(int fd, size_t bytes);

// Whether the two are descriptors of the same open file (kcmp would say it
// too): eventfds share a counter, so what one gets the other shows.
bool SameEvent(int a, int b);

}  // namespace testing_support

#endif  // TESTS_SUPPORT_RAW_SOCKET_H_
