// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/ring/split_layout.h"

#include <bit>
#include <cstring>

#include "virtio_user/base/check.h"

namespace virtio_user {
namespace {

constexpr size_t AlignUp(size_t bytes) {
  return (bytes + SplitLayout::kAlign - 1) & ~(SplitLayout::kAlign - 1);
}

// The available ring follows the table directly: 16 * num is aligned enough.
constexpr size_t UsedRingStart(uint32_t num) {
  return AlignUp(DescTableBytes(num) + AvailRingBytes(num));
}

bool IsAligned(const std::byte* at, size_t align) {
  return reinterpret_cast<uintptr_t>(at) % align == 0;
}

Result<void> CheckPart(const char* name, const std::byte* at, size_t align) {
  if (at == nullptr) {
    return Fail(ErrorCode::kInvalidArgument, "the %s has no memory", name);
  }
  if (!IsAligned(at, align)) {
    return Fail(ErrorCode::kInvalidArgument,
                "the %s is not aligned to %zu bytes", name, align);
  }
  return {};
}

}  // namespace

size_t SplitLayout::BytesFor(uint16_t num) {
  return AlignUp(UsedRingStart(num) + UsedRingBytes(num));
}

Result<void> SplitLayout::CheckSize(uint32_t num) {
  if (num == 0 || num > kMaxSplitRingSize || !std::has_single_bit(num)) {
    return Fail(ErrorCode::kInvalidArgument,
                "a split ring of %u descriptors: the size must be a power of "
                "two from 1 to %u",
                num, kMaxSplitRingSize);
  }
  return {};
}

Result<SplitLayout> SplitLayout::PlaceIn(std::span<std::byte> memory,
                                         uint32_t num) {
  if (const Result<void> size = CheckSize(num); !size) return Fail(size);
  const size_t bytes = BytesFor(static_cast<uint16_t>(num));
  if (memory.size() < bytes) {
    return Fail(ErrorCode::kInvalidArgument,
                "a split ring of %u descriptors needs %zu bytes, not %zu", num,
                bytes, memory.size());
  }
  if (!IsAligned(memory.data(), kAlign)) {
    return Fail(ErrorCode::kInvalidArgument,
                "ring memory is not aligned to %zu bytes", kAlign);
  }
  return SplitLayout{.num = static_cast<uint16_t>(num),
                     .desc = memory.data(),
                     .avail = memory.data() + DescTableBytes(num),
                     .used = memory.data() + UsedRingStart(num)};
}

Result<void> SplitLayout::Check() const {
  if (const auto size = CheckSize(num); !size) return size;
  if (const auto part = CheckPart("descriptor table", desc, kDescTableAlign);
      !part) {
    return part;
  }
  if (const auto part = CheckPart("available ring", avail, kAvailRingAlign);
      !part) {
    return part;
  }
  return CheckPart("used ring", used, kUsedRingAlign);
}

bool SplitLayout::Touches(std::span<const std::byte> range) const {
  if (num == 0 || range.empty()) return false;
  const auto overlaps = [&](const std::byte* part, size_t bytes) {
    // As numbers: the parts and the range need not be of one object.
    const auto begin = reinterpret_cast<uintptr_t>(part);
    const auto other = reinterpret_cast<uintptr_t>(range.data());
    return begin < other + range.size() && other < begin + bytes;
  };
  return overlaps(desc, DescTableBytes(num)) ||
         overlaps(avail, AvailRingBytes(num)) ||
         overlaps(used, UsedRingBytes(num));
}

void SplitLayout::Zero() const {
  VU_CHECK(num != 0);
  std::memset(desc, 0, DescTableBytes(num));
  std::memset(avail, 0, AvailRingBytes(num));
  std::memset(used, 0, UsedRingBytes(num));
}

}  // namespace virtio_user
