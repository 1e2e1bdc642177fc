// SPDX-License-Identifier: BSD-3-Clause

#include "fuzz/ring_memory.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "fuzz/reader.h"
#include "virtio_user/base/check.h"

namespace fuzz {

using virtio_user::RingFormat;
using virtio_user::RingLayout;

namespace {

constexpr std::align_val_t kAlign{RingLayout::kAlign};
constexpr size_t kDescriptorBytes = 16;
// An address that is brought near is at most so far outside.
constexpr uint64_t kMargin = 16;

// The address of a descriptor.
void BringNear(std::byte* at, size_t buffer_bytes) {
  constexpr uint64_t kFirst = RingMemory::kBase - kMargin;
  const uint64_t range = buffer_bytes + 2 * kMargin;
  uint64_t address = 0;
  std::memcpy(&address, at, sizeof(address));
  if (address - kFirst < range) return;
  address = kFirst + address % range;
  std::memcpy(at, &address, sizeof(address));
}

}  // namespace

void RingMemory::Freed::operator()(std::byte* memory) const {
  ::operator delete(memory, kAlign);
}

RingMemory::Memory RingMemory::Allocate(size_t bytes) {
  return Memory(static_cast<std::byte*>(::operator new(bytes, kAlign)));
}

RingMemory::RingMemory(RingFormat format, uint16_t num, size_t buffer_bytes)
    : ring_memory_(Allocate(RingLayout::BytesFor(format, num))),
      buffer_memory_(Allocate(buffer_bytes)),
      ring_(ring_memory_.get(), RingLayout::BytesFor(format, num)),
      buffers_(buffer_memory_.get(), buffer_bytes) {
  const auto layout = RingLayout::PlaceIn(ring_, format, num);
  VU_CHECK(layout.has_value());
  layout_ = *layout;
  Wipe();
}

void RingMemory::Wipe() {
  std::ranges::fill(ring_, std::byte{0});
  std::ranges::fill(buffers_, std::byte{0});
}

void RingMemory::Write(size_t offset, std::span<const std::byte> bytes) {
  const size_t desc_end = layout_.num * kDescriptorBytes;
  const auto first = std::min(offset, desc_end) / kDescriptorBytes;
  const auto end =
      std::min(offset + bytes.size() + kDescriptorBytes - 1, desc_end) /
      kDescriptorBytes;
  WriteAcross({ring_, buffers_}, offset, bytes);
  for (size_t i = first; i < end; ++i) {
    BringNear(layout_.desc + i * kDescriptorBytes, buffers_.size());
  }
}

virtio_user::Result<std::span<std::byte>> RingMemory::Resolve(
    virtio_user::DeviceBuffer buffer) {
  const uint64_t offset = buffer.addr.value - kBase;
  if (buffer.addr.value < kBase || offset > buffers_.size() ||
      buffer.bytes > buffers_.size() - offset) {
    return virtio_user::Fail(virtio_user::ErrorCode::kInvalidArgument,
                             "a buffer of %u bytes outside of memory",
                             buffer.bytes);
  }
  return buffers_.subspan(offset, buffer.bytes);
}

RingMemory& WipedMemory(RingFormat format, uint8_t size_choice,
                        BufferSize buffers) {
  constexpr uint8_t kSplitSizes = 5;
  constexpr uint16_t kMost = RingMemory::kMostDescriptors;
  static std::array<std::unique_ptr<RingMemory>, 4 * kMost> memories;
  const bool packed = format == RingFormat::kPacked;
  const bool large = buffers == BufferSize::kLong;
  const auto num = static_cast<uint16_t>(
      packed ? 1 + size_choice % kMost : 1u << (size_choice % kSplitSizes));
  auto& memory =
      memories[num - 1 + (packed ? kMost : 0) + (large ? 2 * kMost : 0)];
  if (memory == nullptr) {
    memory = std::make_unique<RingMemory>(
        format, num,
        large ? RingMemory::kLongBufferBytes : RingMemory::kBufferBytes);
  }
  memory->Wipe();
  return *memory;
}

}  // namespace fuzz
