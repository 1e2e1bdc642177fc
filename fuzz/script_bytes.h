// SPDX-License-Identifier: BSD-3-Clause
//
// A simulated run as a fuzzer's bytes: what every byte means stays the same
// when others change, so that mutation and cross-over work on operations.

#ifndef FUZZ_SCRIPT_BYTES_H_
#define FUZZ_SCRIPT_BYTES_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "backend_sim/simulation/script.h"

namespace fuzz {

// The scenario is drawn from the first bytes but the last of them; 0s are the
// plainest one.
inline constexpr size_t kScenarioBytes = 32;
// Each operation: kind (modulo), a, b and salt of 2, 2, 4 and 4 bytes, the
// least significant one first.
inline constexpr size_t kOperationBytes = 12;
inline constexpr size_t kMostOperations = 64;
inline constexpr size_t kMostScriptBytes =
    kScenarioBytes + kMostOperations * kOperationBytes;

// Any bytes are a script; what is missing is 0, a part of an operation at the
// end is none.
backend_sim::Script ScriptOf(std::span<const std::byte> bytes);

// A scenario's bytes, then operations.
std::vector<std::byte> BytesOf(
    std::span<const std::byte, kScenarioBytes> scenario,
    std::span<const backend_sim::Operation> operations);

}  // namespace fuzz

#endif  // FUZZ_SCRIPT_BYTES_H_
