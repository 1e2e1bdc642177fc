// SPDX-License-Identifier: BSD-3-Clause
//
// Feedback beyond code coverage.

#ifndef FUZZ_LIFE_COUNTERS_H_
#define FUZZ_LIFE_COUNTERS_H_

#include "backend_sim/simulation/simulation.h"

namespace fuzz {

// Tells libFuzzer, by its extra counters, in which states of a device's life
// which operations were done with which results. Nothing under other engines.
void CountLife(const backend_sim::Coverage& coverage);

}  // namespace fuzz

#endif  // FUZZ_LIFE_COUNTERS_H_
