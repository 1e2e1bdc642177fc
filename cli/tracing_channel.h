// SPDX-License-Identifier: BSD-3-Clause

#ifndef CLI_TRACING_CHANNEL_H_
#define CLI_TRACING_CHANNEL_H_

#include "cli/message_tap.h"
#include "virtio_user/vhost_user/channel.h"

namespace virtio_user::cli {

// A channel through which everything passes unchanged, and which shows the
// tap what passed and how often it was called. Both outlive it.
class TracingChannel final : public Channel {
 public:
  TracingChannel(Channel& inner, MessageTap& tap) : inner_(inner), tap_(tap) {}

  // PeerLink.
  Result<void> Attach() override;
  void Detach() override;
  LinkState Poll() override { return inner_.Poll(); }
  int fd() const override { return inner_.fd(); }

  // Channel.
  Deadline After(Duration budget) override { return inner_.After(budget); }
  void SetAttachDeadline(Deadline deadline) override {
    inner_.SetAttachDeadline(deadline);
  }
  Result<size_t> Send(std::span<const SendChunk> chunks, size_t skip) override;
  Result<Received> Receive(std::span<std::byte> into) override;
  Result<void> WaitWritable(Deadline deadline) override;
  Result<void> WaitReadable(size_t bytes, Deadline deadline) override;
  Result<ChannelPair> MakePair() override { return inner_.MakePair(); }
  void WatchBeside(Channel* beside) override { inner_.WatchBeside(beside); }

 private:
  void ShowSent(std::span<const SendChunk> chunks, size_t skip, size_t bytes);

  Channel& inner_;
  MessageTap& tap_;
};

}  // namespace virtio_user::cli

#endif  // CLI_TRACING_CHANNEL_H_
