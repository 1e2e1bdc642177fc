// SPDX-License-Identifier: BSD-3-Clause

#ifndef TESTS_INTEROP_LOG_CHECK_H_
#define TESTS_INTEROP_LOG_CHECK_H_

#include <string>
#include <string_view>
#include <vector>

namespace interop {

// A piece of a log line that looks like trouble and is none.
struct Excused {
  std::string_view fragment;
  std::string_view reason;
};

// The lines of `log` that speak of an error, a failure or something invalid,
// in any case of letters, after what is excused was taken out of them.
std::vector<std::string> TroubleIn(std::string_view log,
                                   const std::vector<Excused>& excused);

// How often `fragment` stands in `log`.
size_t CountOf(std::string_view log, std::string_view fragment);

// The last lines of it, for messages.
std::string TailOf(std::string_view log, size_t lines);

}  // namespace interop

#endif  // TESTS_INTEROP_LOG_CHECK_H_
