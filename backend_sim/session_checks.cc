// SPDX-License-Identifier: BSD-3-Clause

#include <cstdio>
#include <string>

#include "backend_sim/model_checks.h"
#include "backend_sim/wire_request.h"

namespace backend_sim {
namespace {

inline constexpr uint8_t kDriverOk = 4;
inline constexpr uint8_t kFeaturesOk = 8;

// Protocol features that stand on others: INBAND_NOTIFICATIONS needs
// BACKEND_REQ and REPLY_ACK.
inline constexpr unsigned kProtocolInband = 14;

std::string Hex(uint64_t value) {
  char text[24];
  std::snprintf(text, sizeof(text), "0x%llx",
                static_cast<unsigned long long>(value));
  return text;
}

Check CheckSetFeatures(const VhostModel& model, uint64_t asked) {
  const SessionState& session = model.session();
  const uint64_t surplus = asked & ~model.personality().features;
  if (surplus != 0) {
    return Breach{Rule::kFeaturesNotOffered, "bits " + Hex(surplus)};
  }
  if (!session.features_asked) {
    return Breach{Rule::kFeaturesUnasked, "GET_FEATURES did not come before"};
  }
  const uint64_t changed = asked ^ session.features;
  if (model.AnyStarted() && (changed & ~Bit(kBitLogAll)) != 0) {
    return Breach{Rule::kFeaturesWhileRunning, "bits " + Hex(changed)};
  }
  if ((session.status & kFeaturesOk) != 0 && changed != 0) {
    return Breach{Rule::kFeaturesAfterOk, "bits " + Hex(changed)};
  }
  if (HasBit(asked, kBitMq)) return std::nullopt;
  // It drops what was set up, and what an earlier driver has left.
  if (model.personality().messages.features_free_rings) return std::nullopt;
  for (const RingModel& ring : model.rings()) {
    if (ring.index() >= 2 && ring.mentioned()) {
      return Breach{Rule::kRingWithoutMq,
                    "ring " + std::to_string(ring.index()) +
                        " was set up and MQ is not accepted"};
    }
  }
  return std::nullopt;
}

Check CheckSetProtocolFeatures(const VhostModel& model, uint64_t asked) {
  const uint64_t surplus = asked & ~model.personality().protocol_features;
  if (surplus != 0) {
    return Breach{Rule::kProtocolFeaturesNotOffered, "bits " + Hex(surplus)};
  }
  if (HasBit(asked, kProtocolInband) && !(HasBit(asked, kProtocolReplyAck) &&
                                          HasBit(asked, kProtocolBackendReq))) {
    return Breach{Rule::kProtocolFeaturesNotOffered,
                  "in-band notifications without what they need"};
  }
  return std::nullopt;
}

Check CheckSetStatus(const VhostModel& model, uint64_t value) {
  const SessionState& session = model.session();
  if (value > 0xff) return Breach{Rule::kStatusValue, Hex(value)};
  if (value == 0) return std::nullopt;
  const uint64_t lost = session.status & ~value;
  if (lost != 0) {
    return Breach{Rule::kStatusBackwards,
                  Hex(session.status) + " to " + Hex(value)};
  }
  if ((value & kFeaturesOk) != 0 && !session.features_set) {
    return Breach{Rule::kFeaturesOkTooEarly, Hex(value)};
  }
  const bool driver_ok = (value & kDriverOk) != 0;
  const bool features_ok = (session.status & kFeaturesOk) != 0;
  if (driver_ok && !features_ok && session.Has(kBitVersion1)) {
    return Breach{Rule::kDriverOkTooEarly, Hex(value)};
  }
  return std::nullopt;
}

Check CheckConfig(const VhostModel& model, const VhostMessage& message) {
  const uint64_t end =
      message.Field(kConfigOffset) + message.Field(kConfigSize);
  if (end > model.personality().config.size()) {
    return Breach{Rule::kConfigRange,
                  "byte " + std::to_string(end) + " of " +
                      std::to_string(model.personality().config.size())};
  }
  if (message.header.request == kReqSetConfig) {
    return Breach{Rule::kConfigReadOnly, "a write"};
  }
  return std::nullopt;
}

}  // namespace

Check CheckSession(const VhostModel& model, const VhostMessage& message) {
  const uint64_t value = message.Field(kU64Value);
  switch (message.header.request) {
    case kReqSetOwner:
      if (!model.session().has_owner) break;
      return Breach{Rule::kOwnerTwice, "the session has an owner"};
    case kReqResetOwner:
      return Breach{Rule::kResetOwner, "sent"};
    case kReqSetFeatures:
      return CheckSetFeatures(model, value);
    case kReqSetProtocolFeatures:
      return CheckSetProtocolFeatures(model, value);
    case kReqNetSetMtu:
      if (value < 68 || value > 65535) {
        return Breach{Rule::kMtuRange, std::to_string(value)};
      }
      if (HasBit(model.personality().features, kBitMtu)) break;
      return Breach{Rule::kGate, "VIRTIO_NET_F_MTU was not offered"};
    case kReqSetStatus:
      return CheckSetStatus(model, value);
    case kReqGetConfig:
    case kReqSetConfig:
      return CheckConfig(model, message);
    default:
      break;
  }
  return std::nullopt;
}

}  // namespace backend_sim
