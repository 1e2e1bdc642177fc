// SPDX-License-Identifier: BSD-3-Clause
//
// The messages about one vring.

#include "virtio_user/vhost_user/vhost_user_backend.h"

namespace virtio_user {

Result<void> VhostUserBackend::CheckVring(uint16_t vring) const {
  if (vring < kVhostUserMaxVrings) return {};
  return Fail(ErrorCode::kInvalidArgument,
              "ring %u: vhost-user can name rings 0 to %u", vring,
              kVhostUserMaxVrings - 1);
}

Result<void> VhostUserBackend::SetVringNum(uint16_t vring, uint16_t num) {
  if (auto valid = CheckVring(vring); !valid) return valid;
  const size_t begin = window_.bytes().size();
  MessageWriter(window_.bytes())
      .State(VhostUserRequest::kSetVringNum, {.index = vring, .num = num});
  return Tell({.begin = begin,
               .request = VhostUserRequest::kSetVringNum,
               .operation = BackendOperation::kSetVringNum,
               .vring = vring});
}

Result<void> VhostUserBackend::SetVringBase(uint16_t vring, VringBase base) {
  if (auto valid = CheckVring(vring); !valid) return valid;
  const size_t begin = window_.bytes().size();
  MessageWriter(window_.bytes())
      .State(VhostUserRequest::kSetVringBase,
             {.index = vring, .num = EncodeVringBase(base, layout_)});
  return Tell({.begin = begin,
               .request = VhostUserRequest::kSetVringBase,
               .operation = BackendOperation::kSetVringBase,
               .vring = vring});
}

Result<void> VhostUserBackend::SetVringAddr(uint16_t vring,
                                            const VringAddresses& addresses) {
  if (auto valid = CheckVring(vring); !valid) return valid;
  const size_t begin = window_.bytes().size();
  MessageWriter(window_.bytes()).Addr(vring, addresses);
  return Tell({.begin = begin,
               .request = VhostUserRequest::kSetVringAddr,
               .operation = BackendOperation::kSetVringAddr,
               .vring = vring});
}

Result<void> VhostUserBackend::TellVringFd(VhostUserRequest request,
                                           BackendOperation operation,
                                           uint16_t vring, int fd) {
  if (auto valid = CheckVring(vring); !valid) return valid;
  // 0 is a descriptor like any other; a negative number is none.
  const bool has_fd = fd >= 0;
  QueuedMessage message = {.begin = window_.bytes().size(),
                           .request = request,
                           .operation = operation,
                           .vring = vring,
                           .fd_count = has_fd ? size_t{1} : size_t{0}};
  message.fds[0] = fd;
  MessageWriter(window_.bytes())
      .U64(request, vring | (has_fd ? 0 : kVringFdNone));
  return Tell(message);
}

Result<void> VhostUserBackend::SetVringCall(uint16_t vring, int fd) {
  return TellVringFd(VhostUserRequest::kSetVringCall,
                     BackendOperation::kSetVringCall, vring, fd);
}

Result<void> VhostUserBackend::SetVringKick(uint16_t vring, int fd) {
  if (auto valid = CheckVring(vring); !valid) return valid;
  rings_started_ = true;
  return TellVringFd(VhostUserRequest::kSetVringKick,
                     BackendOperation::kSetVringKick, vring, fd);
}

Result<void> VhostUserBackend::SetVringEnable(uint16_t vring,
                                              VringEnable enable) {
  if (auto valid = CheckVring(vring); !valid) return valid;
  if (!caps_.ring_enable) {
    return Fail(ErrorCode::kUnsupported,
                "SET_VRING_ENABLE of ring %u: the back-end did not offer "
                "VHOST_USER_F_PROTOCOL_FEATURES, its rings run from the kick",
                vring);
  }
  const size_t begin = window_.bytes().size();
  MessageWriter(window_.bytes())
      .State(VhostUserRequest::kSetVringEnable,
             {.index = vring, .num = enable == VringEnable::kEnabled});
  return Tell({.begin = begin,
               .request = VhostUserRequest::kSetVringEnable,
               .operation = BackendOperation::kSetVringEnable,
               .vring = vring});
}

Result<void> VhostUserBackend::GetVringBases(
    std::span<VringBaseQuery> queries) {
  for (VringBaseQuery& query : queries) query.answered = false;
  if (auto free = CheckNoBatch(BackendOperation::kGetVringBase); !free) {
    return free;
  }
  for (const VringBaseQuery& query : queries) {
    if (auto valid = CheckVring(query.vring); !valid) {
      window_.Clear();
      return valid;
    }
    const size_t begin = window_.bytes().size();
    MessageWriter(window_.bytes())
        .State(VhostUserRequest::kGetVringBase,
               {.index = query.vring, .num = 0});
    Enqueue({.begin = begin,
             .request = VhostUserRequest::kGetVringBase,
             .operation = BackendOperation::kGetVringBase,
             .vring = query.vring,
             .reply_bytes = sizeof(VhostUserVringState)});
  }
  if (queries.empty()) return {};
  const auto done = AsResult(Run(
      [&](size_t index, std::span<const std::byte> payload) -> Result<void> {
        return TakeVringBase(DecodePayload<VhostUserVringState>(payload),
                             queries[index]);
      }));
  if (done) rings_started_ = false;
  return done;
}

Result<void> VhostUserBackend::TakeVringBase(VhostUserVringState state,
                                             VringBaseQuery& query) const {
  if (state.index != query.vring) {
    return Fail(ErrorCode::kProtocol,
                "GET_VRING_BASE of ring %u was answered for ring %u",
                query.vring, state.index);
  }
  if (layout_ == RingFormat::kSplit && state.num > UINT16_MAX) {
    return Fail(ErrorCode::kProtocol,
                "GET_VRING_BASE of ring %u answered 0x%x: an index of a split "
                "ring has 16 bits",
                query.vring, state.num);
  }
  query.base = DecodeVringBase(state.num, layout_);
  query.answered = true;
  return {};
}

}  // namespace virtio_user
