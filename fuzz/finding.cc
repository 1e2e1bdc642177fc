// SPDX-License-Identifier: BSD-3-Clause

#include "fuzz/finding.h"

#include <cstdio>
#include <cstdlib>
#include <string>

namespace fuzz {

void Report(FindingName name, std::string_view text) {
  const auto length = [](std::string_view part) {
    return static_cast<int>(part.size());
  };
  std::fprintf(stderr, "finding: %.*s at %.*s: %.*s\n", length(name.checker),
               name.checker.data(), length(name.site), name.site.data(),
               length(text), text.data());
  std::abort();
}

void ReportAt(std::string_view checker, std::string_view text,
              const std::source_location& where) {
  const std::string site = std::string(where.function_name()) + ", line " +
                           std::to_string(where.line());
  Report({checker, site}, text);
}

}  // namespace fuzz
