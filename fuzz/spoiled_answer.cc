// SPDX-License-Identifier: BSD-3-Clause

#include "fuzz/spoiled_answer.h"

#include <algorithm>
#include <chrono>
#include <cstring>

#include "fuzz/answer_rules.h"

namespace fuzz {

using std::chrono::milliseconds;

void SpoiledAnswer::Add(uint64_t number, size_t count) {
  std::array<std::byte, 8> little;
  for (size_t i = 0; i < count; ++i) {
    little[i] = static_cast<std::byte>(number >> (8 * i));
  }
  Add(std::span(little).first(count));
}

void SpoiledAnswer::Add(std::span<const std::byte> more) {
  const size_t count = std::min(more.size(), bytes.size() - size);
  std::memcpy(bytes.data() + size, more.data(), count);
  size += count;
}

void SpoiledAnswer::Spoil(Reader& input) {
  const uint8_t how = input.Byte();
  if (how < kFirstWay) return;
  switch (how % kWays) {
    case 0: {
      const size_t at = std::min<size_t>(input.Byte(), size);
      const auto other = input.Chunk();
      std::ranges::copy(other.first(std::min(other.size(), size - at)),
                        bytes.begin() + static_cast<ptrdiff_t>(at));
      return;
    }
    case 1: {
      const size_t wanted = input.Byte();
      for (; size < wanted; ++size) bytes[size] = std::byte{0};
      size = wanted;
      return;
    }
    case 2:
      fd_count = input.Byte() % 9;
      fd_bytes = input.Word();
      return;
    case 3:
      delay = milliseconds(10 * input.Word());
      return;
    case 4:
      piece_bytes = size_t{1} + input.Byte() % 20;
      return;
    case 5: {
      // An ack's refusal; the front of what is no ack.
      const size_t at = std::min(kHeaderBytes, size);
      bytes[at] = static_cast<std::byte>(input.Byte());
      return;
    }
    default:
      // Nobody asked for these.
      return Add(input.Chunk());
  }
}

}  // namespace fuzz
