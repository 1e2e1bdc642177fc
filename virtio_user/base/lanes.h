// SPDX-License-Identifier: BSD-3-Clause
//
// Words that are worked on four at a time: the compilers' vector types, and
// those few operations for which they have no portable spelling that is fast.

#ifndef VIRTIO_USER_BASE_LANES_H_
#define VIRTIO_USER_BASE_LANES_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace virtio_user {

using U32x4 [[gnu::vector_size(16)]] = uint32_t;
using I32x4 [[gnu::vector_size(16)]] = int32_t;
using U64x2 [[gnu::vector_size(16)]] = uint64_t;
using U16x4 [[gnu::vector_size(8)]] = uint16_t;

// In memory that others may write: each volatile access is one instruction.
// (g++ forgets the alignment of other spellings, and behind `auto`.)
typedef uint32_t SharedU32x4
    __attribute__((vector_size(16), aligned(4), may_alias));

// Calls `use` for 0 to 3, without a loop.
template <typename Use>
[[gnu::always_inline]] inline void ForEachLane(const Use& use) {
  use(size_t{0});
  use(size_t{1});
  use(size_t{2});
  use(size_t{3});
}

// Four numbers below 2^32, each multiplied: 0 and 2 are in `even`, 1 and 3 in
// `odd`. So are four 64-bit numbers generally.
struct U64Four {
  U64x2 even;
  U64x2 odd;
};

// Between memory that is nobody else's, or not yet, and lanes; any alignment.
template <typename Lanes>
[[gnu::always_inline]] inline Lanes LoadLanes(const void* from) {
  Lanes lanes;
  std::memcpy(&lanes, from, sizeof(lanes));
  return lanes;
}
template <typename Lanes>
[[gnu::always_inline]] inline void StoreLanes(void* to, Lanes lanes) {
  std::memcpy(to, &lanes, sizeof(lanes));
}

// The same at an address that is aligned to 16.
template <typename Lanes>
[[gnu::always_inline]] inline void StoreAligned(void* to, Lanes lanes) {
  std::memcpy(std::assume_aligned<sizeof(lanes)>(static_cast<char*>(to)),
              &lanes, sizeof(lanes));
}

// Lanes 0 and 2, or 1 and 3, of one and then of the other.
[[gnu::always_inline]] inline U32x4 EvenLanes(U64x2 low, U64x2 high) {
  return __builtin_shufflevector(reinterpret_cast<U32x4>(low),
                                 reinterpret_cast<U32x4>(high), 0, 2, 4, 6);
}
[[gnu::always_inline]] inline U32x4 OddLanes(U64x2 low, U64x2 high) {
  return __builtin_shufflevector(reinterpret_cast<U32x4>(low),
                                 reinterpret_cast<U32x4>(high), 1, 3, 5, 7);
}

// {a[0], b[0]} and {a[1], b[1]}.
[[gnu::always_inline]] inline U64x2 LowHalves(U64x2 a, U64x2 b) {
  return __builtin_shufflevector(a, b, 0, 2);
}
[[gnu::always_inline]] inline U64x2 HighHalves(U64x2 a, U64x2 b) {
  return __builtin_shufflevector(a, b, 1, 3);
}
// {a[0], b[0], a[1], b[1]}, and the same of lanes 2 and 3.
[[gnu::always_inline]] inline U64x2 LowPairs(U32x4 a, U32x4 b) {
  return reinterpret_cast<U64x2>(__builtin_shufflevector(a, b, 0, 4, 1, 5));
}
[[gnu::always_inline]] inline U64x2 HighPairs(U32x4 a, U32x4 b) {
  return reinterpret_cast<U64x2>(__builtin_shufflevector(a, b, 2, 6, 3, 7));
}

[[gnu::always_inline]] inline U32x4 Splat(uint32_t value) {
  return U32x4{value, value, value, value};
}

// Their sum, of 32 bits.
[[gnu::always_inline]] inline uint32_t SumOfLanes(U32x4 lanes) {
  lanes += __builtin_shufflevector(lanes, lanes, 2, 3, 0, 1);
  return lanes[0] + lanes[1];
}

// Each of four numbers times `by`, in each lane the same.
[[gnu::always_inline]] inline U64Four Times(U32x4 numbers, U64x2 by) {
#ifdef __SSE2__
  const auto factor = reinterpret_cast<__m128i>(by);
  const auto even = reinterpret_cast<__m128i>(numbers);
  const __m128i odd = _mm_srli_epi64(even, 32);
  return {reinterpret_cast<U64x2>(_mm_mul_epu32(even, factor)),
          reinterpret_cast<U64x2>(_mm_mul_epu32(odd, factor))};
#else
  const auto pairs = reinterpret_cast<U64x2>(numbers);
  return {(pairs & UINT32_MAX) * by, (pairs >> 32) * by};
#endif
}

// Whether the highest bit of each lane is set: of `a < b`, whether it holds for
// all. (Signed comparisons are the cheap ones.)
[[gnu::always_inline]] inline bool AllHighBits(U32x4 lanes) {
#ifdef __SSE2__
  return _mm_movemask_ps(reinterpret_cast<__m128>(lanes)) == 0xf;
#else
  const auto pairs = reinterpret_cast<U64x2>(lanes);
  constexpr uint64_t kHighBits = 0x8000000080000000;
  return (pairs[0] & pairs[1] & kHighBits) == kHighBits;
#endif
}

// Whether it is set in any of them.
[[gnu::always_inline]] inline bool AnyHighBit(U32x4 lanes) {
  return !AllHighBits(~lanes);
}

// Where 0 <= a < b as signed numbers, with the highest bit of a lane as the
// answer.
[[gnu::always_inline]] inline U32x4 BelowSigned(U32x4 a, U32x4 b) {
  return reinterpret_cast<U32x4>(reinterpret_cast<I32x4>(a) <
                                 reinterpret_cast<I32x4>(b)) &
         ~a;
}

}  // namespace virtio_user

#endif  // VIRTIO_USER_BASE_LANES_H_
