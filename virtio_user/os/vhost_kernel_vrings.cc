// SPDX-License-Identifier: BSD-3-Clause
//
// VhostKernelBackend: the ioctls about one vring.

#include <cerrno>
#include <cinttypes>
#include <utility>

#include "virtio_user/os/linux_vhost.h"
#include "virtio_user/os/vhost_kernel_backend.h"
#include "virtio_user/vhost_user/message.h"

namespace virtio_user {
namespace {

const char* VringRemedy(int answer) {
  switch (-answer) {
    case EBUSY:
      return "; the ring runs, stop it first";
    case EFAULT:
      return "; the ring's memory is not there";
    case ENOTSOCK:
      return "; its backend is no tap";
    default:
      return "";
  }
}

}  // namespace

Result<void> VhostKernelBackend::CheckVring(uint16_t vring) const {
  if (vring < 2 * options_.queue_pairs) return {};
  return Fail(ErrorCode::kInvalidArgument,
              "ring %u: vhost-net was opened for %u queue pairs", vring,
              options_.queue_pairs);
}

Result<void> VhostKernelBackend::VringIoctl(uint16_t vring,
                                            const Request& request,
                                            int64_t value, void* argument) {
  const int answer =
      calls_->Ioctl(vhost_[vring / 2].get(), request.number, argument);
  if (answer >= 0) return {};
  return std::unexpected(Error::System(
      ErrorCode::kSystem, -answer, "%s of ring %u, value %" PRId64 "%s",
      request.name, vring, value, VringRemedy(answer)));
}

Result<void> VhostKernelBackend::TellVringState(uint16_t vring,
                                                const Request& request,
                                                uint32_t num) {
  if (auto valid = CheckVring(vring); !valid) return valid;
  return Tell({request.operation, vring, [this, vring, request, num] {
                 vhost_vring_state state = {.index = vring % 2u, .num = num};
                 return VringIoctl(vring, request, num, &state);
               }});
}

Result<void> VhostKernelBackend::SetVringNum(uint16_t vring, uint16_t num) {
  return TellVringState(vring,
                        {VHOST_SET_VRING_NUM, "VHOST_SET_VRING_NUM",
                         BackendOperation::kSetVringNum},
                        num);
}

Result<void> VhostKernelBackend::SetVringBase(uint16_t vring, VringBase base) {
  return TellVringState(vring,
                        {VHOST_SET_VRING_BASE, "VHOST_SET_VRING_BASE",
                         BackendOperation::kSetVringBase},
                        EncodeVringBase(base, layout_));
}

Result<void> VhostKernelBackend::SetVringAddr(uint16_t vring,
                                              const VringAddresses& addresses) {
  if (auto valid = CheckVring(vring); !valid) return valid;
  return Tell(
      {BackendOperation::kSetVringAddr, vring,
       [this, vring, addresses] { return PutAddresses(vring, addresses); }});
}

// The kernel reads rings through this process's own mapping.
Result<void> VhostKernelBackend::PutAddresses(uint16_t vring,
                                              const VringAddresses& addresses) {
  constexpr Request kRequest = {VHOST_SET_VRING_ADDR, "VHOST_SET_VRING_ADDR",
                                BackendOperation::kSetVringAddr};
  vhost_vring_addr request{};
  request.index = vring % 2u;
  for (const auto& [addr, user] :
       {std::pair(addresses.desc, &request.desc_user_addr),
        std::pair(addresses.avail, &request.avail_user_addr),
        std::pair(addresses.used, &request.used_user_addr)}) {
    const auto host = table_.ToHost(addr, 1);
    if (!host) {
      return Fail(ErrorCode::kInvalidArgument,
                  "SET_VRING_ADDR of ring %u: 0x%" PRIx64
                  " is not in the memory that vhost-net was given",
                  vring, addr.value);
    }
    *user = reinterpret_cast<uintptr_t>(host->data());
  }
  return VringIoctl(vring, kRequest, static_cast<int64_t>(addresses.desc.value),
                    &request);
}

Result<void> VhostKernelBackend::TellVringFd(uint16_t vring,
                                             const Request& request, int fd) {
  if (auto valid = CheckVring(vring); !valid) return valid;
  return Tell({request.operation, vring, [this, vring, request, fd] {
                 // Any negative number is none; to the kernel, -1 is.
                 vhost_vring_file file = {.index = vring % 2u,
                                          .fd = fd < 0 ? -1 : fd};
                 return VringIoctl(vring, request, file.fd, &file);
               }});
}

Result<void> VhostKernelBackend::SetVringCall(uint16_t vring, int fd) {
  return TellVringFd(vring,
                     {VHOST_SET_VRING_CALL, "VHOST_SET_VRING_CALL",
                      BackendOperation::kSetVringCall},
                     fd);
}

Result<void> VhostKernelBackend::SetVringKick(uint16_t vring, int fd) {
  return TellVringFd(vring,
                     {VHOST_SET_VRING_KICK, "VHOST_SET_VRING_KICK",
                      BackendOperation::kSetVringKick},
                     fd);
}

Result<void> VhostKernelBackend::SetVringEnable(uint16_t vring,
                                                VringEnable enable) {
  if (auto valid = CheckVring(vring); !valid) return valid;
  if (enable == VringEnable::kEnabled) {
    return Tell({BackendOperation::kSetVringEnable, vring,
                 [this, vring] { return Enable(vring); }});
  }
  return Tell({BackendOperation::kSetVringEnable, vring,
               [this, vring] { return Disable(vring); }, true});
}

// The queue first: vhost polls what it is given.
Result<void> VhostKernelBackend::Enable(uint16_t vring) {
  if (running_[vring]) return {};
  if (auto on = tap_->EnableQueue(vring / 2); !on) return on;
  if (auto set = SetRingBackend(vring, tap_->fd(vring / 2)); !set) return set;
  running_[vring] = true;
  return {};
}

// The tap stays open: its interface, with addresses and routes, is the user's.
Result<void> VhostKernelBackend::Disable(uint16_t vring) {
  if (running_[vring]) {
    if (auto set = SetRingBackend(vring, -1); !set) return set;
    running_[vring] = false;
  }
  return PairIdle(vring / 2) ? tap_->DisableQueue(vring / 2) : Result<void>();
}

Result<void> VhostKernelBackend::SetRingBackend(uint16_t vring, int fd) {
  constexpr Request kRequest = {VHOST_NET_SET_BACKEND, "VHOST_NET_SET_BACKEND",
                                BackendOperation::kSetVringEnable};
  vhost_vring_file file = {.index = vring % 2u, .fd = fd};
  auto set = VringIoctl(vring, kRequest, fd, &file);
  if (set || !tap_->IsGone()) return set;
  return std::unexpected(
      Error::System(ErrorCode::kDisconnected, set.error().sys_errno(),
                    "VHOST_NET_SET_BACKEND of ring %u: tap %s was removed; "
                    "reattach, which makes it anew",
                    vring, tap_->name().c_str()));
}

Result<void> VhostKernelBackend::GetVringBases(
    std::span<VringBaseQuery> queries) {
  for (VringBaseQuery& query : queries) query.answered = false;
  constexpr BackendOperation kOperation = BackendOperation::kGetVringBase;
  if (auto free = CheckNoBatch(kOperation); !free) return free;
  if (queries.empty()) return {};
  if (auto attached = CheckAttached(kOperation); !attached) return attached;
  Result<void> first;
  for (VringBaseQuery& query : queries) {
    auto asked = CheckVring(query.vring);
    if (asked) asked = AskVringBase(query);
    if (first && !asked) first = asked;
  }
  return first;
}

// A ring that runs has no base to tell.
Result<void> VhostKernelBackend::AskVringBase(VringBaseQuery& query) {
  constexpr Request kRequest = {VHOST_GET_VRING_BASE, "VHOST_GET_VRING_BASE",
                                BackendOperation::kGetVringBase};
  if (auto stopped = Disable(query.vring); !stopped) return stopped;
  vhost_vring_state state = {.index = query.vring % 2u, .num = 0};
  if (auto got = VringIoctl(query.vring, kRequest, 0, &state); !got) return got;
  if (layout_ == RingFormat::kSplit && state.num > UINT16_MAX) {
    return Fail(ErrorCode::kProtocol,
                "VHOST_GET_VRING_BASE of ring %u answered 0x%x: an index of a "
                "split ring has 16 bits",
                query.vring, state.num);
  }
  query.base = DecodeVringBase(state.num, layout_);
  query.answered = true;
  return {};
}

}  // namespace virtio_user
