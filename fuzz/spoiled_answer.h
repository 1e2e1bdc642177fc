// SPDX-License-Identifier: BSD-3-Clause

#ifndef FUZZ_SPOILED_ANSWER_H_
#define FUZZ_SPOILED_ANSWER_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "fuzz/reader.h"
#include "virtio_user/base/deadline.h"

namespace fuzz {

// An answer as it should be, and what becomes of it.
struct SpoiledAnswer {
  // What a byte makes of one: nothing below the first of these, else one way or
  // another by the remainder.
  static constexpr uint8_t kFirstWay = 98;
  static constexpr uint8_t kWays = 7;
  static constexpr size_t kMostBytes = 512;

  void Add(uint64_t number, size_t count);
  void Add(std::span<const std::byte> more);
  // As the next bytes say; most leave it alone.
  void Spoil(Reader& input);

  std::array<std::byte, kMostBytes> bytes;
  size_t size = 0;
  size_t fd_count = 0;
  uint64_t fd_bytes = 0;
  virtio_user::Duration delay{0};
  size_t piece_bytes = 0;  // 0: in one piece; else so many a millisecond.
};

}  // namespace fuzz

#endif  // FUZZ_SPOILED_ANSWER_H_
