// SPDX-License-Identifier: BSD-3-Clause
//
// The messages about the configuration space, and what has no message.

#include <algorithm>
#include <utility>

#include "virtio_user/vhost_user/vhost_user_backend.h"

namespace virtio_user {

Result<void> VhostUserBackend::CheckConfigRange(uint32_t offset,
                                                size_t bytes) const {
  if (!caps_.config) {
    return Fail(ErrorCode::kUnsupported,
                "configuration space: the back-end has no "
                "VHOST_USER_PROTOCOL_F_CONFIG");
  }
  if (bytes == 0 || bytes > kVhostUserMaxConfigBytes) {
    return Fail(ErrorCode::kInvalidArgument,
                "configuration space: %zu bytes at %u; one message carries 1 "
                "to %zu",
                bytes, offset, kVhostUserMaxConfigBytes);
  }
  return {};
}

Result<void> VhostUserBackend::GetConfig(uint32_t offset,
                                         std::span<std::byte> bytes) {
  if (auto free = CheckNoBatch(BackendOperation::kGetConfig); !free) {
    return free;
  }
  if (auto valid = CheckConfigRange(offset, bytes.size()); !valid) return valid;
  auto ahead = std::exchange(read_ahead_, std::nullopt);
  if (ahead && offset == 0 && bytes.size() == read_ahead_bytes_) {
    if (!*ahead) return Fail(*ahead);
    std::ranges::copy((**ahead).used(), bytes.begin());
    return {};
  }
  EnqueueGetConfig(offset, bytes);
  return AsResult(
      Run([&](size_t, std::span<const std::byte> payload) -> Result<void> {
        return TakeConfig(payload, offset, bytes);
      }));
}

void VhostUserBackend::EnqueueGetConfig(uint32_t offset,
                                        std::span<std::byte> bytes) {
  std::ranges::fill(bytes, std::byte{0});
  const size_t begin = window_.bytes().size();
  MessageWriter(window_.bytes())
      .Config(VhostUserRequest::kGetConfig, offset, bytes);
  Enqueue({.begin = begin,
           .request = VhostUserRequest::kGetConfig,
           .operation = BackendOperation::kGetConfig,
           .reply_bytes = sizeof(VhostUserConfigHeader) + bytes.size(),
           .reply_may_be_shorter = true});
}

Result<void> VhostUserBackend::TakeConfig(std::span<const std::byte> payload,
                                          uint32_t offset,
                                          std::span<std::byte> bytes) {
  VhostUserConfigHeader head{};
  if (payload.size() >= sizeof(head)) {
    head = DecodePayload<VhostUserConfigHeader>(payload);
  }
  // "Back-end uses zero length of payload to indicate an error"; some send the
  // header all the same, with a size of 0.
  if (payload.empty() || (payload.size() == sizeof(head) && head.size == 0)) {
    return Fail(ErrorCode::kRefused,
                "the back-end refused GET_CONFIG of %zu bytes at %u",
                bytes.size(), offset);
  }
  if (head.offset != offset || head.size != bytes.size() ||
      payload.size() != sizeof(head) + bytes.size()) {
    return Fail(ErrorCode::kProtocol,
                "GET_CONFIG of %zu bytes at %u was answered with %u at %u, in "
                "a payload of %zu bytes",
                bytes.size(), offset, head.size, head.offset, payload.size());
  }
  std::ranges::copy(payload.subspan(sizeof(head)), bytes.begin());
  return {};
}

Result<void> VhostUserBackend::SetConfig(uint32_t offset,
                                         std::span<const std::byte> bytes) {
  if (auto valid = CheckConfigRange(offset, bytes.size()); !valid) return valid;
  const size_t begin = window_.bytes().size();
  MessageWriter(window_.bytes())
      .Config(VhostUserRequest::kSetConfig, offset, bytes);
  return Tell({.begin = begin,
               .request = VhostUserRequest::kSetConfig,
               .operation = BackendOperation::kSetConfig});
}

Result<void> VhostUserBackend::SetGuestOffloads(FeatureSet /*offloads*/) {
  return Fail(ErrorCode::kUnsupported,
              "GUEST_OFFLOADS_SET: vhost-user has no message that changes "
              "offloads after SET_FEATURES");
}

Result<uint8_t> VhostUserBackend::SendControl(
    std::span<const std::byte> /*request*/, Duration /*budget*/) {
  return Fail(ErrorCode::kUnsupported,
              "CONTROL_COMMAND: a vhost-user back-end has no control queue");
}

}  // namespace virtio_user
