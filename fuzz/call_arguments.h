// SPDX-License-Identifier: BSD-3-Clause
//
// What the three bits of a call choose between.

#ifndef FUZZ_CALL_ARGUMENTS_H_
#define FUZZ_CALL_ARGUMENTS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "virtio_user/base/deadline.h"
#include "virtio_user/spec/feature.h"
#include "virtio_user/vhost/memory_table.h"
#include "virtio_user/vhost/vhost_backend.h"

namespace fuzz {

constexpr size_t kArguments = 8;

struct ConfigRange {
  uint32_t offset = 0;
  size_t bytes = 0;
};

// Whose bases are asked for, in one call.
struct AskedRings {
  std::array<uint16_t, 3> rings;
  size_t count = 0;

  std::span<const uint16_t> used() const {
    return std::span(rings).first(count);
  }
};

// `i`: below kArguments.
// The last one of four: above what a vhost-user feature word has.
virtio_user::FeatureSet FeaturesOf(size_t i, virtio_user::FeatureSet offered);
const virtio_user::MemoryTable& TableOf(size_t i);
uint16_t RingOf(size_t i);
AskedRings AskedRingsOf(size_t i);
uint8_t StatusOf(size_t i);
ConfigRange ConfigRangeOf(size_t i);
virtio_user::InflightShape ShapeOf(size_t i);
virtio_user::Duration BudgetOf(size_t i);

}  // namespace fuzz

#endif  // FUZZ_CALL_ARGUMENTS_H_
