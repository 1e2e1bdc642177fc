// SPDX-License-Identifier: BSD-3-Clause
//
// The command without a process around it.

#ifndef TESTS_CLI_SUPPORT_H_
#define TESTS_CLI_SUPPORT_H_

#include <sstream>
#include <string>
#include <vector>

#include "cli/app.h"

namespace virtio_user::cli {

struct Outcome {
  int code = -1;
  std::string out;
  std::string err;

  // The last line of `out`, without its end.
  std::string LastLine() const {
    const std::string text = out.substr(0, out.find_last_not_of('\n') + 1);
    const size_t at = text.find_last_of('\n');
    return at == std::string::npos ? text : text.substr(at + 1);
  }
  // The rest of the first line of `out` that begins with `key`.
  std::string ValueOf(const std::string& key) const {
    const size_t at = out.find("\n" + key);
    if (at == std::string::npos) return "";
    const size_t begin = at + 1 + key.size();
    return out.substr(begin, out.find('\n', begin) - begin);
  }
};

inline Outcome RunVuser(const std::vector<std::string>& arguments) {
  std::ostringstream out;
  std::ostringstream err;
  const Console console{.out = out, .err = err};
  const int code = RunApp(arguments, console);
  return {.code = code, .out = out.str(), .err = err.str()};
}

}  // namespace virtio_user::cli

#endif  // TESTS_CLI_SUPPORT_H_
