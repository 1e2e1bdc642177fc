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
constexpr size_t kRandomOffset = 34;

constexpr uint64_t kGolden = 0x9e3779b97f4a7c15;

// SplitMix64's output function: all bits depend on all bits.
constexpr uint64_t Mix(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
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

PacketPattern::PacketPattern(uint64_t seed, const MacAddress& source)
    : seed_(Mix(seed + kGolden)), tag_(Mix(seed_ + kGolden)), source_(source) {}

uint64_t PacketPattern::KeyOf(PacketId id) const {
  return Mix(seed_ ^ Mix(id.sequence + kGolden * (uint64_t{id.pair} + 1)));
}

size_t PacketPattern::SizeOf(PacketId id) const {
  constexpr uint64_t kSizes = kMaxPacketBytes - kMinPacketBytes + 1;
  return kMinPacketBytes + (KeyOf(id) >> 32) % kSizes;
}

size_t PacketPattern::Write(PacketId id, std::span<std::byte> out) const {
  const size_t size = SizeOf(id);
  // A station that nobody owns: locally administered, numbered by pair.
  const std::array<uint8_t, 6> destination = {
      0x02,
      0x76,
      0x75,
      0x00,
      static_cast<uint8_t>(id.pair >> 8),
      static_cast<uint8_t>(id.pair)};
  std::memcpy(out.data(), destination.data(), 6);
  std::memcpy(out.data() + 6, source_.bytes.data(), 6);
  out[12] = std::byte{0x88};
  out[13] = std::byte{0xb5};
  Store(out, kTagOffset, tag_);
  Store(out, kPairOffset, id.pair);
  Store(out, kSizeOffset, static_cast<uint16_t>(size));
  Store(out, kSequenceOffset, id.sequence);
  uint64_t state = KeyOf(id);
  for (size_t at = kRandomOffset; at < size; at += sizeof(uint64_t)) {
    const uint64_t word = Mix(state += kGolden);
    std::memcpy(out.data() + at, &word, std::min(sizeof(word), size - at));
  }
  return size;
}

std::optional<PacketId> PacketPattern::Identify(
    std::span<const std::byte> bytes) const {
  if (bytes.size() < kRandomOffset) return {};
  if (Load<uint64_t>(bytes, kTagOffset) != tag_) return {};
  return PacketId{.pair = Load<uint16_t>(bytes, kPairOffset),
                  .sequence = Load<uint64_t>(bytes, kSequenceOffset)};
}

std::optional<size_t> PacketPattern::FirstDifference(
    PacketId id, std::span<const std::byte> bytes) const {
  std::array<std::byte, kMaxPacketBytes> expected;
  const size_t size = Write(id, expected);
  const size_t common = std::min(size, bytes.size());
  if (std::memcmp(expected.data(), bytes.data(), common) != 0) {
    const auto [mine, theirs] = std::mismatch(
        expected.begin(), expected.begin() + common, bytes.begin());
    return static_cast<size_t>(mine - expected.begin());
  }
  if (size == bytes.size()) return {};
  return common;
}

std::byte PacketPattern::ByteAt(PacketId id, size_t index) const {
  std::array<std::byte, kMaxPacketBytes> expected;
  Write(id, expected);
  return expected[index];
}

}  // namespace virtio_user::cli
