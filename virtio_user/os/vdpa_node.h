// SPDX-License-Identifier: BSD-3-Clause

#ifndef VIRTIO_USER_OS_VDPA_NODE_H_
#define VIRTIO_USER_OS_VDPA_NODE_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "virtio_user/base/error.h"
#include "virtio_user/base/file_descriptor.h"
#include "virtio_user/os/kernel_calls.h"
#include "virtio_user/os/vdpa_requests.h"

namespace virtio_user {

// The character device /dev/vhost-vdpa-N, open or not: the kernel's answers as
// errors that say what was asked, of what, and what to do.
//
// kUnsupported: this kernel or this device has no such request. kRefused: it
// has, and says no. kSystem: this process or the system lacks something.
class VdpaNode {
 public:
  // `calls` outlives it.
  VdpaNode(KernelCalls& calls, std::string path)
      : calls_(calls), path_(std::move(path)) {}

  // Opens the device and sees to it that it is a network device. The kernel
  // resets a device that is opened.
  Result<void> Open();
  void Close() { fd_.Reset(); }
  bool is_open() const { return fd_.valid(); }

  // `argument` is what this request takes, in the caller's memory.
  Result<void> Ask(const VdpaRequest& request, void* argument) const;
  // The same about one ring, which an error names.
  Result<void> AskOfRing(const VdpaRequest& request, uint32_t ring,
                         void* argument) const;
  // The errno of a write to the device; 0 once all of it was taken.
  int Write(std::span<const std::byte> message) const;

  // The page of the device that is this ring's doorbell, if it has one.
  Result<std::span<std::byte>> MapDoorbell(uint16_t ring) const {
    return calls_.fds().MapDoorbell(fd_.get(), ring);
  }

  KernelCalls& calls() const { return calls_; }
  const char* path() const { return path_.c_str(); }

 private:
  Result<void> CheckClass() const;
  std::unexpected<Error> CannotOpen(int why) const;

  KernelCalls& calls_;
  const std::string path_;
  FileDescriptor fd_;
};

}  // namespace virtio_user

#endif  // VIRTIO_USER_OS_VDPA_NODE_H_
