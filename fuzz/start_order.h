// SPDX-License-Identifier: BSD-3-Clause

#ifndef FUZZ_START_ORDER_H_
#define FUZZ_START_ORDER_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "virtio_user/spec/feature.h"

namespace fuzz {

// What a Start has to tell its back-end.
struct StartFacts {
  unsigned rings = 0;  // Configured ones, from 0 on.
  unsigned queue_size = 0;
  virtio_user::FeatureSet forwarded;
  bool status = false;       // The back-end has STATUS...
  bool ring_enable = false;  // ...and ENABLE.
  // What the driver has set last, if the back-end has to hear of it.
  std::optional<uint64_t> offloads{};
};

// Holds what a RecordingBackend has written down of one Start to the order of
// docs/lifecycle.md: each message after those that it needs, once, and not
// before what was asked in another phase is answered; and of a Start that is
// `done`, all of them. What undoes others comes last.
void CheckStart(std::span<const std::string> lines, const StartFacts& facts,
                bool done);

}  // namespace fuzz

#endif  // FUZZ_START_ORDER_H_
