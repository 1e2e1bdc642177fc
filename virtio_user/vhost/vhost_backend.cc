// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/vhost/vhost_backend.h"

namespace virtio_user {

std::string_view ToString(BackendOperation operation) {
  switch (operation) {
    case BackendOperation::kNone:
      return "none";
    case BackendOperation::kSetOwner:
      return "SET_OWNER";
    case BackendOperation::kGetFeatures:
      return "GET_FEATURES";
    case BackendOperation::kSetFeatures:
      return "SET_FEATURES";
    case BackendOperation::kSetMemTable:
      return "SET_MEM_TABLE";
    case BackendOperation::kAddMemReg:
      return "ADD_MEM_REG";
    case BackendOperation::kRemMemReg:
      return "REM_MEM_REG";
    case BackendOperation::kSetVringNum:
      return "SET_VRING_NUM";
    case BackendOperation::kSetVringBase:
      return "SET_VRING_BASE";
    case BackendOperation::kSetVringAddr:
      return "SET_VRING_ADDR";
    case BackendOperation::kSetVringCall:
      return "SET_VRING_CALL";
    case BackendOperation::kSetVringKick:
      return "SET_VRING_KICK";
    case BackendOperation::kSetVringEnable:
      return "SET_VRING_ENABLE";
    case BackendOperation::kGetVringBase:
      return "GET_VRING_BASE";
    case BackendOperation::kGetStatus:
      return "GET_STATUS";
    case BackendOperation::kSetStatus:
      return "SET_STATUS";
    case BackendOperation::kGetConfig:
      return "GET_CONFIG";
    case BackendOperation::kSetConfig:
      return "SET_CONFIG";
    case BackendOperation::kSetGuestOffloads:
      return "GUEST_OFFLOADS_SET";
    case BackendOperation::kSendControl:
      return "CONTROL_COMMAND";
    case BackendOperation::kSetMtu:
      return "NET_SET_MTU";
    case BackendOperation::kSendRarp:
      return "SEND_RARP";
    case BackendOperation::kResetDevice:
      return "RESET_DEVICE";
    case BackendOperation::kGetInflightFd:
      return "GET_INFLIGHT_FD";
    case BackendOperation::kSetInflightFd:
      return "SET_INFLIGHT_FD";
  }
  return "unknown";
}

std::unexpected<Error> VhostBackend::Lacking(std::string_view operation) {
  return Fail(ErrorCode::kUnsupported, "this kind of back-end has no %.*s",
              static_cast<int>(operation.size()), operation.data());
}

}  // namespace virtio_user
