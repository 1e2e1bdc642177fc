// SPDX-License-Identifier: BSD-3-Clause
//
// What the model lets pass, because the spec leaves it open or because
// lib/vhost and front-ends that are used with it do so.

#include <string>

#include "backend_sim/model_checks.h"
#include "backend_sim/wire_request.h"

namespace backend_sim {
namespace {

// Before SET_OWNER there is no session in which rings or memory could be.
bool BelongsToSession(uint32_t request) {
  switch (request) {
    case kReqGetFeatures:
    case kReqGetProtocolFeatures:
    case kReqSetProtocolFeatures:
    case kReqSetOwner:
    case kReqGetQueueNum:
    case kReqGetMaxMemSlots:
    case kReqGetConfig:
    case kReqGetStatus:
    case kReqSetBackendReqFd:
      return false;
    default:
      return true;
  }
}

Check CheckReserved(const VhostMessage& message) {
  uint64_t reserved = 0;
  switch (message.header.request) {
    case kReqSetVringKick:
    case kReqSetVringCall:
    case kReqSetVringErr:
      reserved = message.Field(kU64Value) & ~(kRingFdIndex | kRingFdMissing);
      break;
    case kReqSetMemTable:
      reserved = message.Field(kTablePadding);
      break;
    case kReqAddMemReg:
    case kReqRemMemReg:
      reserved = message.Field(kU64Value);
      break;
    default:
      break;
  }
  if (reserved == 0) return std::nullopt;
  return Breach{Rule::kReservedBits, std::to_string(reserved)};
}

}  // namespace

Check CheckStrictly(const VhostModel& model, const VhostMessage& message) {
  if (model.personality().strictness != Strictness::kClose) return std::nullopt;
  const uint32_t request = message.header.request;
  if (!model.session().has_owner && BelongsToSession(request)) {
    return Breach{Rule::kOwnerMissing,
                  std::string(RequestName(request)) + " before SET_OWNER"};
  }
  if (Check breach = CheckReserved(message)) return breach;
  // lib/vhost reads and writes the lower half alone.
  const bool packed =
      model.ring_rules().format == virtio_user::RingFormat::kPacked;
  const uint64_t base = message.Field(kStateNum);
  if (request == kReqSetVringBase && packed && model.session().features_set &&
      base != 0 && base >> 16 == 0) {
    return Breach{Rule::kRingBase, "a packed ring's base without used index"};
  }
  return std::nullopt;
}

}  // namespace backend_sim
