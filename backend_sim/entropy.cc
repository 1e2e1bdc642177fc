// SPDX-License-Identifier: BSD-3-Clause

#include "backend_sim/entropy.h"

namespace backend_sim {

bool Entropy::Chance(Odds odds) {
  if (odds.hits == 0 || odds.of == 0) return false;
  if (odds.hits >= odds.of) return true;
  // The hits are the highest numbers, so that 0 is a miss.
  return Choose(odds.of) >= odds.of - odds.hits;
}

void Entropy::Bytes(std::span<std::byte> out) {
  for (std::byte& byte : out) byte = static_cast<std::byte>(Choose(256));
}

}  // namespace backend_sim
