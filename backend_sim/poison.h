// SPDX-License-Identifier: BSD-3-Clause

#ifndef BACKEND_SIM_POISON_H_
#define BACKEND_SIM_POISON_H_

#include <sanitizer/asan_interface.h>

#include <algorithm>
#include <cstddef>
#include <span>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define BACKEND_SIM_HAS_ASAN 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define BACKEND_SIM_HAS_ASAN 1
#endif

namespace backend_sim {

#ifdef BACKEND_SIM_HAS_ASAN
inline constexpr bool kCanForbid = true;
#else
inline constexpr bool kCanForbid = false;
#endif

// What freed memory holds: as an index, a length or an address it is wrong.
inline constexpr std::byte kPoison{0xdb};

// Nobody may touch this memory from here on; AddressSanitizer sees to it.
inline void Forbid(std::span<std::byte> memory) {
  ASAN_POISON_MEMORY_REGION(memory.data(), memory.size());
}
inline void Permit(std::span<std::byte> memory) {
  ASAN_UNPOISON_MEMORY_REGION(memory.data(), memory.size());
}

// Whether all of it is forbidden; false without AddressSanitizer.
inline bool IsForbidden([[maybe_unused]] std::span<const std::byte> memory) {
#ifdef BACKEND_SIM_HAS_ASAN
  return std::ranges::all_of(memory, [](const std::byte& byte) {
    return __asan_address_is_poisoned(&byte) != 0;
  });
#else
  return false;
#endif
}

// Likewise, and what was there is gone.
inline void Poison(std::span<std::byte> memory) {
  Permit(memory);
  std::ranges::fill(memory, kPoison);
  Forbid(memory);
}

}  // namespace backend_sim

#endif  // BACKEND_SIM_POISON_H_
