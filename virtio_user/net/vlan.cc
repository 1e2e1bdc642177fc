// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/net/vlan.h"

#include <array>
#include <cstddef>
#include <cstring>
#include <span>

#include "virtio_user/ring/shared_memory.h"
#include "virtio_user/spec/net.h"

namespace virtio_user {
namespace {

constexpr size_t kAddressesBytes = 12;
constexpr uint16_t kTagBytes = 4;
constexpr uint16_t kTpid = 0x8100;

using FrontOfFrame = std::array<std::byte, kAddressesBytes + kTagBytes>;

uint16_t BigEndian(const std::byte* at) {
  return static_cast<uint16_t>(std::to_integer<uint16_t>(at[0]) << 8 |
                               std::to_integer<uint16_t>(at[1]));
}

void PutBigEndian(std::byte* at, uint16_t value) {
  at[0] = static_cast<std::byte>(value >> 8);
  at[1] = static_cast<std::byte>(value & 0xff);
}

// Moves a place by the bytes that come or go in front of `from`. False, and as
// it was: it is in front of them itself, or has no number afterwards.
bool MovePlace(uint16_t& place, size_t from, int bytes) {
  const int moved = place + bytes;
  if (place < from || moved > UINT16_MAX) return false;
  place = static_cast<uint16_t>(moved);
  return true;
}

// The same for what is said about the frame. False: its checksum cannot be
// moved.
bool MovePlaces(BufferPool& pool, Packet& packet, size_t from, int bytes) {
  if (packet.has_offload == 0) return true;
  Offload offload = pool.offload(packet);
  if (offload.checksum == Checksum::kPartial &&
      !MovePlace(offload.csum_start, from, bytes)) {
    return false;
  }
  // A hint: one that makes no sense stays as it is.
  MovePlace(offload.header_bytes, from, bytes);
  pool.SetOffload(packet, offload);
  return true;
}

}  // namespace

std::optional<uint16_t> StripVlan(BufferPool& pool, Packet& packet) {
  const std::span<std::byte> front = pool.Front(packet);
  FrontOfFrame copy;
  // What follows the tag is the frame's type: a frame ends no earlier.
  if (front.size() < copy.size() + sizeof(uint16_t)) return std::nullopt;
  CopyFromShared(front.first(copy.size()), copy.data());
  if (BigEndian(copy.data() + kAddressesBytes) != kTpid) return std::nullopt;
  if (!MovePlaces(pool, packet, copy.size(), -int{kTagBytes})) {
    return std::nullopt;
  }
  const uint16_t tag_control =
      BigEndian(copy.data() + kAddressesBytes + sizeof(uint16_t));
  std::memcpy(front.data() + kTagBytes, copy.data(), kAddressesBytes);
  packet.offset = static_cast<uint16_t>(packet.offset + kTagBytes);
  packet.bytes -= kTagBytes;
  return tag_control;
}

bool InsertVlan(BufferPool& pool, Packet& packet, uint16_t tag_control) {
  const std::span<std::byte> front = pool.Front(packet);
  if (front.size() < kAddressesBytes ||
      packet.offset < kHashNetHeaderBytes + kTagBytes ||
      !MovePlaces(pool, packet, kAddressesBytes, kTagBytes)) {
    return false;
  }
  FrontOfFrame copy;
  CopyFromShared(front.first(kAddressesBytes), copy.data());
  PutBigEndian(copy.data() + kAddressesBytes, kTpid);
  PutBigEndian(copy.data() + kAddressesBytes + sizeof(uint16_t), tag_control);
  std::memcpy(front.data() - kTagBytes, copy.data(), copy.size());
  packet.offset = static_cast<uint16_t>(packet.offset - kTagBytes);
  packet.bytes += kTagBytes;
  return true;
}

}  // namespace virtio_user
