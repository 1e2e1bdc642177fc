// SPDX-License-Identifier: BSD-3-Clause
//
// Whatever a user types, as a command line, a script, a value or a device's
// option: it is refused with what, why and what would be right, or each value
// lies in its range; what is written back reads as the same. Nothing is opened
// or carried out.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "fuzz/typed_text.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
  // Letters, so that an input can be typed.
  switch (data[0] % 4) {
    case 'd' % 4:
      fuzz::CheckCommandLine(text);
      break;
    case 'a' % 4:
      fuzz::CheckScript(text);
      break;
    case 'b' % 4:
      fuzz::CheckValues(text);
      break;
    default: {
      fuzz::Reader input(std::as_bytes(std::span(data, size).subspan(1)));
      fuzz::CheckDeviceOptions(input);
      break;
    }
  }
  return 0;
}
