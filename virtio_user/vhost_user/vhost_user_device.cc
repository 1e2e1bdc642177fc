// SPDX-License-Identifier: BSD-3-Clause
//
// The messages about the device as a whole: status, reset, MTU, RARP.

#include <cinttypes>
#include <cstring>

#include "virtio_user/vhost_user/vhost_user_backend.h"

namespace virtio_user {

Result<void> VhostUserBackend::CheckSpeaks(ProtocolFeature feature,
                                           BackendOperation operation) const {
  if (Speaks(feature)) return {};
  return Fail(ErrorCode::kUnsupported, "%s: the back-end has no %s",
              ToString(operation).data(),
              ProtocolFeatureName(static_cast<unsigned>(feature)).data());
}

Result<void> VhostUserBackend::TellU64(VhostUserRequest request,
                                       BackendOperation operation,
                                       uint64_t value) {
  const size_t begin = window_.bytes().size();
  MessageWriter(window_.bytes()).U64(request, value);
  return Tell({.begin = begin, .request = request, .operation = operation});
}

Result<uint8_t> VhostUserBackend::GetStatus() {
  if (!caps_.status) {
    return Fail(ErrorCode::kUnsupported,
                "GET_STATUS: the back-end has no "
                "VHOST_USER_PROTOCOL_F_STATUS");
  }
  const auto status =
      AskU64(VhostUserRequest::kGetStatus, BackendOperation::kGetStatus);
  if (!status) return Fail(status);
  if (*status <= UINT8_MAX) return static_cast<uint8_t>(*status);
  Detach();
  return Fail(ErrorCode::kProtocol,
              "GET_STATUS answered 0x%" PRIx64 ": the status has 8 bits",
              *status);
}

Result<void> VhostUserBackend::SetStatus(uint8_t status) {
  if (!caps_.status) {
    return Fail(ErrorCode::kUnsupported,
                "SET_STATUS: the back-end has no "
                "VHOST_USER_PROTOCOL_F_STATUS");
  }
  return TellU64(VhostUserRequest::kSetStatus, BackendOperation::kSetStatus,
                 status);
}

Result<void> VhostUserBackend::SetMtu(uint16_t mtu) {
  constexpr BackendOperation kOperation = BackendOperation::kSetMtu;
  if (auto can = CheckSpeaks(ProtocolFeature::kMtu, kOperation); !can) {
    return can;
  }
  return TellU64(VhostUserRequest::kNetSetMtu, kOperation, mtu);
}

Result<void> VhostUserBackend::SendRarp(const MacAddress& mac) {
  constexpr BackendOperation kOperation = BackendOperation::kSendRarp;
  if (auto can = CheckSpeaks(ProtocolFeature::kRarp, kOperation); !can) {
    return can;
  }
  // "The first 6 bytes of the payload contain the mac address".
  uint64_t payload = 0;
  std::memcpy(&payload, mac.bytes.data(), mac.bytes.size());
  return TellU64(VhostUserRequest::kSendRarp, kOperation, payload);
}

Result<void> VhostUserBackend::ResetDevice() {
  constexpr BackendOperation kOperation = BackendOperation::kResetDevice;
  if (auto can = CheckSpeaks(ProtocolFeature::kResetDevice, kOperation); !can) {
    return can;
  }
  const size_t begin = window_.bytes().size();
  MessageWriter(window_.bytes()).Empty(VhostUserRequest::kResetDevice);
  return Tell({.begin = begin,
               .request = VhostUserRequest::kResetDevice,
               .operation = kOperation});
}

}  // namespace virtio_user
