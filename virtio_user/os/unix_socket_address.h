// SPDX-License-Identifier: BSD-3-Clause

#ifndef VIRTIO_USER_OS_UNIX_SOCKET_ADDRESS_H_
#define VIRTIO_USER_OS_UNIX_SOCKET_ADDRESS_H_

#include <sys/socket.h>
#include <sys/un.h>

#include <string_view>

#include "virtio_user/base/error.h"

namespace virtio_user {

// The address of a socket in the file system, as bind and connect take it.
class UnixSocketAddress {
 public:
  // Bytes that a path may have: sun_path less the terminating zero.
  static constexpr size_t kMaxPathBytes = sizeof(sockaddr_un::sun_path) - 1;

  // Refused (kInvalidArgument): an empty path, one with a zero byte, and one
  // that is longer than kMaxPathBytes; it is never cut.
  static Result<UnixSocketAddress> Make(std::string_view path);

  const sockaddr* get() const {
    return reinterpret_cast<const sockaddr*>(&address_);
  }
  static constexpr socklen_t kBytes = sizeof(sockaddr_un);

 private:
  UnixSocketAddress() = default;

  sockaddr_un address_{};
};

}  // namespace virtio_user

#endif  // VIRTIO_USER_OS_UNIX_SOCKET_ADDRESS_H_
