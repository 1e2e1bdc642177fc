// SPDX-License-Identifier: BSD-3-Clause
//
// Where every decision of a simulated run comes from.

#ifndef BACKEND_SIM_ENTROPY_H_
#define BACKEND_SIM_ENTROPY_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

namespace backend_sim {

// How often something happens: `hits` times out of `of`.
struct Odds {
  uint32_t hits = 0;
  uint32_t of = 1;
};

// A source of decisions. Drivers are a seed, a recorded script, the bytes of a
// fuzzer or an odometer that tries everything; whoever draws cannot tell.
//
// By convention 0 is the plainest answer (nothing special happens), so that a
// script that has run out, or was shrunk, leads to a plain run.
class Entropy {
 public:
  virtual ~Entropy() = default;

  // A number below `n`. Requires: n > 0.
  virtual uint64_t Choose(uint64_t n) = 0;

  // A stream of its own, told apart by `label`: what is drawn from one stream
  // does not move any other. Two forks with one label are the same stream
  // twice in seeded runs, so give each a label of its own.
  virtual std::unique_ptr<Entropy> Fork(std::string_view label) = 0;

  // One decision; the draw 0 is always "no" unless it is certain.
  bool Chance(Odds odds);
  // One decision for each byte.
  void Bytes(std::span<std::byte> out);
};

}  // namespace backend_sim

#endif  // BACKEND_SIM_ENTROPY_H_
