// SPDX-License-Identifier: BSD-3-Clause

#ifndef FUZZ_ANSWERING_CHANNEL_H_
#define FUZZ_ANSWERING_CHANNEL_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "fuzz/answer_files.h"
#include "fuzz/asking_stream.h"
#include "fuzz/heard_answers.h"
#include "fuzz/reader.h"
#include "fuzz/spoiled_answer.h"
#include "virtio_user/vhost_user/channel.h"

namespace fuzz {

// A back-end at the other end of a stream in memory, with a clock of its own:
// answers what it is asked, by the specification's tables, but for what the
// input says, and asks by itself what the input has. Allocates nothing for a
// message.
class AnsweringChannel final : public virtio_user::Channel {
 public:
  // Bits of the byte that an input begins with: what follows of the back-end,
  // in this order, before its answers.
  static constexpr uint8_t kFeatures = 1;  // Five bytes.
  static constexpr uint8_t kProtocol = 2;  // Three.
  static constexpr uint8_t kLimits = 4;    // Queue pairs and memory slots, each
                                           // of two.
  static constexpr uint8_t kCloses = 8;    // After so many messages.
  static constexpr uint8_t kSilent = 16;   // Likewise.
  static constexpr uint8_t kStuck = 32;    // Likewise; for how long.
  static constexpr uint8_t kAsks = 64;     // An AskingStream as a chunk.

  // Reads from `input`, which outlives it.
  explicit AnsweringChannel(Reader& input);

  virtio_user::Duration now() const { return now_; }
  bool attached() const { return attached_; }
  // By the back-end.
  bool closed() const { return closed_; }
  bool has_requests() const { return has_requests_; }
  // By the front-end, to any back-end.
  size_t sent_bytes() const { return sent_bytes_; }
  // The next Attach waits in vain.
  void RefuseAttach() { refuses_attach_ = true; }
  // Descriptors that came in the middle of a message, where no peer takes them.
  size_t misplaced_fds() const { return misplaced_fds_; }
  // Of answers and requests, that the front-end has not closed.
  size_t open_fds() const { return files_.open_count(); }
  // What the front-end asked, and what it took as answers.
  HeardAnswers& heard() { return heard_; }
  const HeardAnswers& heard() const { return heard_; }
  // Whether one of its questions has not been read, or was not when the link
  // ended, and whether something that was answered has not been taken.
  bool has_unread_question() const {
    return attached_ ? LookAtUnread().asks : left_question_;
  }
  bool has_untaken_answer() const { return Available() != 0; }
  // What it was asked.
  AskedRequests& asked() { return asks_.asked(); }

  virtio_user::Result<void> Attach() override;
  void Detach() override;
  virtio_user::LinkState Poll() override;
  int fd() const override { return attached_ ? 77 : -1; }
  virtio_user::Deadline After(virtio_user::Duration budget) override {
    return {now_ + budget};
  }
  void SetAttachDeadline(virtio_user::Deadline deadline) override {
    attach_deadline_ = deadline;
  }
  virtio_user::Result<size_t> Send(
      std::span<const virtio_user::SendChunk> chunks, size_t skip) override;
  virtio_user::Result<virtio_user::Received> Receive(
      std::span<std::byte> into) override;
  virtio_user::Result<void> WaitWritable(virtio_user::Deadline) override;
  virtio_user::Result<void> WaitReadable(
      size_t bytes, virtio_user::Deadline deadline) override;
  // kUnsupported where the input has nothing that is asked.
  virtio_user::Result<virtio_user::ChannelPair> MakePair() override;
  void WatchBeside(virtio_user::Channel* beside) override {
    watches_ = beside != nullptr;
  }

 private:
  // A stretch of answers that arrives at one moment.
  struct Piece {
    size_t begin = 0;  // In outbox_.
    size_t end = 0;
    size_t fd_count = 0;
    uint64_t fd_bytes = 0;
    virtio_user::Duration at{0};
  };

  bool stuck() const { return now_ < stuck_until_; }
  // How a walk over what was sent and not read yet ends.
  struct Unread {
    bool inside = false;  // Of a message.
    bool asks = false;    // One is to be answered.
  };
  Unread LookAtUnread() const;
  // Whether a wait is over because the back-end asks, which takes a moment.
  bool WokenBeside(virtio_user::Deadline deadline);
  void ReadMessages();
  void OnMessage(uint32_t request, uint32_t flags,
                 std::span<const std::byte> payload);
  // Whether the request has an answer of its own.
  bool AddPayload(uint32_t request, std::span<const std::byte> payload,
                  SpoiledAnswer& answer) const;
  void Queue(const SpoiledAnswer& answer);
  void Forget();
  size_t Available() const;
  virtio_user::FileDescriptor BringFds(size_t count, uint64_t bytes);

  Reader& input_;
  // What it is.
  uint64_t features_;
  uint64_t protocol_;
  uint64_t queue_num_ = 4;
  uint64_t mem_slots_ = 32;
  size_t close_after_ = SIZE_MAX;  // Messages.
  size_t silent_after_ = SIZE_MAX;
  size_t stuck_after_ = SIZE_MAX;
  virtio_user::Duration stuck_for_{0};

  AnswerFiles files_;
  AskingStream asks_{files_};
  HeardAnswers heard_;
  bool has_requests_ = false;
  bool watches_ = false;
  virtio_user::Deadline attach_deadline_;
  bool refuses_attach_ = false;
  bool was_attached_ = false;
  bool attached_ = false;
  bool closed_ = false;
  bool left_question_ = false;
  virtio_user::Duration now_{0};
  virtio_user::Duration stuck_until_{0};
  uint64_t status_ = 0;
  size_t messages_ = 0;
  size_t misplaced_fds_ = 0;
  size_t sent_bytes_ = 0;
  std::array<std::byte, 512> inbox_;  // Sent, and not read yet.
  size_t inbox_bytes_ = 0;
  std::array<std::byte, 4096> outbox_;
  size_t outbox_bytes_ = 0;
  std::array<Piece, 64> pieces_;  // In the order of arrival.
  size_t first_piece_ = 0;
  size_t piece_count_ = 0;
};

}  // namespace fuzz

#endif  // FUZZ_ANSWERING_CHANNEL_H_
