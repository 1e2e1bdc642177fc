// SPDX-License-Identifier: BSD-3-Clause

#ifndef FUZZ_ASKING_STREAM_H_
#define FUZZ_ASKING_STREAM_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "fuzz/answer_files.h"
#include "fuzz/asked_requests.h"
#include "fuzz/reader.h"
#include "virtio_user/vhost_user/channel.h"

namespace fuzz {

// What a back-end sends on the stream on which it asks, as a fuzzer's bytes: a
// byte says how the stream ends and how many answers it takes, then come
// pieces, each of which one Receive takes.
class AskingStream {
 public:
  // In the byte that comes first. Its two lowest bits are the end, the next
  // three how many answers fit by half (0: any number).
  enum class End : uint8_t { kStaysOpen, kCloses, kBreaks, kBeginsAgain };
  static constexpr unsigned kRoomShift = 2;
  static constexpr uint8_t kNoRoomIsAnError = 0x20;
  // In the byte that a piece begins with; below them, how many bytes it has.
  static constexpr uint8_t kWhole = 0x20;     // A request and its flags come
                                              // first, the size is right.
  static constexpr uint8_t kNextTurn = 0x40;  // Not there at once.
  static constexpr uint8_t kFds = 0x80;       // A byte says how many.

  // Descriptors are of `files`, which outlives it.
  explicit AskingStream(AnswerFiles& files) : files_(files) {}

  // What is sent.
  void Supply(std::span<const std::byte> bytes);
  // The front-end's end of a new one, which goes on where the one before it was
  // left. Borrows this.
  std::unique_ptr<virtio_user::Channel> MakeEnd();
  // The back-end has its end, and sends from now on; `config`: CONFIG was
  // agreed to.
  void Begin(bool config);
  void Lose();

  bool Readable() const;
  virtio_user::Result<virtio_user::Received> Receive(std::span<std::byte> into);
  virtio_user::Result<size_t> Send(std::span<const std::byte> answer);

  // What came of what was asked.
  AskedRequests& asked() { return asked_; }

 private:
  static constexpr size_t kMostPayload = 31;

  End end() const { return static_cast<End>(how_ & 3); }
  void LoadPiece();

  AnswerFiles& files_;
  AskedRequests asked_;
  std::span<const std::byte> all_;
  Reader left_{{}};
  uint8_t how_ = 0;
  bool begun_ = false;
  size_t room_ = SIZE_MAX;
  // The next one.
  std::array<std::byte, kHeaderBytes + kMostPayload> piece_;
  size_t piece_at_ = 0;
  size_t piece_bytes_ = 0;
  size_t piece_fds_ = 0;
  bool waits_ = false;
};

}  // namespace fuzz

#endif  // FUZZ_ASKING_STREAM_H_
