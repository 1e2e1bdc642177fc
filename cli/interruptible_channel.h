// SPDX-License-Identifier: BSD-3-Clause

#ifndef CLI_INTERRUPTIBLE_CHANNEL_H_
#define CLI_INTERRUPTIBLE_CHANNEL_H_

#include <atomic>
#include <chrono>
#include <optional>

#include "virtio_user/base/function_ref.h"
#include "virtio_user/vhost_user/channel.h"

namespace virtio_user::cli {

// A channel whose waits end soon after somebody has set a flag, whatever their
// deadline: they are made in slices, and the flag is looked at between any two.
// Nobody is waited for any more to connect. A connected peer has kGrace in all
// from when the flag was seen first, so that a device can still be stopped in
// good order where the peer answers. What is cut short is kDeadline.
class InterruptibleChannel final : public Channel {
 public:
  // Of the inner channel's waits.
  static constexpr Duration kSlice = std::chrono::milliseconds(50);
  static constexpr Duration kGrace = std::chrono::milliseconds(100);

  // Both borrowed. `interrupted` may be null: nothing is interrupted then.
  InterruptibleChannel(Channel& inner, const std::atomic<bool>* interrupted)
      : inner_(inner), interrupted_(interrupted) {}

  // PeerLink. Attach without SetAttachDeadline takes kDefaultCallBudget.
  Result<void> Attach() override;
  void Detach() override { inner_.Detach(); }
  LinkState Poll() override { return inner_.Poll(); }
  int fd() const override { return inner_.fd(); }

  // Channel.
  Deadline After(Duration budget) override { return inner_.After(budget); }
  void SetAttachDeadline(Deadline deadline) override {
    attach_deadline_ = deadline;
  }
  Result<size_t> Send(std::span<const SendChunk> chunks, size_t skip) override {
    return inner_.Send(chunks, skip);
  }
  Result<Received> Receive(std::span<std::byte> into) override {
    return inner_.Receive(into);
  }
  Result<void> WaitWritable(Deadline deadline) override;
  Result<void> WaitReadable(size_t bytes, Deadline deadline) override;
  Result<ChannelPair> MakePair() override { return inner_.MakePair(); }
  void WatchBeside(Channel* beside) override { inner_.WatchBeside(beside); }

 private:
  // Whether the flag is set; notes when it was seen first.
  bool Interrupted();
  // Calls `wait` with deadlines up to `deadline`, until it says anything but
  // kDeadline; once interrupted, for `grace` at most.
  Result<void> InSlices(Deadline deadline, Duration grace,
                        FunctionRef<Result<void>(Deadline slice)> wait);

  Channel& inner_;
  const std::atomic<bool>* const interrupted_;
  std::optional<Deadline> attach_deadline_;
  std::optional<Deadline> seen_;  // When the flag was.
};

}  // namespace virtio_user::cli

#endif  // CLI_INTERRUPTIBLE_CHANNEL_H_
