// SPDX-License-Identifier: BSD-3-Clause

#include "cli/packet_pattern.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace virtio_user::cli {
namespace {

constexpr size_t kTagOffset = 14;
constexpr size_t kPairOffset = 22;
constexpr size_t kSizeOffset = 24;
constexpr size_t kSequenceOffset = 26;

constexpr uint64_t kGolden = 0x9e3779b97f4a7c15;

// SplitMix64's output function: all bits depend on all bits.
constexpr uint64_t Mix(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

// The word of pseudo-random bytes that stands at place `index`.
constexpr uint64_t WordAt(uint64_t key, size_t index) {
  return Mix(key + kGolden * (index + 1));
}

template <typename T>
void Store(std::span<std::byte> out, size_t offset, T value) {
  std::memcpy(out.data() + offset, &value, sizeof(value));
}

template <typename T>
T Load(std::span<const std::byte> in, size_t offset) {
  T value;
  std::memcpy(&value, in.data() + offset, sizeof(value));
  return value;
}

}  // namespace

PacketPattern::PacketPattern(uint64_t seed, const MacAddress& source,
                             const FrameSizes& sizes)
    : sizes_(sizes),
      seed_(Mix(seed + kGolden)),
      tag_(Mix(seed_ + kGolden)),
      source_(source) {}

uint64_t PacketPattern::KeyOf(PacketId id) const {
  return Mix(seed_ ^ Mix(id.sequence + kGolden * (uint64_t{id.pair} + 1)));
}

size_t PacketPattern::SizeOf(PacketId id) const {
  const uint64_t sizes = sizes_.max - sizes_.min + 1;
  return sizes_.min + (KeyOf(id) >> 32) % sizes;
}

PacketPattern::Head PacketPattern::HeadOf(PacketId id) const {
  // A station that nobody owns: locally administered, numbered by pair.
  const std::array<uint8_t, 6> destination = {
      0x02,
      0x76,
      0x75,
      0x00,
      static_cast<uint8_t>(id.pair >> 8),
      static_cast<uint8_t>(id.pair)};
  Head head;
  std::memcpy(head.data(), destination.data(), 6);
  std::memcpy(head.data() + 6, source_.bytes.data(), 6);
  head[12] = std::byte{0x88};
  head[13] = std::byte{0xb5};
  Store(head, kTagOffset, tag_);
  Store(head, kPairOffset, id.pair);
  Store(head, kSizeOffset, static_cast<uint16_t>(SizeOf(id)));
  Store(head, kSequenceOffset, id.sequence);
  return head;
}

size_t PacketPattern::Write(PacketId id, std::span<std::byte> out) const {
  const size_t size = SizeOf(id);
  const Head head = HeadOf(id);
  std::memcpy(out.data(), head.data(), kHeadBytes);
  const uint64_t key = KeyOf(id);
  size_t index = 0;
  for (size_t at = kHeadBytes; at < size; at += sizeof(uint64_t)) {
    const uint64_t word = WordAt(key, index++);
    std::memcpy(out.data() + at, &word, std::min(sizeof(word), size - at));
  }
  return size;
}

std::optional<PacketId> PacketPattern::Identify(
    std::span<const std::byte> bytes) const {
  if (bytes.size() < kHeadBytes) return {};
  if (Load<uint64_t>(bytes, kTagOffset) != tag_) return {};
  return PacketId{.pair = Load<uint16_t>(bytes, kPairOffset),
                  .sequence = Load<uint64_t>(bytes, kSequenceOffset)};
}

std::optional<size_t> PacketPattern::FirstDifference(
    PacketId id, std::span<const std::byte> bytes) const {
  const Head head = HeadOf(id);
  const size_t size = SizeOf(id);
  const size_t common = std::min(size, bytes.size());
  // Byte by byte only where there is something to find.
  const auto find = [&](size_t from, const void* expected, size_t count) {
    const std::byte* const mine = static_cast<const std::byte*>(expected);
    size_t at = 0;
    while (at < count && mine[at] == bytes[from + at]) ++at;
    return from + at;
  };
  const size_t in_head = std::min(common, kHeadBytes);
  if (std::memcmp(head.data(), bytes.data(), in_head) != 0) {
    return find(0, head.data(), in_head);
  }
  const uint64_t key = KeyOf(id);
  size_t index = 0;
  for (size_t at = kHeadBytes; at < common; at += sizeof(uint64_t)) {
    const uint64_t word = WordAt(key, index++);
    const size_t count = std::min(sizeof(word), common - at);
    if (std::memcmp(&word, bytes.data() + at, count) != 0) {
      return find(at, &word, count);
    }
  }
  if (size == bytes.size()) return {};
  return common;
}

std::byte PacketPattern::ByteAt(PacketId id, size_t index) const {
  if (index < kHeadBytes) return HeadOf(id)[index];
  const size_t at = index - kHeadBytes;
  const uint64_t word = WordAt(KeyOf(id), at / sizeof(uint64_t));
  return static_cast<std::byte>(word >> (8 * (at % sizeof(uint64_t))));
}

}  // namespace virtio_user::cli
