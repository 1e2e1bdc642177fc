// SPDX-License-Identifier: BSD-3-Clause

#ifndef FUZZ_START_ORDER_H_
#define FUZZ_START_ORDER_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "virtio_user/spec/feature.h"

namespace fuzz {

// Where a ring is, and how each side of it is woken.
struct RingFacts {
  uint64_t desc = 0;
  uint64_t avail = 0;
  uint64_t used = 0;
  int call = -1;
  int kick = -1;

  friend bool operator==(const RingFacts&, const RingFacts&) = default;
};

// What a Start has to tell its back-end.
struct StartFacts {
  // Configured ones, from 0 on. Nothing was ever offered in them, so that
  // each begins at its begin.
  unsigned rings = 0;
  unsigned queue_size = 0;
  virtio_user::FeatureSet forwarded;
  bool status = false;       // The back-end has STATUS...
  bool ring_enable = false;  // ...and ENABLE.
  // What the driver has set last, if the back-end has to hear of it.
  std::optional<uint64_t> offloads{};
};

// Holds what was told of each ring by a Start that is done to what is so; no
// two have a descriptor or a part of one in common. `bytes`: of each part.
struct RingBytes {
  uint64_t desc = 0;
  uint64_t avail = 0;
  uint64_t used = 0;
};
void CheckStartedRings(std::span<const RingFacts> told,
                       std::span<const RingFacts> facts,
                       const RingBytes& bytes);

// Holds what a RecordingBackend has written down of one Start to the order of
// docs/lifecycle.md: each message after those that it needs, once, and not
// before what was asked in another phase is answered; and of a Start that is
// `done`, all of them. What undoes others comes last.
void CheckStart(std::span<const std::string> lines, const StartFacts& facts,
                bool done);

}  // namespace fuzz

#endif  // FUZZ_START_ORDER_H_
