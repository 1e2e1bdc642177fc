// SPDX-License-Identifier: BSD-3-Clause

#include "backend_sim/seeded_entropy.h"

#include <bit>

#include "virtio_user/base/check.h"

namespace backend_sim {
namespace {

// One step of splitmix64.
uint64_t Split(uint64_t& state) {
  state += 0x9e3779b97f4a7c15;
  uint64_t z = state;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

uint64_t LabelKey(uint64_t key, std::string_view label) {
  uint64_t state = key;
  for (const char c : label) {
    state ^= static_cast<unsigned char>(c);
    state = Split(state);
  }
  // The length, so that no label's key lies on the way to another's.
  state ^= label.size();
  return Split(state);
}

}  // namespace

SeededEntropy::SeededEntropy(uint64_t key) : key_(key) {
  uint64_t state = key;
  for (uint64_t& word : state_) word = Split(state);
}

uint64_t SeededEntropy::Next() {
  const uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
  const uint64_t shifted = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= shifted;
  state_[3] = std::rotl(state_[3], 45);
  return result;
}

uint64_t SeededEntropy::Choose(uint64_t n) {
  VU_CHECK(n > 0);
  if (std::has_single_bit(n)) return Next() & (n - 1);
  // Numbers below 2^64 mod n are thrown away, so that none is favoured.
  const uint64_t unfair = (uint64_t{0} - n) % n;
  uint64_t drawn = Next();
  while (drawn < unfair) drawn = Next();
  return drawn % n;
}

std::unique_ptr<Entropy> SeededEntropy::Fork(std::string_view label) {
  return std::make_unique<SeededEntropy>(LabelKey(key_, label));
}

}  // namespace backend_sim
