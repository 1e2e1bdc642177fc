// SPDX-License-Identifier: BSD-3-Clause
//
// What a fuzz target does with a property that does not hold.

#ifndef FUZZ_FINDING_H_
#define FUZZ_FINDING_H_

#include <source_location>
#include <string_view>

namespace fuzz {

// Tells findings apart, whatever the stack looks like: which property, and
// where in the target or by which checker it was seen.
struct FindingName {
  std::string_view checker;
  std::string_view site;
};

// Writes "finding: CHECKER at SITE: TEXT" to standard error and aborts, so
// that any engine keeps the input.
[[noreturn]] void Report(FindingName name, std::string_view text);

// Report; the site is a line of a function.
[[noreturn]] void ReportAt(std::string_view checker, std::string_view text,
                           const std::source_location& where);

// ReportAt, unless `holds`: of who asks.
inline void Expect(
    bool holds, std::string_view checker, std::string_view text,
    const std::source_location& where = std::source_location::current()) {
  if (!holds) ReportAt(checker, text, where);
}

}  // namespace fuzz

#endif  // FUZZ_FINDING_H_
