// SPDX-License-Identifier: BSD-3-Clause

#include <string>

#include "backend_sim/model_checks.h"

namespace backend_sim {
namespace {

Check CheckHeader(const WireHeader& header) {
  if ((header.flags & kWireVersionBits) != kWireVersion) {
    return Breach{Rule::kHeaderVersion,
                  "version " + std::to_string(header.flags & kWireVersionBits)};
  }
  const uint32_t allowed = kWireVersionBits | kWireNeedReply;
  if ((header.flags & ~allowed) != 0) {
    return Breach{Rule::kHeaderFlags, "flags " + std::to_string(header.flags)};
  }
  return std::nullopt;
}

size_t FdsAsked(const RequestRule& rule, const VhostMessage& message) {
  switch (rule.fds) {
    case FdRule::kNone:
      return 0;
    case FdRule::kOne:
      return 1;
    case FdRule::kZeroOrOne:
      return message.fds.empty() ? 0 : 1;
    case FdRule::kUnlessMissing:
      return (message.Field(kU64Value) & kRingFdMissing) != 0 ? 0 : 1;
    case FdRule::kPerRegion:
      return message.Field(kTableCount);
  }
  return 0;
}

bool GateOpen(const VhostModel& model, const RequestRule& rule) {
  const SessionState& session = model.session();
  switch (rule.gate) {
    case Gate::kAlways:
      return true;
    case Gate::kProtocol:
      return session.HasProtocol(rule.gate_bit);
    case Gate::kBit30Offered:
      return HasBit(model.personality().features, kBitProtocolFeatures);
    case Gate::kBit30Acked:
      return session.Has(kBitProtocolFeatures);
    case Gate::kFeature:
      return session.Has(rule.gate_bit);
  }
  return false;
}

std::string GateText(const RequestRule& rule) {
  switch (rule.gate) {
    case Gate::kAlways:
      break;
    case Gate::kProtocol:
      return "protocol feature " + std::to_string(rule.gate_bit) +
             " was not negotiated";
    case Gate::kBit30Offered:
      return "VHOST_USER_F_PROTOCOL_FEATURES was not offered";
    case Gate::kBit30Acked:
      return "VHOST_USER_F_PROTOCOL_FEATURES was not accepted";
    case Gate::kFeature:
      return "feature " + std::to_string(rule.gate_bit) + " was not accepted";
  }
  return "";
}

}  // namespace

// What can be tolerated comes last, so that it hides nothing else.
Check CheckFraming(const VhostModel& model, const VhostMessage& message) {
  const RequestRule* const rule = FindRequest(message.header.request);
  Check header = CheckHeader(message.header);
  const bool tolerated = header && (model.Tolerates(header->rule) ||
                                    CanBeOverlooked(header->rule));
  if (header && !tolerated) return header;
  if (rule == nullptr) {
    return Breach{Rule::kUnknownRequest,
                  "number " + std::to_string(message.header.request)};
  }
  if (!SizeFits(rule->payload, message.payload)) {
    return Breach{Rule::kPayloadSize,
                  std::to_string(message.payload.size()) + " bytes"};
  }
  const size_t asked = FdsAsked(*rule, message);
  if (message.fds.size() != asked) {
    return Breach{Rule::kFdCount, std::to_string(message.fds.size()) +
                                      " descriptors instead of " +
                                      std::to_string(asked)};
  }
  if (!GateOpen(model, *rule)) {
    // Who does not ask what was negotiated still has what it offers alone.
    const bool has =
        !model.Tolerates(Rule::kGate) || rule->gate != Gate::kProtocol ||
        HasBit(model.personality().protocol_features, rule->gate_bit);
    return Breach{has ? Rule::kGate : Rule::kNotServed, GateText(*rule)};
  }
  if (message.needs_reply() &&
      !model.session().HasProtocol(kProtocolReplyAck)) {
    return Breach{Rule::kNeedReplyGate, "need_reply without REPLY_ACK"};
  }
  return header;
}

bool CanBeOverlooked(Rule rule) {
  switch (rule) {
    case Rule::kHeaderFlags:
    case Rule::kGate:
    case Rule::kNeedReplyGate:
    case Rule::kOwnerTwice:
    case Rule::kOwnerMissing:
    case Rule::kFeaturesUnasked:
    case Rule::kFeaturesWhileRunning:
    case Rule::kFeaturesAfterOk:
    case Rule::kStatusBackwards:
    case Rule::kFeaturesOkTooEarly:
    case Rule::kDriverOkTooEarly:
    case Rule::kRingWithoutMq:
    case Rule::kRingBase:
    case Rule::kAddrReservedFlags:
    case Rule::kKickTooEarly:
    case Rule::kEnableWithoutCall:
    case Rule::kInflightMissing:
      return true;
    default:
      return false;
  }
}

}  // namespace backend_sim
