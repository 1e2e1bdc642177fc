// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/ring/ring_layout.h"

#include <bit>
#include <cstring>

#include "virtio_user/base/check.h"

namespace virtio_user {
namespace {

constexpr size_t AlignUp(size_t bytes) {
  return (bytes + RingLayout::kAlign - 1) & ~(RingLayout::kAlign - 1);
}

// What an area is called, how long it is and how it must be aligned.
struct AreaRule {
  const char* name;
  size_t bytes;
  size_t align;
};

struct FormatRule {
  AreaRule desc;
  AreaRule driver;
  AreaRule device;
};

FormatRule RuleOf(RingFormat format, uint32_t num) {
  if (format == RingFormat::kPacked) {
    return {
        {"descriptor ring", PackedRingBytes(num), kPackedRingAlign},
        {"driver event suppression area", kPackedEventBytes, kPackedEventAlign},
        {"device event suppression area", kPackedEventBytes,
         kPackedEventAlign}};
  }
  return {{"descriptor table", DescTableBytes(num), kDescTableAlign},
          {"available ring", AvailRingBytes(num), kAvailRingAlign},
          {"used ring", UsedRingBytes(num), kUsedRingAlign}};
}

// Offsets of the areas in one stretch. The driver's area of a split ring
// follows the table directly, as 16 * num is aligned enough; the two event
// areas of a packed ring have a line each.
struct Placement {
  size_t driver;
  size_t device;
  size_t end;
};

Placement PlacementOf(RingFormat format, uint32_t num) {
  const FormatRule rule = RuleOf(format, num);
  const size_t driver = format == RingFormat::kPacked ? AlignUp(rule.desc.bytes)
                                                      : rule.desc.bytes;
  const size_t device = AlignUp(driver + rule.driver.bytes);
  return {driver, device, AlignUp(device + rule.device.bytes)};
}

bool IsAligned(const std::byte* at, size_t align) {
  return reinterpret_cast<uintptr_t>(at) % align == 0;
}

Result<void> CheckArea(const AreaRule& rule, const std::byte* at) {
  if (at == nullptr) {
    return Fail(ErrorCode::kInvalidArgument, "the %s has no memory", rule.name);
  }
  if (!IsAligned(at, rule.align)) {
    return Fail(ErrorCode::kInvalidArgument,
                "the %s is not aligned to %zu bytes", rule.name, rule.align);
  }
  return {};
}

}  // namespace

size_t RingLayout::BytesFor(RingFormat format, uint16_t num) {
  return PlacementOf(format, num).end;
}

Result<void> RingLayout::CheckSize(RingFormat format, uint32_t num) {
  const bool in_range = num != 0 && num <= kMaxRingSize;
  if (format == RingFormat::kPacked) {
    if (in_range) return {};
    return Fail(ErrorCode::kInvalidArgument,
                "a packed ring of %u descriptors: the size must be 1 to %u",
                num, kMaxRingSize);
  }
  if (in_range && std::has_single_bit(num)) return {};
  return Fail(ErrorCode::kInvalidArgument,
              "a split ring of %u descriptors: the size must be a power of "
              "two from 1 to %u",
              num, kMaxRingSize);
}

Result<RingLayout> RingLayout::PlaceIn(std::span<std::byte> memory,
                                       RingFormat format, uint32_t num) {
  if (const auto size = CheckSize(format, num); !size) return Fail(size);
  const Placement place = PlacementOf(format, num);
  if (memory.size() < place.end) {
    return Fail(ErrorCode::kInvalidArgument,
                "a %s ring of %u descriptors needs %zu bytes, not %zu",
                format == RingFormat::kPacked ? "packed" : "split", num,
                place.end, memory.size());
  }
  if (!IsAligned(memory.data(), kAlign)) {
    return Fail(ErrorCode::kInvalidArgument,
                "ring memory is not aligned to %zu bytes", kAlign);
  }
  return RingLayout{.format = format,
                    .num = static_cast<uint16_t>(num),
                    .desc = memory.data(),
                    .driver = memory.data() + place.driver,
                    .device = memory.data() + place.device};
}

size_t RingLayout::DescBytes() const { return RuleOf(format, num).desc.bytes; }
size_t RingLayout::DriverBytes() const {
  return RuleOf(format, num).driver.bytes;
}
size_t RingLayout::DeviceBytes() const {
  return RuleOf(format, num).device.bytes;
}

Result<void> RingLayout::Check() const {
  if (const auto size = CheckSize(format, num); !size) return size;
  const FormatRule rule = RuleOf(format, num);
  if (const auto area = CheckArea(rule.desc, desc); !area) return area;
  if (const auto area = CheckArea(rule.driver, driver); !area) return area;
  return CheckArea(rule.device, device);
}

bool RingLayout::Touches(std::span<const std::byte> range) const {
  if (num == 0 || range.empty()) return false;
  const auto overlaps = [&](const std::byte* part, size_t bytes) {
    // As numbers: the areas and the range need not be of one object.
    const auto begin = reinterpret_cast<uintptr_t>(part);
    const auto other = reinterpret_cast<uintptr_t>(range.data());
    return begin < other + range.size() && other < begin + bytes;
  };
  return overlaps(desc, DescBytes()) || overlaps(driver, DriverBytes()) ||
         overlaps(device, DeviceBytes());
}

void RingLayout::Zero() const {
  VU_CHECK(num != 0);
  std::memset(desc, 0, DescBytes());
  std::memset(driver, 0, DriverBytes());
  std::memset(device, 0, DeviceBytes());
}

uint32_t RingDistance(const RingLayout& layout, RingPosition from,
                      RingPosition to) {
  if (layout.format == RingFormat::kSplit) {
    return static_cast<uint16_t>(to.index - from.index);
  }
  const auto place = [&](RingPosition position) {
    return position.index + (position.wrap ? 0u : uint32_t{layout.num});
  };
  const uint32_t round = 2 * uint32_t{layout.num};
  return (place(to) + round - place(from)) % round;
}

}  // namespace virtio_user
