// SPDX-License-Identifier: BSD-3-Clause

#include "backend_sim/source_frame.h"

#include <algorithm>

namespace backend_sim {
namespace {

inline constexpr size_t kMinFrame = 60;
inline constexpr size_t kMaxFrame = 1514;
// Prime to the number of sizes, so that all of them come.
inline constexpr uint64_t kStride = 397;

}  // namespace

std::vector<std::byte> SourceFrame(uint16_t pair, uint64_t sequence,
                                   size_t bytes) {
  if (bytes == 0) {
    bytes = kMinFrame + (sequence * kStride) % (kMaxFrame - kMinFrame + 1);
  }
  std::vector<std::byte> frame;
  frame.reserve(std::max(bytes, kMinFrame));
  const auto add = [&](uint64_t value) {
    frame.push_back(static_cast<std::byte>(value & 0xff));
  };
  for (int i = 0; i < 6; ++i) add(0xff);
  for (const uint64_t value : {0x02, 0x00, 0x00, 0x00, pair >> 8, pair + 0}) {
    add(value);
  }
  add(0x88);
  add(0xb5);
  for (int shift = 56; shift >= 0; shift -= 8) add(sequence >> shift);
  for (uint64_t next = sequence + 1; frame.size() < bytes; ++next) add(next);
  frame.resize(bytes);
  return frame;
}

}  // namespace backend_sim
