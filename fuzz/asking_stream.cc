// SPDX-License-Identifier: BSD-3-Clause

#include "fuzz/asking_stream.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "fuzz/finding.h"

namespace fuzz {

using virtio_user::Deadline;
using virtio_user::ErrorCode;
using virtio_user::Fail;
using virtio_user::Received;
using virtio_user::Result;

namespace {

constexpr size_t kHalfAnAnswer = 10;
constexpr uint64_t kFileBytes = 0x1000;

// Attached already; nobody waits for it.
class AskingEnd final : public virtio_user::Channel {
 public:
  explicit AskingEnd(AskingStream& stream) : stream_(stream) {}

  Result<void> Attach() override { return Never(); }
  void Detach() override {}
  virtio_user::LinkState Poll() override { return virtio_user::LinkState::kUp; }
  int fd() const override { return 78; }
  Deadline After(virtio_user::Duration) override { return {}; }
  void SetAttachDeadline(Deadline) override {}
  Result<size_t> Send(std::span<const virtio_user::SendChunk> chunks,
                      size_t skip) override {
    Expect(chunks.size() == 1 && chunks[0].fds.empty() && skip == 0, "requests",
           "an answer in pieces, or with descriptors");
    return stream_.Send(chunks[0].bytes);
  }
  Result<Received> Receive(std::span<std::byte> into) override {
    return stream_.Receive(into);
  }
  Result<void> WaitWritable(Deadline) override { return Never(); }
  Result<void> WaitReadable(size_t, Deadline) override { return Never(); }

 private:
  static std::unexpected<virtio_user::Error> Never() {
    return Fail(ErrorCode::kWrongState, "not with a stream of requests");
  }

  AskingStream& stream_;
};

}  // namespace

void AskingStream::Supply(std::span<const std::byte> bytes) {
  Reader input(bytes);
  how_ = input.Byte();
  all_ = input.Take(bytes.size());
  left_ = Reader(all_);
}

std::unique_ptr<virtio_user::Channel> AskingStream::MakeEnd() {
  Lose();
  asked_.Replace();
  const size_t room = how_ >> kRoomShift & 7;
  room_ = room == 0 ? SIZE_MAX : room * kHalfAnAnswer;
  return std::make_unique<AskingEnd>(*this);
}

void AskingStream::Begin(bool config) {
  if (begun_) return;
  begun_ = true;
  asked_.Begin(config);
  LoadPiece();
}

void AskingStream::Lose() {
  begun_ = false;
  piece_at_ = piece_bytes_ = piece_fds_ = 0;
  waits_ = false;
}

void AskingStream::LoadPiece() {
  piece_at_ = piece_bytes_ = piece_fds_ = 0;
  if (left_.empty() && end() == End::kBeginsAgain) left_ = Reader(all_);
  if (left_.empty()) return;
  const uint8_t head = left_.Byte();
  const size_t size = head & kMostPayload;
  waits_ = (head & kNextTurn) != 0;
  if ((head & kFds) != 0) piece_fds_ = left_.Byte() % 9;
  if ((head & kWhole) != 0) {
    std::fill_n(piece_.begin(), kHeaderBytes, std::byte{0});
    std::ranges::copy(left_.Take(1), piece_.begin());
    std::ranges::copy(left_.Take(1), piece_.begin() + 4);
    piece_[8] = static_cast<std::byte>(size);
    piece_bytes_ = kHeaderBytes;
  }
  const auto bytes = left_.Take(size);
  std::ranges::copy(bytes, piece_.begin() + piece_bytes_);
  piece_bytes_ += bytes.size();
}

bool AskingStream::Readable() const {
  if (!begun_ || waits_) return false;
  if (piece_bytes_ != 0 || !left_.empty()) return true;
  return end() == End::kBeginsAgain ? !all_.empty() : end() != End::kStaysOpen;
}

Result<Received> AskingStream::Receive(std::span<std::byte> into) {
  Received got;
  if (!begun_ || std::exchange(waits_, false)) return got;
  if (piece_bytes_ == 0) LoadPiece();
  if (waits_) return got;
  if (piece_bytes_ == 0 && left_.empty()) {
    if (end() == End::kCloses) {
      return Fail(ErrorCode::kDisconnected, "the back-end asks no more");
    }
    if (end() == End::kBreaks) {
      asked_.Break();
      return Fail(ErrorCode::kSystem, "the stream of requests is broken");
    }
  }
  got.bytes = std::min(into.size(), piece_bytes_ - piece_at_);
  if (got.bytes == 0) return got;
  std::memcpy(into.data(), piece_.data() + piece_at_, got.bytes);
  asked_.Read(into.first(got.bytes));
  piece_at_ += got.bytes;
  got.fd_count = std::exchange(piece_fds_, 0);
  if (got.fd_count > 0) got.fd = files_.Open(kFileBytes);
  if (piece_at_ == piece_bytes_) LoadPiece();
  return got;
}

Result<size_t> AskingStream::Send(std::span<const std::byte> answer) {
  const bool fits = answer.size() <= room_;
  asked_.Answer(answer, fits);
  if (!fits && (how_ & kNoRoomIsAnError) != 0) {
    return Fail(ErrorCode::kDisconnected, "the back-end hears no answers");
  }
  const size_t sent = std::min(answer.size(), room_);
  if (room_ != SIZE_MAX) room_ -= sent;
  return sent;
}

}  // namespace fuzz
