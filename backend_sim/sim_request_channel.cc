// SPDX-License-Identifier: BSD-3-Clause

#include "backend_sim/sim_request_channel.h"

#include <algorithm>
#include <utility>

namespace backend_sim {

using virtio_user::ErrorCode;
using virtio_user::Fail;
using virtio_user::Received;
using virtio_user::Result;

Result<void> SimRequestChannel::Attach() {
  return Fail(ErrorCode::kWrongState, "a stream for requests is made attached");
}

void SimRequestChannel::Detach() {
  if (fd_ < 0) return;
  fds_.Close(std::exchange(fd_, -1));
  stream_->frontend_open = false;
}

virtio_user::LinkState SimRequestChannel::Poll() {
  return fd_ >= 0 && stream_->backend_open ? virtio_user::LinkState::kUp
                                           : virtio_user::LinkState::kDown;
}

virtio_user::Deadline SimRequestChannel::After(virtio_user::Duration budget) {
  return clock_.After(budget);
}

Result<size_t> SimRequestChannel::Send(
    std::span<const virtio_user::SendChunk> chunks, size_t skip) {
  if (fd_ < 0 || !stream_->backend_open) {
    return Fail(ErrorCode::kDisconnected, "the back-end closed the stream");
  }
  const auto bytes = chunks.front().bytes.subspan(skip);
  const size_t room =
      stream_->answer_room -
      std::min(stream_->answer_room, stream_->to_backend.size());
  const size_t count = std::min(bytes.size(), room);
  stream_->to_backend.insert(
      stream_->to_backend.end(), bytes.begin(),
      bytes.begin() + static_cast<std::ptrdiff_t>(count));
  return count;
}

Result<Received> SimRequestChannel::Receive(std::span<std::byte> into) {
  const size_t count = std::min(into.size(), stream_->to_frontend.size());
  if (count == 0 && !stream_->backend_open) {
    return Fail(ErrorCode::kDisconnected, "the back-end closed the stream");
  }
  const auto end =
      stream_->to_frontend.begin() + static_cast<std::ptrdiff_t>(count);
  std::copy(stream_->to_frontend.begin(), end, into.begin());
  stream_->to_frontend.erase(stream_->to_frontend.begin(), end);
  const size_t fds = count > 0 ? std::exchange(stream_->fds_to_frontend, 0) : 0;
  return Received{.bytes = count, .fd_count = fds};
}

Result<void> SimRequestChannel::WaitWritable(virtio_user::Deadline) {
  return Fail(ErrorCode::kUnsupported, "nobody waits for requests");
}

Result<void> SimRequestChannel::WaitReadable(size_t, virtio_user::Deadline) {
  return Fail(ErrorCode::kUnsupported, "nobody waits for requests");
}

}  // namespace backend_sim
