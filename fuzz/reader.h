// SPDX-License-Identifier: BSD-3-Clause

#ifndef FUZZ_READER_H_
#define FUZZ_READER_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

namespace fuzz {

// Takes an input apart; 0 and nothing once it has ended. The bytes outlive it.
class Reader {
 public:
  explicit Reader(std::span<const std::byte> bytes) : left_(bytes) {}

  bool empty() const { return left_.empty(); }
  uint8_t Byte() {
    const auto one = Take(1);
    return one.empty() ? uint8_t{0} : std::to_integer<uint8_t>(one[0]);
  }
  // Least significant byte first.
  uint16_t Word() {
    const uint8_t low = Byte();
    return static_cast<uint16_t>(low | Byte() << 8);
  }
  // A byte that says how many follow, and those.
  std::span<const std::byte> Chunk() { return Take(Byte()); }

 private:
  std::span<const std::byte> Take(size_t count) {
    const auto taken = left_.first(std::min(count, left_.size()));
    left_ = left_.subspan(taken.size());
    return taken;
  }

  std::span<const std::byte> left_;
};

}  // namespace fuzz

#endif  // FUZZ_READER_H_
