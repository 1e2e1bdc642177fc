// SPDX-License-Identifier: BSD-3-Clause
//
// The seam to the kernel's own back-ends: vhost-net, tap and vhost-vdpa.

#ifndef VIRTIO_USER_OS_KERNEL_CALLS_H_
#define VIRTIO_USER_OS_KERNEL_CALLS_H_

#include <cstddef>
#include <span>
#include <string>

#include "virtio_user/base/deadline.h"
#include "virtio_user/base/file_descriptor.h"

namespace virtio_user {

enum class KernelEvent : uint8_t {
  kReadable,
  kWritable,
  kFailure,  // An error or a hang-up alone.
};

// System calls as drivers see them. Each answers what the kernel does: a value
// of 0 or more, or -errno; what that means to whom is the caller's to say.
// EINTR is never seen. Closing and mapping are fds()' matter. One thread.
class KernelCalls {
 public:
  virtual ~KernelCalls() = default;

  // Whose descriptors Open makes. Outlives the calls.
  virtual FdOps& fds() = 0;

  // Opens a character device for reading and writing, close-on-exec and
  // non-blocking; the caller closes it.
  virtual int Open(const std::string& path) = 0;
  // ioctl(2), whose argument the kernel may write to.
  virtual int Ioctl(int fd, unsigned long request, void* argument) = 0;
  // ioctl(2), whose argument is a number.
  virtual int IoctlNumber(int fd, unsigned long request,
                          unsigned long number) = 0;
  // read(2), write(2): bytes. -EAGAIN where that would block.
  virtual int Read(int fd, std::span<std::byte> into) = 0;
  virtual int Write(int fd, std::span<const std::byte> from) = 0;
  // Waits for `event`, an error or a hang-up; 1, or 0 once `deadline` has
  // passed. Looks once even if it has passed already.
  virtual int Poll(int fd, KernelEvent event, Deadline deadline) = 0;
  // Waits until `deadline`: for a device that has nothing to poll on.
  virtual void Sleep(Deadline deadline) = 0;

  // The point in time `budget` from now, on the clock behind Poll and Sleep.
  virtual Deadline After(Duration budget) = 0;
  virtual bool HasPassed(Deadline deadline) = 0;
  // A small file of sysfs or procfs; empty where it cannot be read.
  virtual std::string ReadText(const std::string& path) = 0;
};

}  // namespace virtio_user

#endif  // VIRTIO_USER_OS_KERNEL_CALLS_H_
