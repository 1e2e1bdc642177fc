// SPDX-License-Identifier: BSD-3-Clause
//
// The simulated device's IOMMU, as vhost_vdpa_process_iotlb_msg keeps it.

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <string>

#include "backend_sim/vdpa_device.h"
#include "virtio_user/os/vdpa_requests.h"

namespace backend_sim {
namespace {

using virtio_user::VdpaIotlbMessage;

inline constexpr uint64_t kPage = 4096;
inline constexpr unsigned kBitBackendAsid = 3;

bool Meets(const VdpaMap& a, const VdpaMap& b) {
  return a.asid == b.asid && a.iova <= b.iova + (b.size - 1) &&
         b.iova <= a.iova + (a.size - 1);
}

}  // namespace

int VdpaDevice::Message(std::span<const std::byte> bytes) {
  VdpaIotlbMessage message;
  if (bytes.size() < sizeof(message)) return -EINVAL;
  std::memcpy(&message, bytes.data(), sizeof(message));
  if (message.type != virtio_user::kIotlbMessage1 &&
      message.type != virtio_user::kIotlbMessage2) {
    return -EINVAL;
  }
  VdpaMap map = {.asid = 0,
                 .iova = message.iova,
                 .size = message.size,
                 .uaddr = message.uaddr};
  if (message.type == virtio_user::kIotlbMessage2 &&
      SpeaksBackend(kBitBackendAsid)) {
    map.asid = message.asid;
  }
  const bool updates = message.kind == virtio_user::kIotlbUpdate;
  if (updates && message.size == 0) return -EINVAL;
  iotlb_error_ = 0;
  const auto knows = [&] {
    return std::ranges::find(known_spaces_, map.asid) != known_spaces_.end();
  };
  if (!has_owner_) {
    iotlb_error_ = EPERM;
  } else if (updates || message.kind == virtio_user::kIotlbBatchBegin) {
    if (map.asid >= personality_.address_spaces) iotlb_error_ = EINVAL;
    if (iotlb_error_ == 0 && !knows()) known_spaces_.push_back(map.asid);
  } else if (!knows()) {
    iotlb_error_ = EINVAL;
  }
  if (batch_ && *batch_ != map.asid) iotlb_error_ = EINVAL;
  if (iotlb_error_ != 0) return -EFAULT;
  switch (message.kind) {
    case virtio_user::kIotlbUpdate:
      iotlb_error_ = Update(map);
      break;
    case virtio_user::kIotlbInvalidate:
      Invalidate(map);
      break;
    case virtio_user::kIotlbBatchBegin:
      batch_ = map.asid;
      break;
    case virtio_user::kIotlbBatchEnd:
      batch_.reset();
      break;
    default:
      iotlb_error_ = EINVAL;
  }
  if (!batch_ || personality_.platform_iommu) RebuildMemory();
  // Whatever the reason is.
  return iotlb_error_ == 0 ? static_cast<int>(sizeof(message)) : -EFAULT;
}

int VdpaDevice::Update(const VdpaMap& map) {
  const uint64_t last = map.iova + (map.size - 1);
  if (map.iova < personality_.first_iova || last < map.iova ||
      last > personality_.last_iova) {
    return EINVAL;
  }
  if (std::ranges::any_of(
          maps_, [&](const VdpaMap& other) { return Meets(map, other); })) {
    return EEXIST;
  }
  if (((map.iova | map.size | map.uaddr) % kPage) != 0) return EINVAL;
  uint64_t pinned = map.size;
  for (const VdpaMap& other : maps_) pinned += other.size;
  if (pinned > personality_.memlock_bytes) return ENOMEM;
  maps_.push_back(map);
  return 0;
}

void VdpaDevice::Invalidate(const VdpaMap& range) {
  if (range.size == 0) return;
  std::erase_if(maps_, [&](const VdpaMap& map) { return Meets(map, range); });
}

// What runs goes on in the same places, or it is at fault.
void VdpaDevice::RebuildMemory() {
  BackendMemory& data = model_.mutable_memory();
  data.Clear();
  control_memory_.Clear();
  for (const VdpaMap& map : maps_) {
    const std::span<std::byte> host(std::bit_cast<std::byte*>(map.uaddr),
                                    map.size);
    const RegionDescription region = {
        .guest = map.iova, .size = map.size, .user = map.iova};
    if (map.asid == 0) data.AddHost(region, host);
    if (map.asid == control_asid_) control_memory_.AddHost(region, host);
  }
  const auto rebind = [&](RingModel& ring, const BackendMemory& memory) {
    if (ring.Rebind(memory)) return;
    ring.Stop(trace_);
    model_.Report({Rule::kAddrOutside, "ring " + std::to_string(ring.index()) +
                                           " was unmapped while it ran"});
  };
  for (RingModel& ring : model_.rings()) rebind(ring, data);
  rebind(control_ring_, control_memory_);
}

}  // namespace backend_sim
