// SPDX-License-Identifier: BSD-3-Clause

#ifndef BACKEND_SIM_SEEDED_ENTROPY_H_
#define BACKEND_SIM_SEEDED_ENTROPY_H_

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>

#include "backend_sim/entropy.h"

namespace backend_sim {

// A pseudo-random stream that is the same on every compiler and machine:
// xoshiro256**, filled from the key by splitmix64. A fork's key depends on
// its parent's key and the label alone, never on how much was drawn.
class SeededEntropy : public Entropy {
 public:
  explicit SeededEntropy(uint64_t key);

  uint64_t Choose(uint64_t n) override;
  std::unique_ptr<Entropy> Fork(std::string_view label) override;

  // 64 bits, for tests against known numbers.
  uint64_t Next();

 private:
  uint64_t key_;
  std::array<uint64_t, 4> state_;
};

}  // namespace backend_sim

#endif  // BACKEND_SIM_SEEDED_ENTROPY_H_
