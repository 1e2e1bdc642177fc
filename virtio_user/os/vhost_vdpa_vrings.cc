// SPDX-License-Identifier: BSD-3-Clause
//
// The requests about one vring, and how the device is stopped.

#include "virtio_user/os/vhost_vdpa_backend.h"
#include "virtio_user/ring/shared_memory.h"
#include "virtio_user/spec/net.h"
#include "virtio_user/spec/ring.h"
#include "virtio_user/vhost_user/message.h"

namespace virtio_user {

VhostVdpaBackend::RingNote& VhostVdpaBackend::NoteOf(uint16_t vring) {
  if (vring >= notes_.size()) notes_.resize(size_t{vring} + 1);
  return notes_[vring];
}

Result<void> VhostVdpaBackend::TellState(const VdpaRequest& request,
                                         uint16_t vring, uint32_t num) const {
  VdpaVringState state = {.index = vring, .num = num};
  return node_.AskOfRing(request, vring, &state);
}

Result<void> VhostVdpaBackend::TellFd(const VdpaRequest& request,
                                      uint16_t vring, int fd) const {
  VdpaVringFile file = {.index = vring, .fd = fd < 0 ? -1 : fd};
  return node_.AskOfRing(request, vring, &file);
}

Result<void> VhostVdpaBackend::TellBase(uint16_t vring, VringBase base) const {
  return TellState(kVhostSetVringBase, vring, EncodeVringBase(base, layout_));
}

Result<void> VhostVdpaBackend::TellAddr(uint16_t vring,
                                        const VringAddresses& addresses) const {
  VdpaVringAddr addr = {.index = vring,
                        .flags = 0,
                        .desc = addresses.desc.value,
                        .used = addresses.used.value,
                        .avail = addresses.avail.value,
                        .log = 0};
  return node_.AskOfRing(kVhostSetVringAddr, vring, &addr);
}

Result<void> VhostVdpaBackend::SetVringNum(uint16_t vring, uint16_t num) {
  auto attached = CheckAttached(BackendOperation::kSetVringNum);
  if (!attached) return attached;
  if (num > max_num_) {
    return Fail(ErrorCode::kInvalidArgument,
                "ring %u of %u descriptors: %s takes at most %u; lower "
                "queue_size",
                vring, num, node_.path(), max_num_);
  }
  if (!RingLayout::CheckSize(RingFormat::kSplit, num)) {
    return Fail(ErrorCode::kInvalidArgument,
                "ring %u of %u descriptors: vhost takes powers of two alone, "
                "also where rings are packed",
                vring, num);
  }
  return Do(BackendOperation::kSetVringNum, vring, [this, vring, num] {
    return TellState(kVhostSetVringNum, vring, num);
  });
}

Result<void> VhostVdpaBackend::SetVringBase(uint16_t vring, VringBase base) {
  // Noted at once: where the batch ends before it, the ring stands there.
  NoteOf(vring).base = base;
  return Do(BackendOperation::kSetVringBase, vring,
            [this, vring, base] { return TellBase(vring, base); });
}

Result<void> VhostVdpaBackend::SetVringAddr(uint16_t vring,
                                            const VringAddresses& addresses) {
  return Do(BackendOperation::kSetVringAddr, vring, [this, vring, addresses] {
    NoteOf(vring).used = addresses.used.value;
    return TellAddr(vring, addresses);
  });
}

Result<void> VhostVdpaBackend::SetVringCall(uint16_t vring, int fd) {
  return Do(BackendOperation::kSetVringCall, vring, [this, vring, fd] {
    return TellFd(kVhostSetVringCall, vring, fd);
  });
}

// A ring with its kick is complete. It is enabled now, since a device may take
// nobody's word for that after DRIVER_OK.
Result<void> VhostVdpaBackend::SetVringKick(uint16_t vring, int fd) {
  return Do(BackendOperation::kSetVringKick, vring, [this, vring, fd] {
    auto told = TellFd(kVhostSetVringKick, vring, fd);
    if (told) told = TellState(kVdpaSetVringEnable, vring, 1);
    return told;
  });
}

Result<void> VhostVdpaBackend::SetVringEnable(uint16_t vring,
                                              VringEnable enable) {
  return Do(BackendOperation::kSetVringEnable, vring, [this, vring, enable] {
    return TellState(kVdpaSetVringEnable, vring,
                     enable == VringEnable::kEnabled);
  });
}

// The kick's descriptor goes on to work beside it.
Result<Doorbell> VhostVdpaBackend::MapDoorbell(uint16_t vring) {
  if (!node_.is_open()) {
    return Fail(ErrorCode::kDisconnected,
                "MapDoorbell: %s is not open; reattach", node_.path());
  }
  const auto page = node_.MapDoorbell(vring);
  if (!page) return Fail(page);
  return Doorbell(calls_.fds(), *page, vring);
}

Result<void> VhostVdpaBackend::GetVringBases(
    std::span<VringBaseQuery> queries) {
  for (VringBaseQuery& query : queries) query.answered = false;
  auto free = CheckNoBatch(BackendOperation::kGetVringBase);
  if (!free) return free;
  if ((status_ & kStatusDriverOk) == 0) {
    // No ring ever ran: each stands where it was told to.
    for (VringBaseQuery& query : queries) {
      query.base = NoteOf(query.vring).base;
      query.answered = true;
    }
    return {};
  }
  // Without SUSPEND, GET_VRING_BASE is the answer of a device that goes on.
  // Where the used index says the same, that is read after a reset.
  if (Speaks(kBackendSuspend)) return Settle(SuspendAndAsk(queries));
  if (layout_ == RingFormat::kPacked) return Settle(AskBases(queries));
  return Settle(ResetAndRead(queries));
}

Result<void> VhostVdpaBackend::SuspendAndAsk(
    std::span<VringBaseQuery> queries) {
  // A device that goes on says where it is, and will not be there any more.
  auto suspended = node_.Ask(kVdpaSuspend, nullptr);
  return suspended ? AskBases(queries) : suspended;
}

Result<void> VhostVdpaBackend::AskBases(std::span<VringBaseQuery> queries) {
  Result<void> first;
  for (VringBaseQuery& query : queries) {
    const auto asked = AskBase(query);
    if (!asked && first) first = asked;
  }
  return first;
}

Result<void> VhostVdpaBackend::AskBase(VringBaseQuery& query) const {
  VdpaVringState state = {.index = query.vring, .num = 0};
  auto asked = node_.AskOfRing(kVhostGetVringBase, query.vring, &state);
  if (!asked) return asked;
  if (layout_ == RingFormat::kSplit && state.num > UINT16_MAX) {
    return Fail(ErrorCode::kProtocol,
                "%s: VHOST_GET_VRING_BASE of ring %u answered 0x%x: an index "
                "of a split ring has 16 bits",
                node_.path(), query.vring, state.num);
  }
  query.base = DecodeVringBase(state.num, layout_);
  query.answered = true;
  return {};
}

Result<void> VhostVdpaBackend::ResetAndRead(std::span<VringBaseQuery> queries) {
  // The reset unmaps what the used rings are found by.
  std::vector<std::byte*> used_rings;
  for (const VringBaseQuery& query : queries) {
    const auto ring = iotlb_.ToHost(NoteOf(query.vring).used, kUsedRingOffset);
    used_rings.push_back(ring ? ring->data() : nullptr);
  }
  if (auto reset = Reset(); !reset) return reset;
  for (size_t i = 0; i < queries.size(); ++i) {
    if (used_rings[i] == nullptr) {
      return Fail(ErrorCode::kWrongState,
                  "ring %u: its used ring is not mapped, so that nobody knows "
                  "where it stands; reattach",
                  queries[i].vring);
    }
    queries[i].base = {
        .avail = LoadRelaxed<uint16_t>(used_rings[i] + kUsedIdxOffset)};
    queries[i].answered = true;
  }
  return {};
}

}  // namespace virtio_user
