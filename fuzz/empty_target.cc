// SPDX-License-Identifier: BSD-3-Clause
//
// A target that does nothing, beside all that another one is linked with: what
// the engine alone takes (bench/fuzz_rates.sh). The other one's function has
// been given another name.

#include <cstddef>
#include <cstdint>

extern "C" int OtherTargetOneInput(const uint8_t* data, size_t size);

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // So that it stays in the program; no input is so long.
  if (size == SIZE_MAX) return OtherTargetOneInput(data, size);
  return 0;
}
