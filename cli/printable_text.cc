// SPDX-License-Identifier: BSD-3-Clause

#include "cli/printable_text.h"

#include <fmt/format.h>

#include <cstddef>

namespace virtio_user::cli {
namespace {

std::string Escaped(char character) {
  switch (character) {
    case '\n':
      return "\\n";
    case '\r':
      return "\\r";
    case '\t':
      return "\\t";
    default:
      return fmt::format("\\x{:02x}", static_cast<unsigned char>(character));
  }
}

// U+0080 to U+009f, two bytes of UTF-8, are controls too.
bool BeginsC1Control(std::string_view text) {
  return text.size() >= 2 && text[0] == '\xc2' &&
         static_cast<unsigned char>(text[1]) >= 0x80 &&
         static_cast<unsigned char>(text[1]) < 0xa0;
}

}  // namespace

std::string Printable(std::string_view text) {
  std::string line;
  while (!text.empty()) {
    const auto first = static_cast<unsigned char>(text[0]);
    const size_t taken = BeginsC1Control(text) ? 2 : 1;
    const bool control = first < 0x20 || first == 0x7f || taken == 2;
    for (const char character : text.substr(0, taken)) {
      line += control ? Escaped(character) : std::string(1, character);
    }
    text.remove_prefix(taken);
  }
  return line;
}

}  // namespace virtio_user::cli
