// SPDX-License-Identifier: BSD-3-Clause

#ifndef FUZZ_READER_H_
#define FUZZ_READER_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <span>
#include <vector>

namespace fuzz {

// `count` bytes of `number`, as Reader::Number takes them.
inline void Append(std::vector<std::byte>& to, uint64_t number, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    to.push_back(static_cast<std::byte>(number >> (8 * i) & 0xff));
  }
}

// What stands at `at`, which is all there.
template <typename T>
T ValueAt(std::span<const std::byte> bytes, size_t at) {
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof(T));
  return value;
}
template <typename T>
T ValueAt(const std::byte* at) {
  return ValueAt<T>({at, sizeof(T)}, 0);
}

// Somebody writes `bytes` at `offset` of `parts`, as if these came one behind
// the other; what is behind their end is lost.
inline void WriteAcross(std::initializer_list<std::span<std::byte>> parts,
                        size_t offset, std::span<const std::byte> bytes) {
  for (const std::span<std::byte> part : parts) {
    if (offset >= part.size()) {
      offset -= part.size();
      continue;
    }
    const size_t count = std::min(part.size() - offset, bytes.size());
    std::memcpy(part.data() + offset, bytes.data(), count);
    bytes = bytes.subspan(count);
    offset = 0;
  }
}

// Takes an input apart; 0 and nothing once it has ended. The bytes outlive it.
class Reader {
 public:
  explicit Reader(std::span<const std::byte> bytes) : left_(bytes) {}

  bool empty() const { return left_.empty(); }
  // Of at most 8 bytes, the least significant one first.
  uint64_t Number(size_t bytes) {
    const auto taken = Take(bytes);
    uint64_t number = 0;
    for (size_t i = 0; i < taken.size(); ++i) {
      number |= std::to_integer<uint64_t>(taken[i]) << (8 * i);
    }
    return number;
  }
  uint8_t Byte() { return static_cast<uint8_t>(Number(1)); }
  uint16_t Word() { return static_cast<uint16_t>(Number(2)); }
  // A byte that says how many follow, and those.
  std::span<const std::byte> Chunk() { return Take(Byte()); }
  // Up to `count` bytes as they are.
  std::span<const std::byte> Take(size_t count) {
    const auto taken = left_.first(std::min(count, left_.size()));
    left_ = left_.subspan(taken.size());
    return taken;
  }

 private:
  std::span<const std::byte> left_;
};

}  // namespace fuzz

#endif  // FUZZ_READER_H_
