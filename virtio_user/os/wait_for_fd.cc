// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/os/wait_for_fd.h"

#include <poll.h>

#include <cerrno>

#include "virtio_user/os/monotonic_clock.h"

namespace virtio_user {
namespace {

short PollEvents(FdEvent event) {
  switch (event) {
    case FdEvent::kReadable:
      return POLLIN;
    case FdEvent::kWritable:
      return POLLOUT;
    case FdEvent::kClosed:
      return POLLRDHUP;
    case FdEvent::kFailure:
      break;
  }
  return 0;  // Errors and hang-ups come unasked for.
}

}  // namespace

Result<bool> WaitForFd(int fd, FdEvent event, Deadline deadline) {
  pollfd watched{};
  watched.fd = fd;
  watched.events = PollEvents(event);
  int ready = 0;
  do {
    const timespec left = ToTimespec(TimeLeft(deadline));
    ready = ::ppoll(&watched, 1, &left, nullptr);
  } while (ready < 0 && errno == EINTR);
  if (ready >= 0) return ready > 0;
  return std::unexpected(Error::System(ErrorCode::kSystem, errno,
                                       "cannot wait for descriptor %d", fd));
}

}  // namespace virtio_user
