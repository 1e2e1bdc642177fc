// SPDX-License-Identifier: BSD-3-Clause
//
// C++ source as lines, and as lines without what is not code. Good enough for
// text that clang-format laid out in Google's style; not a compiler.

#ifndef TESTS_TIDY_CODE_TEXT_H_
#define TESTS_TIDY_CODE_TEXT_H_

#include <string>
#include <string_view>
#include <vector>

namespace tidy {

std::vector<std::string_view> SplitLines(std::string_view text);

// The same text, line by line and column by column, in which every comment and
// the inside of every string and character literal is blank.
std::string BlankCommentsAndLiterals(std::string_view text);

struct Function {
  int first_line = 0;  // Counted from 1: where the signature begins.
  int last_line = 0;   // The closing brace.
};

// The function definitions in a text, in order. A lambda counts as a part of
// the function around it.
std::vector<Function> FindFunctions(std::string_view text);

// The words of C++ code: identifiers and keywords, in order.
std::vector<std::string_view> Words(std::string_view line);

}  // namespace tidy

#endif  // TESTS_TIDY_CODE_TEXT_H_
