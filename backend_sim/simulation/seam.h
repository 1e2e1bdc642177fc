// SPDX-License-Identifier: BSD-3-Clause
//
// The two seams to a back-end, with a place to look through at every call.

#ifndef BACKEND_SIM_SIMULATION_SEAM_H_
#define BACKEND_SIM_SIMULATION_SEAM_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "virtio_user/os/kernel_calls.h"
#include "virtio_user/vhost_user/channel.h"

namespace backend_sim {

// Counts calls, and lets others work in between: what other threads of the
// process and the back-end do while the front-end is inside a call.
class SeamWatch {
 public:
  // Never called while it runs already.
  std::function<void()> between = {};

  uint64_t call_count() const { return call_count_; }
  void Pass() {
    ++call_count_;
    if (!between || std::exchange(inside_, true)) return;
    between();
    inside_ = false;
  }

 private:
  uint64_t call_count_ = 0;
  bool inside_ = false;
};

// `watch` outlives it.
class SeamChannel final : public virtio_user::Channel {
 public:
  SeamChannel(std::unique_ptr<virtio_user::Channel> inner, SeamWatch& watch)
      : inner_(std::move(inner)), watch_(watch) {}

  // PeerLink.
  virtio_user::Result<void> Attach() override {
    watch_.Pass();
    return inner_->Attach();
  }
  void Detach() override {
    watch_.Pass();
    inner_->Detach();
  }
  virtio_user::LinkState Poll() override { return inner_->Poll(); }
  int fd() const override { return inner_->fd(); }

  // Channel.
  virtio_user::Deadline After(virtio_user::Duration budget) override {
    return inner_->After(budget);
  }
  void SetAttachDeadline(virtio_user::Deadline deadline) override {
    inner_->SetAttachDeadline(deadline);
  }
  virtio_user::Result<size_t> Send(
      std::span<const virtio_user::SendChunk> chunks, size_t skip) override {
    watch_.Pass();
    return inner_->Send(chunks, skip);
  }
  virtio_user::Result<virtio_user::Received> Receive(
      std::span<std::byte> into) override {
    watch_.Pass();
    return inner_->Receive(into);
  }
  virtio_user::Result<void> WaitWritable(
      virtio_user::Deadline deadline) override {
    watch_.Pass();
    return inner_->WaitWritable(deadline);
  }
  virtio_user::Result<void> WaitReadable(
      size_t bytes, virtio_user::Deadline deadline) override {
    watch_.Pass();
    return inner_->WaitReadable(bytes, deadline);
  }
  virtio_user::Result<virtio_user::ChannelPair> MakePair() override {
    return inner_->MakePair();
  }
  void WatchBeside(virtio_user::Channel* beside) override {
    inner_->WatchBeside(beside);
  }

 private:
  std::unique_ptr<virtio_user::Channel> inner_;
  SeamWatch& watch_;
};

// Both outlive it.
class SeamCalls final : public virtio_user::KernelCalls {
 public:
  SeamCalls(virtio_user::KernelCalls& inner, SeamWatch& watch)
      : inner_(inner), watch_(watch) {}

  virtio_user::FdOps& fds() override { return inner_.fds(); }
  int Open(const std::string& path) override {
    watch_.Pass();
    return inner_.Open(path);
  }
  int Ioctl(int fd, unsigned long request, void* argument) override {
    watch_.Pass();
    return inner_.Ioctl(fd, request, argument);
  }
  int IoctlNumber(int fd, unsigned long request,
                  unsigned long number) override {
    watch_.Pass();
    return inner_.IoctlNumber(fd, request, number);
  }
  int Read(int fd, std::span<std::byte> into) override {
    watch_.Pass();
    return inner_.Read(fd, into);
  }
  int Write(int fd, std::span<const std::byte> from) override {
    watch_.Pass();
    return inner_.Write(fd, from);
  }
  int Poll(int fd, virtio_user::KernelEvent event,
           virtio_user::Deadline deadline) override {
    watch_.Pass();
    return inner_.Poll(fd, event, deadline);
  }
  void Sleep(virtio_user::Deadline deadline) override {
    watch_.Pass();
    inner_.Sleep(deadline);
  }
  virtio_user::Deadline After(virtio_user::Duration budget) override {
    return inner_.After(budget);
  }
  bool HasPassed(virtio_user::Deadline deadline) override {
    return inner_.HasPassed(deadline);
  }
  std::string ReadText(const std::string& path) override {
    return inner_.ReadText(path);
  }

 private:
  virtio_user::KernelCalls& inner_;
  SeamWatch& watch_;
};

}  // namespace backend_sim

#endif  // BACKEND_SIM_SIMULATION_SEAM_H_
