// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/os/unix_socket_address.h"

#include <cstring>

namespace virtio_user {

Result<UnixSocketAddress> UnixSocketAddress::Make(std::string_view path) {
  if (path.empty()) {
    return Fail(ErrorCode::kInvalidArgument,
                "the path of the socket is empty; name a file");
  }
  if (path.size() > kMaxPathBytes) {
    // The front of the path is enough to recognise it.
    return Fail(ErrorCode::kInvalidArgument,
                "the path of the socket has %zu bytes, and a Unix socket takes "
                "at most %zu; choose a shorter one than %.60s...",
                path.size(), kMaxPathBytes, path.data());
  }
  if (path.find('\0') != std::string_view::npos) {
    return Fail(ErrorCode::kInvalidArgument,
                "the path of the socket has a zero byte inside");
  }
  UnixSocketAddress made;
  made.address_.sun_family = AF_UNIX;
  std::memcpy(made.address_.sun_path, path.data(), path.size());
  return made;
}

}  // namespace virtio_user
