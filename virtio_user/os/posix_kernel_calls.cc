// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/os/posix_kernel_calls.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <ctime>
#include <fstream>
#include <iterator>

#include "virtio_user/os/monotonic_clock.h"
#include "virtio_user/os/wait_for_fd.h"

namespace virtio_user {
namespace {

// Repeats a call that a signal interrupted; its value, or -errno.
template <typename Call>
int Answer(Call call) {
  for (;;) {
    const auto value = call();
    if (value >= 0) {
      return static_cast<int>(std::min<decltype(value)>(value, INT_MAX));
    }
    if (errno != EINTR) return -errno;
  }
}

FdEvent ToFdEvent(KernelEvent event) {
  switch (event) {
    case KernelEvent::kReadable:
      return FdEvent::kReadable;
    case KernelEvent::kWritable:
      return FdEvent::kWritable;
    case KernelEvent::kFailure:
      break;
  }
  return FdEvent::kFailure;
}

}  // namespace

int PosixKernelCalls::Open(const std::string& path) {
  return Answer([&] {
    return ::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  });
}

int PosixKernelCalls::Ioctl(int fd, unsigned long request, void* argument) {
  return Answer([&] { return ::ioctl(fd, request, argument); });
}

int PosixKernelCalls::IoctlNumber(int fd, unsigned long request,
                                  unsigned long number) {
  return Answer([&] { return ::ioctl(fd, request, number); });
}

int PosixKernelCalls::Read(int fd, std::span<std::byte> into) {
  return Answer([&] { return ::read(fd, into.data(), into.size()); });
}

int PosixKernelCalls::Write(int fd, std::span<const std::byte> from) {
  return Answer([&] { return ::write(fd, from.data(), from.size()); });
}

int PosixKernelCalls::Poll(int fd, KernelEvent event, Deadline deadline) {
  const auto found = WaitForFd(fd, ToFdEvent(event), deadline);
  return found ? (*found ? 1 : 0) : -found.error().sys_errno();
}

void PosixKernelCalls::Sleep(Deadline deadline) {
  for (Duration left = TimeLeft(deadline); left > Duration::zero();
       left = TimeLeft(deadline)) {
    const timespec time = ToTimespec(left);
    ::nanosleep(&time, nullptr);
  }
}

Deadline PosixKernelCalls::After(Duration budget) {
  return DeadlineAfter(budget);
}

bool PosixKernelCalls::HasPassed(Deadline deadline) {
  return TimeLeft(deadline) == Duration::zero();
}

std::string PosixKernelCalls::ReadText(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace virtio_user
