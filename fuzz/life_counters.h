// SPDX-License-Identifier: BSD-3-Clause
//
// Feedback beyond code coverage.

#ifndef FUZZ_LIFE_COUNTERS_H_
#define FUZZ_LIFE_COUNTERS_H_

#include <cstddef>

#include "backend_sim/simulation/simulation.h"

namespace fuzz {

// Tells libFuzzer, by its extra counters, in which states of a device's life
// which operations were done with which results. Nothing under other engines.
void CountLife(const backend_sim::Coverage& coverage);

// With VUSER_LIFE_COUNT in the environment, the process says in the end how
// many operations its lives had on the average: "life: 31.4 operations".
void CountOperations(size_t count);

}  // namespace fuzz

#endif  // FUZZ_LIFE_COUNTERS_H_
