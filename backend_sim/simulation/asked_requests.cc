// SPDX-License-Identifier: BSD-3-Clause

#include "backend_sim/simulation/asked_requests.h"

#include <span>
#include <utility>

namespace backend_sim {
namespace {

constexpr size_t kAnswerBytes = kWireHeaderBytes + sizeof(uint64_t);
// vhost-user, "Back-end message types": what has a payload has less.
constexpr uint32_t kMostPayload = 256;
constexpr uint32_t kConfigChange = 2;

bool CanBeRequest(const WireHeader& header) {
  return (header.flags & kWireVersionBits) == kWireVersion &&
         (header.flags & kWireReply) == 0 && header.size <= kMostPayload;
}

}  // namespace

void AskedRequests::Note(const WireHeader& header,
                         const SimRequestStream& stream) {
  if (stream.number != stream_) *this = {};
  stream_ = stream.number;
  if (broken_) return;
  config_changed_ |= CanBeRequest(header) && header.request == kConfigChange &&
                     header.size == 0;
  if (!CanBeRequest(header)) {
    broken_ = true;
  } else if ((header.flags & kWireNeedReply) != 0) {
    unanswered_.push_back(header.request);
  }
}

std::optional<std::string> AskedRequests::Check(SimRequestStream* stream) {
  if (stream == nullptr || stream->number != stream_) return std::nullopt;
  if (auto wrong = TakeAnswers(*stream)) return wrong;
  // A bounded number a look.
  if (!stream->to_frontend.empty() && stream->frontend_open) {
    return std::nullopt;
  }
  if (broken_) {
    if (!stream->frontend_open) return std::nullopt;
    return "what cannot be a request was read, and its stream goes on";
  }
  if (!stream->frontend_open || unanswered_.empty()) return std::nullopt;
  return "request " + std::to_string(unanswered_.front()) +
         " of the back-end was read and not answered";
}

bool AskedRequests::TakeConfigChange(const SimRequestStream* stream) {
  if (stream == nullptr || stream->number != stream_) return false;
  if (!stream->to_frontend.empty()) return false;
  return std::exchange(config_changed_, false);
}

std::optional<std::string> AskedRequests::TakeAnswers(
    SimRequestStream& stream) {
  std::vector<std::byte>& bytes = stream.to_backend;
  while (bytes.size() >= kAnswerBytes) {
    const WireHeader header = DecodeHeader(bytes);
    const uint64_t value =
        Get(std::span(bytes).subspan(kWireHeaderBytes), kU64Value);
    bytes.erase(bytes.begin(), bytes.begin() + kAnswerBytes);
    const std::string name = "the answer to request " +
                             std::to_string(header.request) +
                             " of the back-end";
    if (unanswered_.empty() || unanswered_.front() != header.request) {
      return name + " answers nothing that was asked";
    }
    unanswered_.erase(unanswered_.begin());
    if (header.flags != kWireAnswerFlags || header.size != sizeof(value)) {
      return name + " is not an answer";
    }
    if (header.request != kConfigChange && value == 0) {
      return name + " says that it was carried out";
    }
  }
  return std::nullopt;
}

}  // namespace backend_sim
