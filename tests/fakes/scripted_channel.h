// SPDX-License-Identifier: BSD-3-Clause
//
// A Channel in memory, with a clock of its own, whose other end is a script:
// it plays answers in pieces, late, never, with descriptors, and takes as few
// bytes at a time as it is told to.

#ifndef TESTS_FAKES_SCRIPTED_CHANNEL_H_
#define TESTS_FAKES_SCRIPTED_CHANNEL_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <vector>

#include "tests/fakes/wire_bytes.h"
#include "virtio_user/vhost_user/channel.h"

namespace virtio_user {

// One whole message as the other end read it.
struct WireRequest {
  uint32_t request = 0;
  uint32_t flags = 0;
  Bytes payload;
  std::vector<int> fds;  // Those that came with its first byte.

  friend bool operator==(const WireRequest&, const WireRequest&) = default;
};

struct WireAnswer {
  Bytes bytes;
  size_t fd_count = 0;     // They come with the first byte.
  uint64_t fd_bytes = 0;   // How long the file of each is.
  Duration delay{0};       // From the request to the first byte.
  size_t piece_bytes = 0;  // 0: in one piece; else so many every millisecond.
};

// The other end. Messages are counted from 0, over all connections.
class ScriptedPeer {
 public:
  virtual ~ScriptedPeer() = default;
  virtual void OnConnect() {}
  // Whether it closes now, before it reads message `index`.
  virtual bool ClosesBefore(size_t index) = 0;
  // Reads a message; nothing: no answer.
  virtual std::optional<WireAnswer> OnMessage(size_t index,
                                              const WireRequest& request) = 0;
  // Whether it closes now, with its answers not on their way yet.
  virtual bool DropsAnswersAfter(size_t index) = 0;
};

// The descriptors that answers bring: a number for each length of file.
class AnswerFds final : public FdOps {
 public:
  // Those that the channel's user has.
  size_t open_count() const { return open_.size(); }
  FileDescriptor Open(uint64_t bytes) {
    open_[next_] = bytes;
    return FileDescriptor(*this, next_++);
  }

  void Close(int fd) override { open_.erase(fd); }
  Result<uint64_t> FileBytes(int fd) override { return open_.at(fd); }
  Result<int> CreateEvent() override { return Nothing(); }
  Result<void> Signal(int) override { return Nothing(); }
  Result<uint64_t> Drain(int) override { return Nothing(); }
  Result<std::span<std::byte>> Map(int, uint64_t, size_t) override {
    return Nothing();
  }
  void Unmap(std::span<std::byte>) override {}
  Result<int> Dup(int) override { return Nothing(); }

 private:
  static std::unexpected<Error> Nothing() {
    return Fail(ErrorCode::kUnsupported, "not of a scripted descriptor");
  }

  int next_ = 500;
  std::map<int, uint64_t> open_;
};

class ScriptedChannel final : public Channel {
 public:
  explicit ScriptedChannel(ScriptedPeer& peer) : peer_(peer) {}

  // --- The script -----------------------------------------------------------
  // What the next Sends take at most, in bytes; afterwards all. 0: full, until
  // WaitWritable was called.
  std::deque<size_t> send_limits;
  // Full once so many bytes of a connection were taken, until WaitWritable.
  std::optional<size_t> full_at;
  // Bytes that may lie unread by the peer, and answers unread by us. With no
  // room for another answer the peer reads no further message.
  size_t request_room = SIZE_MAX;
  size_t answer_room = SIZE_MAX;
  // WaitReadable returns with the first byte instead of all of them.
  bool short_waits = false;
  std::optional<Error> attach_error;

  // --- What was seen --------------------------------------------------------
  bool attached() const { return attached_; }
  size_t attach_count() const { return attach_count_; }
  size_t send_count() const { return send_count_; }
  size_t read_wait_count() const { return read_wait_count_; }
  size_t messages_read() const { return messages_read_; }
  // Answers that have not been received, at most, at any time.
  size_t most_unread_answers() const { return most_unread_answers_; }
  // Copies of descriptors that are under way or held by the peer, and answer
  // descriptors that nobody has closed: 0 once detached, but for what somebody
  // keeps.
  size_t open_copies() const { return open_copies_ + fds_.open_count(); }
  // Descriptors that came in the middle of a message, where no peer takes them.
  size_t misplaced_fds() const { return misplaced_fds_; }
  Duration now() const { return now_; }
  // Bytes of a message that is not complete.
  size_t partial_bytes() const { return inbound_.size(); }
  // Puts bytes on the way to us that nobody asked for.
  void SendUnasked(const Bytes& bytes) { Queue({.bytes = bytes}); }

  // --- Channel --------------------------------------------------------------
  Result<void> Attach() override;
  void Detach() override;
  LinkState Poll() override;
  int fd() const override { return attached_ ? 77 : -1; }
  Deadline After(Duration budget) override { return {now_ + budget}; }
  void SetAttachDeadline(Deadline deadline) override {
    attach_deadline_ = deadline;
  }
  Deadline attach_deadline() const { return attach_deadline_; }
  Result<size_t> Send(std::span<const SendChunk> chunks, size_t skip) override;
  Result<Received> Receive(std::span<std::byte> into) override;
  Result<void> WaitWritable(Deadline deadline) override;
  Result<void> WaitReadable(size_t bytes, Deadline deadline) override;

 private:
  // A stretch of answer bytes that arrives at one moment.
  struct Piece {
    Bytes bytes;
    size_t taken = 0;
    size_t fd_count = 0;
    uint64_t fd_bytes = 0;
    Duration at{0};
    bool ends_answer = false;
  };
  struct SentFds {
    size_t position;  // In the stream of all bytes of this connection.
    std::vector<int> fds;
  };

  size_t Room() const;
  size_t sent_bytes() const { return read_bytes_ + inbound_.size(); }
  size_t Append(const SendChunk& chunk, size_t skip, size_t room);
  void LetPeerRead();
  void ReadOneMessage(size_t bytes);
  void Queue(const WireAnswer& answer);
  void Close();
  size_t Available() const;

  ScriptedPeer& peer_;
  AnswerFds fds_;
  bool attached_ = false;
  bool closed_ = false;  // By the peer.
  Duration now_{0};
  Deadline attach_deadline_;
  Bytes inbound_;          // Sent, not read by the peer yet.
  size_t read_bytes_ = 0;  // By the peer, on this connection.
  std::deque<SentFds> sent_fds_;
  std::deque<Piece> answers_;
  size_t unread_answers_ = 0;
  size_t attach_count_ = 0;
  size_t send_count_ = 0;
  size_t read_wait_count_ = 0;
  size_t messages_read_ = 0;
  size_t most_unread_answers_ = 0;
  size_t open_copies_ = 0;
  size_t misplaced_fds_ = 0;
};

}  // namespace virtio_user

#endif  // TESTS_FAKES_SCRIPTED_CHANNEL_H_
