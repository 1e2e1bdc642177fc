// SPDX-License-Identifier: BSD-3-Clause

#include "backend_sim/explore/fault_consequence.h"

#include "backend_sim/wire_request.h"

namespace backend_sim {

using virtio_user::ErrorCode;

bool Explains(uint32_t refused, Rule rule) {
  switch (rule) {
    case Rule::kFeaturesOkTooEarly:
      return refused == kReqSetFeatures;
    case Rule::kGate:
      // It brings bit 30, which ENABLE depends on: a stop after an undoing that
      // failed sends that, whatever was carried out.
      return refused == kReqSetFeatures;
    case Rule::kAddrBeforeTable:
    case Rule::kAddrOutside:
      return refused == kReqAddMemReg;
    case Rule::kKickIncomplete:
      return refused == kReqAddMemReg || refused == kReqSetVringNum ||
             refused == kReqSetVringBase || refused == kReqSetVringAddr;
    default:
      return false;
  }
}

bool LeadsTo(FaultKind kind, ErrorCode code) {
  switch (kind) {
    case FaultKind::kRefuse:
      // Of what has an answer of its own, the end of the connection; of
      // GET_CONFIG, a back-end that can do less.
      return code == ErrorCode::kRefused || code == ErrorCode::kDisconnected ||
             code == ErrorCode::kUnsupported;
    case FaultKind::kCloseBefore:
    case FaultKind::kCloseUnanswered:
      return code == ErrorCode::kDisconnected;
    case FaultKind::kReplyNack:
      // Where it was no ack: garbage, or a back-end that can do less.
      return code == ErrorCode::kRefused || code == ErrorCode::kProtocol ||
             code == ErrorCode::kUnsupported ||
             code == ErrorCode::kInvalidArgument;
    case FaultKind::kReplyLate:
      return code == ErrorCode::kDeadline;
    case FaultKind::kReplyWrongSize:
      return code == ErrorCode::kProtocol;
    default:
      return false;
  }
}

}  // namespace backend_sim
