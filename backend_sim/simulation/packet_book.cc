// SPDX-License-Identifier: BSD-3-Clause

#include "backend_sim/simulation/packet_book.h"

#include <algorithm>

namespace backend_sim {
namespace {

// A frame: 14 bytes as Ethernet has them, the pair, the number, the length,
// then bytes that count on from the number.
constexpr size_t kNumberAt = 16;
constexpr size_t kLengthAt = 24;
constexpr size_t kPatternAt = 26;

std::byte PatternByte(uint64_t number, size_t at) {
  return static_cast<std::byte>((number * 31 + at) & 0xff);
}

std::vector<std::byte> MakeFrame(uint16_t pair, uint64_t number, size_t bytes) {
  std::vector<std::byte> frame(std::max(bytes, kPatternAt));
  frame[0] = std::byte{0x02};
  frame[12] = std::byte{0x88};
  frame[13] = std::byte{0xb5};
  frame[14] = static_cast<std::byte>(pair >> 8);
  frame[15] = static_cast<std::byte>(pair & 0xff);
  for (size_t i = 0; i < 8; ++i) {
    frame[kNumberAt + i] = static_cast<std::byte>(number >> (8 * i) & 0xff);
  }
  frame[kLengthAt] = static_cast<std::byte>(frame.size() >> 8 & 0xff);
  frame[kLengthAt + 1] = static_cast<std::byte>(frame.size() & 0xff);
  for (size_t i = kPatternAt; i < frame.size(); ++i) {
    frame[i] = PatternByte(number, i);
  }
  return frame;
}

}  // namespace

std::vector<std::byte> PacketBook::Frame(uint16_t pair, uint64_t ahead,
                                         size_t bytes) const {
  return MakeFrame(pair, next_ + ahead, bytes);
}

std::optional<std::string> PacketBook::Came(uint16_t pair,
                                            std::span<const std::byte> frame) {
  ++come_;
  if (frame.size() < kPatternAt) {
    return "a frame of " + std::to_string(frame.size()) + " bytes came";
  }
  uint64_t number = 0;
  for (size_t i = 0; i < 8; ++i) {
    number |= std::to_integer<uint64_t>(frame[kNumberAt + i]) << (8 * i);
  }
  const std::string name =
      "frame " + std::to_string(number) + " on pair " + std::to_string(pair);
  if (!std::ranges::equal(frame, MakeFrame(pair, number, frame.size()))) {
    return name + " came with other bytes than it was sent with";
  }
  if (number >= next_) return name + " came and was never sent";
  if (repeats_) return std::nullopt;
  if (number < expect_) return name + " came twice or out of order";
  expect_ = number + 1;
  return std::nullopt;
}

}  // namespace backend_sim
