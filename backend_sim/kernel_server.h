// SPDX-License-Identifier: BSD-3-Clause
//
// A simulated kernel as its vhost drivers' users see it.

#ifndef BACKEND_SIM_KERNEL_SERVER_H_
#define BACKEND_SIM_KERNEL_SERVER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "backend_sim/fd_table.h"
#include "backend_sim/kernel_file.h"
#include "backend_sim/sim_clock.h"
#include "virtio_user/os/kernel_calls.h"

namespace backend_sim {

// What open(2) of a path gives: a file, or the errno that it fails with.
struct OpenedFile {
  std::shared_ptr<KernelFile> file;
  int error = 0;
};

// `fds` is the table of the process under test, and outlives it, as does
// `clock`. One thread.
class KernelServer final : public virtio_user::KernelCalls {
 public:
  KernelServer(FdTable& fds, SimClock& clock) : fds_(fds), clock_(clock) {}

  // What opening `path` gives from now on.
  void AddDevice(const std::string& path, std::function<OpenedFile()> open) {
    devices_[path] = std::move(open);
  }
  void AddText(const std::string& path, std::string text) {
    texts_[path] = std::move(text);
  }
  // Asked for texts that were not added; "" is none.
  void SetTextSource(std::function<std::string(const std::string&)> source) {
    text_source_ = std::move(source);
  }
  // Makes the `nth` call from now on (1: the next), of any kind that a driver
  // answers, fail with `error` without being carried out, once.
  void FailCall(uint64_t nth, int error) {
    fail_at_ = call_count_ + nth;
    fail_with_ = error;
  }
  uint64_t call_count() const { return call_count_; }

  // One turn of every open file's driver; how much there was to do.
  size_t Step();

  // KernelCalls.
  virtio_user::FdOps& fds() override { return fds_; }
  int Open(const std::string& path) override;
  int Ioctl(int fd, unsigned long request, void* argument) override;
  int IoctlNumber(int fd, unsigned long request, unsigned long number) override;
  int Read(int fd, std::span<std::byte> into) override;
  int Write(int fd, std::span<const std::byte> from) override;
  int Poll(int fd, virtio_user::KernelEvent event,
           virtio_user::Deadline deadline) override;
  void Sleep(virtio_user::Deadline deadline) override;
  virtio_user::Deadline After(virtio_user::Duration budget) override {
    return clock_.After(budget);
  }
  bool HasPassed(virtio_user::Deadline deadline) override {
    return clock_.now() >= deadline.at;
  }
  std::string ReadText(const std::string& path) override;

 private:
  std::shared_ptr<KernelFile> FileOf(int fd);
  // The error that this call was told to fail with; 0: none.
  int Fault();

  FdTable& fds_;
  SimClock& clock_;
  std::map<std::string, std::function<OpenedFile()>> devices_;
  std::map<std::string, std::string> texts_;
  std::function<std::string(const std::string&)> text_source_;
  std::vector<std::weak_ptr<KernelFile>> files_;  // In the order of opening.
  uint64_t call_count_ = 0;
  uint64_t fail_at_ = 0;
  int fail_with_ = 0;
};

}  // namespace backend_sim

#endif  // BACKEND_SIM_KERNEL_SERVER_H_
