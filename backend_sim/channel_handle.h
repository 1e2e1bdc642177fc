// SPDX-License-Identifier: BSD-3-Clause

#ifndef BACKEND_SIM_CHANNEL_HANDLE_H_
#define BACKEND_SIM_CHANNEL_HANDLE_H_

#include "virtio_user/vhost_user/channel.h"

namespace backend_sim {

// A channel that can be owned and stands for one that cannot; who derives from
// it changes what passes. `target` outlives it and is detached at its end.
class ChannelHandle : public virtio_user::Channel {
 public:
  explicit ChannelHandle(virtio_user::Channel& target) : target_(target) {}
  ~ChannelHandle() override { target_.Detach(); }
  ChannelHandle(const ChannelHandle&) = delete;
  ChannelHandle& operator=(const ChannelHandle&) = delete;

  virtio_user::Result<void> Attach() override { return target_.Attach(); }
  void Detach() override { target_.Detach(); }
  virtio_user::LinkState Poll() override { return target_.Poll(); }
  int fd() const override { return target_.fd(); }

  virtio_user::Deadline After(virtio_user::Duration budget) override {
    return target_.After(budget);
  }
  void SetAttachDeadline(virtio_user::Deadline deadline) override {
    target_.SetAttachDeadline(deadline);
  }
  virtio_user::Result<size_t> Send(
      std::span<const virtio_user::SendChunk> chunks, size_t skip) override {
    return target_.Send(chunks, skip);
  }
  virtio_user::Result<virtio_user::Received> Receive(
      std::span<std::byte> into) override {
    return target_.Receive(into);
  }
  virtio_user::Result<void> WaitWritable(
      virtio_user::Deadline deadline) override {
    return target_.WaitWritable(deadline);
  }
  virtio_user::Result<void> WaitReadable(
      size_t bytes, virtio_user::Deadline deadline) override {
    return target_.WaitReadable(bytes, deadline);
  }
  virtio_user::Result<virtio_user::ChannelPair> MakePair() override {
    return target_.MakePair();
  }
  void WatchBeside(virtio_user::Channel* beside) override {
    target_.WatchBeside(beside);
  }

 private:
  virtio_user::Channel& target_;
};

}  // namespace backend_sim

#endif  // BACKEND_SIM_CHANNEL_HANDLE_H_
