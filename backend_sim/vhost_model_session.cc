// SPDX-License-Identifier: BSD-3-Clause
//
// VhostModel: owner, features, status, configuration.

#include <algorithm>
#include <utility>

#include "backend_sim/vhost_model.h"

namespace backend_sim {

namespace {

inline constexpr uint8_t kFeaturesOk = 8;

}  // namespace

Check VhostModel::GetFeatures(VhostMessage&, std::vector<std::byte>& answer) {
  session_.features_asked = true;
  AnswerU64(personality_.features, answer);
  return std::nullopt;
}

Check VhostModel::SetFeatures(VhostMessage& message, std::vector<std::byte>&) {
  const MessageBehaviour& behaviour = personality_.messages;
  session_.features = message.Field(kU64Value);
  session_.features_set = true;
  session_.features_refused = false;
  for (RingModel& ring : rings_) {
    const bool freed = behaviour.features_free_rings && !session_.Has(kBitMq) &&
                       ring.index() >= 2;
    if (freed || behaviour.features_wipe_rings) ring.Reset(trace_);
  }
  // Ring states: without bit 30 there is no SET_VRING_ENABLE.
  if (!session_.Has(kBitProtocolFeatures)) {
    for (RingModel& ring : rings_) ring.EnableByDefault();
  }
  return std::nullopt;
}

Check VhostModel::SetOwner(VhostMessage&, std::vector<std::byte>&) {
  session_.has_owner = true;
  return std::nullopt;
}

Check VhostModel::GetProtocolFeatures(VhostMessage&,
                                      std::vector<std::byte>& answer) {
  AnswerU64(personality_.protocol_features, answer);
  return std::nullopt;
}

Check VhostModel::SetProtocolFeatures(VhostMessage& message,
                                      std::vector<std::byte>&) {
  session_.protocol_features = message.Field(kU64Value);
  return std::nullopt;
}

Check VhostModel::GetQueueNum(VhostMessage&, std::vector<std::byte>& answer) {
  AnswerU64(personality_.queue_num, answer);
  return std::nullopt;
}

Check VhostModel::SendRarp(VhostMessage& message, std::vector<std::byte>&) {
  ++session_.rarps;
  session_.rarp_word = message.Field(kU64Value);
  return std::nullopt;
}

Check VhostModel::NetSetMtu(VhostMessage& message, std::vector<std::byte>&) {
  const uint64_t mtu = message.Field(kU64Value);
  if (mtu > personality_.max_mtu) {
    return Breach{Rule::kNone, "more than this back-end has room for"};
  }
  session_.mtu = mtu;
  return std::nullopt;
}

Check VhostModel::SetBackendReqFd(VhostMessage& message,
                                  std::vector<std::byte>&) {
  request_channel_ = std::move(message.fds.front());
  return std::nullopt;
}

Check VhostModel::GetConfig(VhostMessage& message,
                            std::vector<std::byte>& answer) {
  answer = std::move(message.payload);
  const auto source =
      std::span(personality_.config)
          .subspan(Get(answer, kConfigOffset), Get(answer, kConfigSize));
  std::ranges::copy(source, answer.begin() + kConfigDataOffset);
  return std::nullopt;
}

void VhostModel::ChangeConfig(size_t offset, std::span<const std::byte> bytes) {
  std::ranges::copy(
      bytes, personality_.config.begin() + static_cast<std::ptrdiff_t>(offset));
}

Check VhostModel::GetStatus(VhostMessage&, std::vector<std::byte>& answer) {
  AnswerU64(session_.status, answer);
  return std::nullopt;
}

Check VhostModel::SetStatus(VhostMessage& message, std::vector<std::byte>&) {
  const auto status = static_cast<uint8_t>(message.Field(kU64Value));
  session_.status = status;
  if (!personality_.accepts_features_ok || session_.features_refused) {
    session_.status &= ~kFeaturesOk;
  }
  if (status == 0 && !personality_.messages.status_zero_keeps_rings) {
    ResetRings();
  }
  return std::nullopt;
}

Check VhostModel::ResetDevice(VhostMessage&, std::vector<std::byte>&) {
  session_.status = 0;
  ++session_.resets;
  ResetRings();
  return std::nullopt;
}

// The device forgets what the driver accepted; bit 30 is not the driver's.
void VhostModel::ResetRings() {
  for (RingModel& ring : rings_) ring.Reset(trace_);
  inflight_.Clear();
  session_.features_set = false;
  session_.features &= Bit(kBitProtocolFeatures);
}

}  // namespace backend_sim
