// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/vhost_user/message.h"

#include <cstring>

#include "virtio_user/base/check.h"

namespace virtio_user {
namespace {

constexpr uint32_t kPackedWrap = uint32_t{1} << 15;
constexpr uint32_t kPackedIndexMask = kPackedWrap - 1;
constexpr uint32_t kPackedUsedShift = 16;

// Descriptors and ring addresses use the same, published, address.
VhostUserMemoryRegion ToWire(const MemoryRegion& region) {
  return {.guest_address = region.published,
          .size = region.host.size(),
          .user_address = region.published,
          .mmap_offset = region.offset};
}

constexpr uint32_t kReplyFlags = kVhostUserVersion | kVhostUserReplyFlag;

}  // namespace

uint32_t EncodeVringBase(VringBase base, RingFormat layout) {
  if (layout == RingFormat::kSplit) return base.avail;
  const uint32_t avail =
      (base.avail & kPackedIndexMask) | (base.avail_wrap ? kPackedWrap : 0);
  const uint32_t used =
      (base.used & kPackedIndexMask) | (base.used_wrap ? kPackedWrap : 0);
  return avail | used << kPackedUsedShift;
}

VringBase DecodeVringBase(uint32_t num, RingFormat layout) {
  if (layout == RingFormat::kSplit) {
    return {.avail = static_cast<uint16_t>(num),
            .used = static_cast<uint16_t>(num)};
  }
  const uint32_t used = num >> kPackedUsedShift;
  return {.avail = static_cast<uint16_t>(num & kPackedIndexMask),
          .used = static_cast<uint16_t>(used & kPackedIndexMask),
          .avail_wrap = (num & kPackedWrap) != 0,
          .used_wrap = (used & kPackedWrap) != 0};
}

void MessageWriter::Empty(VhostUserRequest request) { Header(request, 0); }

void MessageWriter::U64(VhostUserRequest request, uint64_t value) {
  Header(request, sizeof(value));
  Append(&value, sizeof(value));
}

void MessageWriter::State(VhostUserRequest request, VhostUserVringState state) {
  Header(request, sizeof(state));
  Append(&state, sizeof(state));
}

void MessageWriter::Addr(uint32_t vring, const VringAddresses& addresses) {
  const VhostUserVringAddr addr = {.index = vring,
                                   .flags = 0,  // No dirty log.
                                   .descriptor = addresses.desc.value,
                                   .used = addresses.used.value,
                                   .available = addresses.avail.value,
                                   .log = 0};
  Header(VhostUserRequest::kSetVringAddr, sizeof(addr));
  Append(&addr, sizeof(addr));
}

void MessageWriter::MemTable(std::span<const MemoryRegion> regions) {
  VU_CHECK(regions.size() <= kVhostUserMaxRegions);
  const VhostUserMemoryTableHeader head = {
      .region_count = static_cast<uint32_t>(regions.size()), .padding = 0};
  Header(VhostUserRequest::kSetMemTable,
         sizeof(head) + regions.size() * sizeof(VhostUserMemoryRegion));
  Append(&head, sizeof(head));
  for (const MemoryRegion& region : regions) {
    const VhostUserMemoryRegion wire = ToWire(region);
    Append(&wire, sizeof(wire));
  }
}

void MessageWriter::MemRegion(VhostUserRequest request,
                              const MemoryRegion& region) {
  const VhostUserSingleRegion single = {.padding = 0, .region = ToWire(region)};
  Header(request, sizeof(single));
  Append(&single, sizeof(single));
}

void MessageWriter::Inflight(VhostUserRequest request,
                             const VhostUserInflight& inflight) {
  Header(request, sizeof(inflight));
  Append(&inflight, sizeof(inflight));
}

void MessageWriter::Config(VhostUserRequest request, uint32_t offset,
                           std::span<const std::byte> bytes) {
  VU_CHECK(bytes.size() <= kVhostUserMaxConfigBytes);
  const VhostUserConfigHeader head = {
      .offset = offset,
      .size = static_cast<uint32_t>(bytes.size()),
      .flags = 0};
  Header(request, sizeof(head) + bytes.size());
  Append(&head, sizeof(head));
  Append(bytes.data(), bytes.size());
}

void MessageWriter::Header(VhostUserRequest request, size_t payload_bytes) {
  const VhostUserHeader header = {.request = static_cast<uint32_t>(request),
                                  .flags = kVhostUserVersion,
                                  .size = static_cast<uint32_t>(payload_bytes)};
  Append(&header, sizeof(header));
}

void MessageWriter::Append(const void* bytes, size_t count) {
  const auto* const from = static_cast<const std::byte*>(bytes);
  out_.insert(out_.end(), from, from + count);
}

void SetNeedReply(std::span<std::byte> message) {
  VU_CHECK(message.size() >= sizeof(VhostUserHeader));
  VhostUserHeader header;
  std::memcpy(&header, message.data(), sizeof(header));
  header.flags |= kVhostUserNeedReplyFlag;
  std::memcpy(message.data(), &header, sizeof(header));
}

Result<void> CheckReplyHeader(std::span<const std::byte> bytes,
                              VhostUserRequest request, size_t payload_bytes) {
  const auto header = DecodePayload<VhostUserHeader>(bytes);
  if (header.request != static_cast<uint32_t>(request)) {
    return Fail(ErrorCode::kProtocol,
                "the answer carries request %u (%s); the back-end answers "
                "something else than it was asked",
                header.request, VhostUserRequestName(header.request).data());
  }
  if ((header.flags & kVhostUserVersionMask) != kVhostUserVersion) {
    return Fail(ErrorCode::kProtocol,
                "the answer has flags 0x%x: version %u, only version 1 is "
                "known",
                header.flags, header.flags & kVhostUserVersionMask);
  }
  if ((header.flags & ~kVhostUserNeedReplyFlag) != kReplyFlags) {
    return Fail(ErrorCode::kProtocol,
                "the answer has flags 0x%x, expected 0x%x", header.flags,
                kReplyFlags);
  }
  if (header.size != payload_bytes) {
    return Fail(ErrorCode::kProtocol,
                "the answer has a payload of %u bytes, expected %zu",
                header.size, payload_bytes);
  }
  return {};
}

template <typename T>
T DecodePayload(std::span<const std::byte> bytes) {
  VU_CHECK(bytes.size() >= sizeof(T));
  T value;
  std::memcpy(&value, bytes.data(), sizeof(value));
  return value;
}

template uint64_t DecodePayload(std::span<const std::byte>);
template VhostUserHeader DecodePayload(std::span<const std::byte>);
template VhostUserVringState DecodePayload(std::span<const std::byte>);
template VhostUserInflight DecodePayload(std::span<const std::byte>);
template VhostUserConfigHeader DecodePayload(std::span<const std::byte>);

}  // namespace virtio_user
