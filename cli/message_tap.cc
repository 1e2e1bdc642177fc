// SPDX-License-Identifier: BSD-3-Clause

#include "cli/message_tap.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "backend_sim/transcript.h"

namespace virtio_user::cli {

using backend_sim::Direction;
using backend_sim::WireHeader;

void MessageTap::Take(Stream& stream, std::span<const std::byte> bytes,
                      size_t fd_count) {
  auto& total = stream.direction == Direction::kToBackend
                    ? counts_.bytes_sent
                    : counts_.bytes_received;
  total += bytes.size();
  stream.bytes.insert(stream.bytes.end(), bytes.begin(), bytes.end());
  stream.fd_count += static_cast<uint32_t>(fd_count);
  std::span<const std::byte> left = stream.bytes;
  while (left.size() >= backend_sim::kWireHeaderBytes) {
    const WireHeader header = backend_sim::DecodeHeader(left);
    // A peer may claim any size; what can be no message is not waited for.
    const size_t payload_bytes =
        std::min<size_t>(header.size, backend_sim::kWireMaxPayload);
    const auto rest = left.subspan(backend_sim::kWireHeaderBytes);
    if (rest.size() < payload_bytes) break;
    OnMessage(stream, header, rest.first(payload_bytes));
    left = rest.subspan(payload_bytes);
  }
  stream.bytes.erase(stream.bytes.begin(),
                     stream.bytes.end() - static_cast<ptrdiff_t>(left.size()));
}

void MessageTap::OnMessage(Stream& stream, const WireHeader& header,
                           std::span<const std::byte> payload) {
  const bool answer = stream.direction == Direction::kToFrontend;
  ++(answer ? counts_.received : counts_.sent);
  if (answer && payload.size() == sizeof(uint64_t)) {
    answers_[header.request] =
        backend_sim::Get(payload, backend_sim::kU64Value);
  }
  const uint32_t fd_count = std::exchange(stream.fd_count, 0);
  if (!on_line_) return;
  backend_sim::Trace one({.keep_all = true});
  one.AddMessage({.direction = stream.direction,
                  .request = header.request,
                  .flags = header.flags,
                  .fd_count = fd_count,
                  .payload = payload});
  const std::string text = backend_sim::Transcript(one.records());
  on_line_(text.substr(0, text.find_last_not_of('\n') + 1));
}

void MessageTap::Disconnected() {
  for (Stream* stream : {&to_backend_, &to_frontend_}) {
    stream->bytes.clear();
    stream->fd_count = 0;
  }
}

std::optional<uint64_t> MessageTap::LastAnswer(uint32_t request) const {
  const auto found = answers_.find(request);
  if (found == answers_.end()) return {};
  return found->second;
}

}  // namespace virtio_user::cli
