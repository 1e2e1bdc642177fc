// SPDX-License-Identifier: BSD-3-Clause

#ifndef FUZZ_ANSWERING_CHANNEL_H_
#define FUZZ_ANSWERING_CHANNEL_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "fuzz/reader.h"
#include "virtio_user/base/file_descriptor.h"
#include "virtio_user/vhost_user/channel.h"

namespace fuzz {

// Descriptors that answers bring: numbers, each of a file of some length.
class AnswerFiles final : public virtio_user::FdOps {
 public:
  size_t open_count() const { return open_count_; }
  virtio_user::FileDescriptor Open(uint64_t bytes);

  void Close(int fd) override;
  virtio_user::Result<uint64_t> FileBytes(int fd) override;
  virtio_user::Result<int> CreateEvent() override { return None(); }
  virtio_user::Result<void> Signal(int) override { return None(); }
  virtio_user::Result<uint64_t> Drain(int) override { return None(); }
  virtio_user::Result<std::span<std::byte>> Map(int, uint64_t,
                                                size_t) override {
    return None();
  }
  void Unmap(std::span<std::byte>) override {}
  virtio_user::Result<int> Dup(int) override { return None(); }

 private:
  static std::unexpected<virtio_user::Error> None() {
    return virtio_user::Fail(virtio_user::ErrorCode::kUnsupported,
                             "not of these descriptors");
  }

  struct File {
    uint64_t bytes = 0;
    bool open = false;
  };
  std::vector<File> files_;  // By number.
  size_t open_count_ = 0;
};

// A back-end at the other end of a stream in memory, with a clock of its own:
// answers what it is asked, by the specification's tables, but for what the
// input says. Allocates nothing for a message.
class AnsweringChannel final : public virtio_user::Channel {
 public:
  // Reads from `input`, which outlives it: what the back-end is, first.
  explicit AnsweringChannel(Reader& input);

  virtio_user::Duration now() const { return now_; }
  // Descriptors that came in the middle of a message, where no peer takes them.
  size_t misplaced_fds() const { return misplaced_fds_; }
  // Of answers, that the front-end has not closed.
  size_t open_fds() const { return files_.open_count(); }

  virtio_user::Result<void> Attach() override;
  void Detach() override;
  virtio_user::LinkState Poll() override;
  int fd() const override { return attached_ ? 77 : -1; }
  virtio_user::Deadline After(virtio_user::Duration budget) override {
    return {now_ + budget};
  }
  void SetAttachDeadline(virtio_user::Deadline) override {}
  virtio_user::Result<size_t> Send(
      std::span<const virtio_user::SendChunk> chunks, size_t skip) override;
  virtio_user::Result<virtio_user::Received> Receive(
      std::span<std::byte> into) override;
  virtio_user::Result<void> WaitWritable(virtio_user::Deadline) override;
  virtio_user::Result<void> WaitReadable(
      size_t bytes, virtio_user::Deadline deadline) override;

 private:
  static constexpr size_t kMostAnswerBytes = 512;

  struct Answer {
    std::array<std::byte, kMostAnswerBytes> bytes;
    size_t size = 0;
    size_t fd_count = 0;
    uint64_t fd_bytes = 0;
    virtio_user::Duration delay{0};
    size_t piece_bytes = 0;  // 0: in one piece; else so many a millisecond.

    void Add(uint64_t number, size_t count);
    void Add(std::span<const std::byte> more);
  };
  // A stretch of answers that arrives at one moment.
  struct Piece {
    size_t begin = 0;  // In outbox_.
    size_t end = 0;
    size_t fd_count = 0;
    uint64_t fd_bytes = 0;
    virtio_user::Duration at{0};
  };

  void ReadMessages();
  void OnMessage(uint32_t request, uint32_t flags,
                 std::span<const std::byte> payload);
  // Whether the request has an answer of its own.
  bool AddPayload(uint32_t request, std::span<const std::byte> payload,
                  Answer& answer) const;
  void Spoil(Answer& answer);
  void Queue(const Answer& answer);
  void Forget();
  size_t Available() const;

  Reader& input_;
  // What it is.
  uint64_t features_;
  uint64_t protocol_;
  uint64_t queue_num_ = 4;
  uint64_t mem_slots_ = 32;
  size_t close_after_ = SIZE_MAX;  // Messages.
  size_t silent_after_ = SIZE_MAX;

  AnswerFiles files_;
  bool attached_ = false;
  bool closed_ = false;
  virtio_user::Duration now_{0};
  uint64_t status_ = 0;
  size_t messages_ = 0;
  size_t misplaced_fds_ = 0;
  std::array<std::byte, 2048> inbox_;  // Sent, and no whole message yet.
  size_t inbox_bytes_ = 0;
  std::array<std::byte, 4096> outbox_;
  size_t outbox_bytes_ = 0;
  std::array<Piece, 64> pieces_;  // In the order of arrival.
  size_t first_piece_ = 0;
  size_t piece_count_ = 0;
};

}  // namespace fuzz

#endif  // FUZZ_ANSWERING_CHANNEL_H_
