// SPDX-License-Identifier: BSD-3-Clause
//
// Whatever a user types, as a command line, a script or a value: it is refused
// with what, why and what would be right, or each value lies in its range and
// is the one that readers of the target's own find; nothing of it is carried
// out. Whatever an embedder says of a device, memory, buffers and rings: a
// device that can be made is, on a back-end that writes down what it is told,
// and each start, stop and reattach tells it all that it has to know.

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
