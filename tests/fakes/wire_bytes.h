// SPDX-License-Identifier: BSD-3-Clause
//
// Bytes as vhost-user's tables describe them, put together by hand: a wrong
// offset in the production codec cannot hide behind the same struct here.

#ifndef TESTS_FAKES_WIRE_BYTES_H_
#define TESTS_FAKES_WIRE_BYTES_H_

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <vector>

namespace virtio_user {

using Bytes = std::vector<std::byte>;

// Little-endian, as on x86-64.
inline void Put(Bytes& out, uint64_t value, size_t bytes) {
  for (size_t i = 0; i < bytes; ++i) {
    out.push_back(static_cast<std::byte>(value >> (8 * i)));
  }
}

inline uint64_t Get(std::span<const std::byte> from, size_t at, size_t bytes) {
  uint64_t value = 0;
  for (size_t i = 0; i < bytes; ++i) {
    value |= std::to_integer<uint64_t>(from[at + i]) << (8 * i);
  }
  return value;
}

// Header of 12 bytes (request @0, flags @4, size @8), then the payload.
inline Bytes Message(uint32_t request, uint32_t flags, const Bytes& payload) {
  Bytes out;
  Put(out, request, 4);
  Put(out, flags, 4);
  Put(out, payload.size(), 4);
  out.insert(out.end(), payload.begin(), payload.end());
  return out;
}

inline Bytes U64Payload(uint64_t value) {
  Bytes out;
  Put(out, value, 8);
  return out;
}

// "vring state": index u32 @0, num u32 @4.
inline Bytes StatePayload(uint32_t index, uint32_t num) {
  Bytes out;
  Put(out, index, 4);
  Put(out, num, 4);
  return out;
}

inline Bytes FromInts(std::initializer_list<int> values) {
  Bytes out;
  for (const int value : values) out.push_back(static_cast<std::byte>(value));
  return out;
}

}  // namespace virtio_user

#endif  // TESTS_FAKES_WIRE_BYTES_H_
