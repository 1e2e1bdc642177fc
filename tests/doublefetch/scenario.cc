// SPDX-License-Identifier: BSD-3-Clause

#include "tests/doublefetch/scenario.h"

#include <cstddef>

#include "virtio_user/spec/ring.h"

namespace virtio_user {
namespace {

// The offset in an area of `bytes` at `begin`; not less than `bytes`: outside.
size_t OffsetIn(const std::byte* begin, const std::byte* at) {
  return static_cast<size_t>(reinterpret_cast<uintptr_t>(at) -
                             reinterpret_cast<uintptr_t>(begin));
}

std::string DescField(const RingLayout& layout, size_t offset) {
  const size_t field = offset % sizeof(VirtqDesc);
  if (field < offsetof(VirtqDesc, len)) return "desc[].addr";
  return layout.format == RingFormat::kPacked ? "desc[].tail" : "desc[].rest";
}

std::string DriverField(const RingLayout& layout, size_t offset) {
  if (layout.format == RingFormat::kPacked) return "driver event";
  if (offset < kAvailIdxOffset) return "avail.flags";
  if (offset < kAvailRingOffset) return "avail.idx";
  const bool entry = offset < kAvailRingOffset + 2 * size_t{layout.num};
  return entry ? "avail.ring[]" : "avail.used_event";
}

std::string DeviceField(const RingLayout& layout, size_t offset) {
  if (layout.format == RingFormat::kPacked) return "device event";
  if (offset < kUsedIdxOffset) return "used.flags";
  if (offset < kUsedRingOffset) return "used.idx";
  const size_t place = offset - kUsedRingOffset;
  if (place >= sizeof(VirtqUsedElem) * layout.num) return "used.avail_event";
  return place % sizeof(VirtqUsedElem) < offsetof(VirtqUsedElem, len)
             ? "used.ring[].id"
             : "used.ring[].len";
}

}  // namespace

std::string FieldAt(const RingLayout& layout, const std::byte* at) {
  const size_t desc = OffsetIn(layout.desc, at);
  if (desc < layout.DescBytes()) return DescField(layout, desc);
  const size_t driver = OffsetIn(layout.driver, at);
  if (driver < layout.DriverBytes()) return DriverField(layout, driver);
  const size_t device = OffsetIn(layout.device, at);
  if (device < layout.DeviceBytes()) return DeviceField(layout, device);
  return "buffer";
}

std::vector<NamedScenario> AllScenarios() {
  std::vector<NamedScenario> all;
  for (auto* const some : {RxScenarios, TxScenarios, DriverQueueScenarios,
                           ControlScenarios, DeviceQueueScenarios}) {
    for (NamedScenario& scenario : some()) all.push_back(std::move(scenario));
  }
  return all;
}

}  // namespace virtio_user
