// SPDX-License-Identifier: BSD-3-Clause

#ifndef TESTS_SUPPORT_VDPA_TRANSCRIPT_H_
#define TESTS_SUPPORT_VDPA_TRANSCRIPT_H_

#include <functional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "virtio_user/os/kernel_calls.h"

namespace testing_support {

// Calls of a vhost-vdpa device, written down on their way: one line each, as
// "VHOST_VDPA_SET_STATUS 0x0b = 0" or "... = EBUSY". No pointer and no number
// of a descriptor is in it, so that lines can be literals. Questions that are
// repeated while time passes are one line.
class VdpaTranscript final : public virtio_user::KernelCalls {
 public:
  explicit VdpaTranscript(virtio_user::KernelCalls& calls) : calls_(calls) {}

  std::function<void()> before_call;  // Of each ioctl and message; may be none.

  // Lines since the last call of it.
  std::vector<std::string> Take() { return std::exchange(lines_, {}); }

  virtio_user::FdOps& fds() override { return calls_.fds(); }
  int Open(const std::string& path) override;
  int Ioctl(int fd, unsigned long request, void* argument) override;
  int IoctlNumber(int fd, unsigned long request, unsigned long number) override;
  int Read(int fd, std::span<std::byte> into) override;
  int Write(int fd, std::span<const std::byte> from) override;
  int Poll(int fd, virtio_user::KernelEvent event,
           virtio_user::Deadline deadline) override;
  void Sleep(virtio_user::Deadline deadline) override;
  virtio_user::Deadline After(virtio_user::Duration budget) override {
    return calls_.After(budget);
  }
  bool HasPassed(virtio_user::Deadline deadline) override {
    return calls_.HasPassed(deadline);
  }
  std::string ReadText(const std::string& path) override {
    return calls_.ReadText(path);
  }

 private:
  void Add(std::string line, int answer);

  virtio_user::KernelCalls& calls_;
  std::vector<std::string> lines_;
};

}  // namespace testing_support

#endif  // TESTS_SUPPORT_VDPA_TRANSCRIPT_H_
