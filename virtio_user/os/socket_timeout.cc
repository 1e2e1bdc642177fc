// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/os/socket_timeout.h"

#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <cerrno>
#include <chrono>

namespace virtio_user {
namespace {

Result<void> SetTimeout(int fd, int option, Duration timeout) {
  // To the kernel, zero means for ever: the shortest time stands for it.
  const auto micros =
      std::max(std::chrono::ceil<std::chrono::microseconds>(timeout),
               std::chrono::microseconds(1));
  const auto seconds = std::chrono::floor<std::chrono::seconds>(micros);
  timeval value{};
  value.tv_sec = static_cast<time_t>(seconds.count());
  value.tv_usec = static_cast<suseconds_t>((micros - seconds).count());
  if (::setsockopt(fd, SOL_SOCKET, option, &value, sizeof(value)) == 0) {
    return {};
  }
  return std::unexpected(Error::System(ErrorCode::kSystem, errno,
                                       "cannot set the timeout of descriptor "
                                       "%d",
                                       fd));
}

}  // namespace

Result<void> SetSendTimeout(int fd, Duration timeout) {
  return SetTimeout(fd, SO_SNDTIMEO, timeout);
}

Result<void> SetReceiveTimeout(int fd, Duration timeout) {
  return SetTimeout(fd, SO_RCVTIMEO, timeout);
}

}  // namespace virtio_user
