// SPDX-License-Identifier: BSD-3-Clause
//
// A fuzz target that aborts unless its input is a block of the heap of its own
// and no longer than it has to be, so that AddressSanitizer sees what reads
// behind it.

#include <malloc.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // What the heap rounds up to.
  constexpr size_t kSlack = 32;
  // Requires a block that malloc has given.
  if (malloc_usable_size(const_cast<uint8_t*>(data)) > size + kSlack) {
    std::abort();
  }
  return 0;
}
