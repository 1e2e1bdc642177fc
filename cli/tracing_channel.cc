// SPDX-License-Identifier: BSD-3-Clause

#include "cli/tracing_channel.h"

#include <algorithm>

namespace virtio_user::cli {

Result<void> TracingChannel::Attach() {
  ++tap_.counts().attach_calls;
  return inner_.Attach();
}

void TracingChannel::Detach() {
  inner_.Detach();
  tap_.Disconnected();
}

Result<size_t> TracingChannel::Send(std::span<const SendChunk> chunks,
                                    size_t skip) {
  ++tap_.counts().send_calls;
  const Result<size_t> sent = inner_.Send(chunks, skip);
  if (sent) ShowSent(chunks, skip, *sent);
  return sent;
}

// The first `bytes` of `chunks` after `skip` went out, and with the first byte
// of each chunk its descriptors.
void TracingChannel::ShowSent(std::span<const SendChunk> chunks, size_t skip,
                              size_t bytes) {
  for (const SendChunk& chunk : chunks) {
    if (bytes == 0) return;
    const auto rest = chunk.bytes.subspan(std::min(skip, chunk.bytes.size()));
    const auto gone = rest.first(std::min(bytes, rest.size()));
    tap_.ToBackend(gone, skip == 0 ? chunk.fds.size() : 0);
    bytes -= gone.size();
    skip = 0;
  }
}

Result<Received> TracingChannel::Receive(std::span<std::byte> into) {
  ++tap_.counts().receive_calls;
  Result<Received> got = inner_.Receive(into);
  if (got) tap_.ToFrontend(into.first(got->bytes), got->fd_count);
  return got;
}

Result<void> TracingChannel::WaitWritable(Deadline deadline) {
  ++tap_.counts().wait_calls;
  return inner_.WaitWritable(deadline);
}

Result<void> TracingChannel::WaitReadable(size_t bytes, Deadline deadline) {
  ++tap_.counts().wait_calls;
  return inner_.WaitReadable(bytes, deadline);
}

}  // namespace virtio_user::cli
