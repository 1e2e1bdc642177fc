// SPDX-License-Identifier: BSD-3-Clause

#ifndef BACKEND_SIM_KERNEL_TRANSCRIPT_H_
#define BACKEND_SIM_KERNEL_TRANSCRIPT_H_

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>

#include "virtio_user/os/kernel_calls.h"

namespace backend_sim {

// Passes every call on, to a simulated kernel or the real one, and tells it in
// one line without its end:
//
//   VHOST_SET_VRING_NUM fd=vhost0 index=1 num=256 = 0
//
// After the last "=" stands the answer, an error by its name, and what a call
// gave beside it. There is no pointer in it and no number of a descriptor:
// those that Open made are named by their device and counted, others are "fd".
class KernelTranscript final : public virtio_user::KernelCalls {
 public:
  using OnCall = std::function<void(const std::string& line)>;

  // `inner` outlives it.
  KernelTranscript(virtio_user::KernelCalls& inner, OnCall on_call)
      : inner_(inner), on_call_(std::move(on_call)) {}

  // KernelCalls.
  virtio_user::FdOps& fds() override { return inner_.fds(); }
  int Open(const std::string& path) override;
  int Ioctl(int fd, unsigned long request, void* argument) override;
  int IoctlNumber(int fd, unsigned long request, unsigned long number) override;
  int Read(int fd, std::span<std::byte> into) override;
  int Write(int fd, std::span<const std::byte> from) override;
  int Poll(int fd, virtio_user::KernelEvent event,
           virtio_user::Deadline deadline) override;
  void Sleep(virtio_user::Deadline deadline) override;
  virtio_user::Deadline After(virtio_user::Duration budget) override {
    return inner_.After(budget);
  }
  bool HasPassed(virtio_user::Deadline deadline) override {
    return inner_.HasPassed(deadline);
  }
  std::string ReadText(const std::string& path) override;

 private:
  std::string NameOf(int fd) const;
  // What `request` is asked with, and what it has given.
  std::string Asked(unsigned long request, const void* argument) const;
  std::string Given(unsigned long request, const void* argument) const;
  int Tell(const std::string& call, int answer, const std::string& given = {});

  virtio_user::KernelCalls& inner_;
  const OnCall on_call_;
  std::map<int, std::string> names_;      // Of descriptors.
  std::map<std::string, uint32_t> used_;  // How often by device.
};

}  // namespace backend_sim

#endif  // BACKEND_SIM_KERNEL_TRANSCRIPT_H_
