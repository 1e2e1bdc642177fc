// SPDX-License-Identifier: BSD-3-Clause

#ifndef CLI_EXIT_CODE_H_
#define CLI_EXIT_CODE_H_

#include <cstdint>
#include <string>
#include <vector>

namespace virtio_user::cli {

// What the command tells the shell.
enum class ExitCode : uint8_t {
  kPass = 0,
  kFail = 1,         // The back-end was reached, and something was wrong.
  kUsage = 2,        // The arguments ask for something that cannot be.
  kUnreachable = 3,  // Not one byte came from the back-end.
  // Of a simulated run:
  kViolation = 4,       // Something did not hold that has to.
  kLiveness = 5,        // It did not come to life again, or never ended.
  kCrash = 6,           // The process died.
  kNondeterminism = 7,  // Twice the same run, and not the same came of it.
};

// Why a command ends early. The text names the thing, the value and, where
// there is one, the remedy.
struct Failure {
  ExitCode code = ExitCode::kFail;
  std::string text;
  // Where the text tells the first of several problems: the first few, each in
  // full.
  std::vector<std::string> details = {};
};

}  // namespace virtio_user::cli

#endif  // CLI_EXIT_CODE_H_
