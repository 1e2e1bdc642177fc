// SPDX-License-Identifier: BSD-3-Clause
//
// STYLE.md as far as a program can check it. Every rule looks at a path below
// the root of the tree and at the text of that file.

#ifndef TESTS_TIDY_RULES_H_
#define TESTS_TIDY_RULES_H_

#include <string>
#include <string_view>
#include <vector>

namespace tidy {

struct Violation {
  std::string path;
  int line = 0;  // Counted from 1; 0 is the file as a whole.
  std::string what;
};

// "path:line: what", one a line.
std::string Render(const std::vector<Violation>& violations);

inline constexpr int kMaxFileLines = 400;
inline constexpr int kMaxFunctionLines = 60;
inline constexpr int kMaxColumns = 80;

// All rules about the inside of one file.
std::vector<Violation> CheckFile(std::string_view path, std::string_view text);

// A production unit that needs no test of its own name, and why.
struct Untested {
  std::string_view unit;  // Path without its ending.
  std::string_view reason;
};

// Each unit of virtio_user/ (X.cc, X.h or both) has a X_test.cc in tests/. An
// exception without a unit, or whose test exists, is a violation too.
std::vector<Violation> CheckUnitsHaveTests(
    const std::vector<std::string>& paths,
    const std::vector<Untested>& exceptions);

}  // namespace tidy

#endif  // TESTS_TIDY_RULES_H_
