// SPDX-License-Identifier: BSD-3-Clause
//
// The device's own control virtqueue, which this back-end drives.

#include <algorithm>
#include <cinttypes>

#include "virtio_user/os/random_base.h"
#include "virtio_user/os/vhost_vdpa_backend.h"
#include "virtio_user/spec/net.h"

namespace virtio_user {
namespace {

// Above what processes have for virtual addresses, and below what IOMMUs that
// do not say otherwise can do.
constexpr uint64_t kHighestIova = (uint64_t{1} << 48) - 1;

}  // namespace

// virtio: "Virtqueues" of a network device.
uint16_t VhostVdpaBackend::ControlIndex() const {
  const bool many = features_.HasAny({Feature::kNetMq, Feature::kNetRss});
  return static_cast<uint16_t>(many ? 2 * caps_.max_queue_pairs : 2);
}

// Another address space, where the queue's group has one of its own: then
// nothing of the driver's memory is near.
Result<bool> VhostVdpaBackend::SeparateControl() {
  if (!Speaks(kBackendIotlbAsid)) return false;
  uint32_t spaces = 0;
  if (auto asked = node_.Ask(kVdpaGetAsNum, &spaces); !asked) {
    return Fail(asked);
  }
  if (spaces < 2) return false;
  VdpaVringState data = {.index = 0, .num = 0};
  VdpaVringState control = {.index = ControlIndex(), .num = 0};
  for (VdpaVringState* const state : {&data, &control}) {
    auto asked = node_.AskOfRing(kVdpaGetVringGroup, state->index, state);
    if (!asked) return Fail(asked);
  }
  if (data.num == control.num) return false;
  VdpaVringState group = {.index = control.num, .num = kControlAsid};
  auto told = node_.AskOfRing(kVdpaSetGroupAsid, control.index, &group);
  if (!told) return Fail(told);
  return true;
}

// The highest whole pages that nothing of `taken` lies in.
Result<uint64_t> VhostVdpaBackend::FindHole(
    std::span<const VdpaMapping> taken) const {
  const uint64_t last = std::min(iova_range_.last, kHighestIova);
  constexpr uint64_t kBytes = VdpaControlQueue::kBytes;
  uint64_t end = (last + 1) / kPageBytes * kPageBytes;
  // Each round that does not find a hole goes below one more mapping.
  for (size_t round = 0; round <= taken.size(); ++round) {
    if (end < kBytes || end - kBytes < iova_range_.first) break;
    const uint64_t begin = end - kBytes;
    const auto in_the_way =
        std::ranges::find_if(taken, [&](const VdpaMapping& mapping) {
          return mapping.iova < end &&
                 begin - std::min(begin, mapping.iova) < mapping.host.size();
        });
    if (in_the_way == taken.end()) return begin;
    end = in_the_way->iova / kPageBytes * kPageBytes;
  }
  return Fail(ErrorCode::kSystem,
              "%s: no %zu bytes are free in the device's IOVA range 0x%" PRIx64
              " to 0x%" PRIx64 " for its control queue",
              node_.path(), VdpaControlQueue::kBytes, iova_range_.first,
              iova_range_.last);
}

Result<void> VhostVdpaBackend::StartControl() {
  if (control_ == nullptr) {
    auto made = VdpaControlQueue::Create(calls_.fds());
    if (!made) return Fail(made);
    control_ = *std::move(made);
  }
  const Result<bool> separate = SeparateControl();
  if (!separate) return Fail(separate);
  control_iotlb_ = *separate ? &other_space_ : &same_space_;
  const auto iova =
      FindHole(*separate ? std::span<const VdpaMapping>() : iotlb_.mapped());
  if (!iova) return Fail(iova);
  control_->Restart({.features = features_, .iova = *iova});
  const VdpaMapping mapping = {.iova = *iova, .host = control_->memory()};
  if (auto mapped = control_iotlb_->Change({&mapping, 1}); !mapped) {
    return mapped;
  }
  return StartControlRing();
}

Result<void> VhostVdpaBackend::StartControlRing() {
  const uint16_t index = ControlIndex();
  auto told = TellState(kVhostSetVringNum, index, VdpaControlQueue::kNum);
  if (told) told = TellBase(index, VdpaControlQueue::base());
  if (told) told = TellAddr(index, control_->addresses());
  if (told) told = TellFd(kVhostSetVringKick, index, control_->kick_fd());
  if (told) told = TellState(kVdpaSetVringEnable, index, 1);
  return told;
}

Result<void> VhostVdpaBackend::StopControl() {
  if (control_iotlb_ == nullptr) return {};
  auto unmapped = control_iotlb_->Change({});
  if (unmapped) control_iotlb_ = nullptr;
  return unmapped;
}

Result<uint8_t> VhostVdpaBackend::SendControl(
    std::span<const std::byte> request, Duration budget) {
  auto free = CheckNoBatch(BackendOperation::kSendControl);
  if (!free) return Fail(free);
  if (control_iotlb_ == nullptr || (status_ & kStatusDriverOk) == 0) {
    return Fail(ErrorCode::kWrongState,
                "%s: the device's control queue does not run", node_.path());
  }
  const Result<uint8_t> ack = control_->Execute(
      request, calls_, std::min(deadline_, calls_.After(budget)));
  if (ack) return ack;
  if (auto lost = Settle(Fail(ack)); !lost) return Fail(lost);
  return ack;
}

}  // namespace virtio_user
