// SPDX-License-Identifier: BSD-3-Clause

#ifndef TESTS_INTEROP_GUEST_H_
#define TESTS_INTEROP_GUEST_H_

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace interop {

// What one command of a guest came to.
struct GuestOutcome {
  std::string command{};
  std::string output{};
  std::optional<int> exit_code{};  // None where the guest ended before.
};

// Reads what tools/guest/run.sh prints.
std::vector<GuestOutcome> ParseOutcomes(std::string_view text);

struct GuestOptions {
  std::string name{};                   // Of tools/guest/build.sh.
  std::string folder{};                 // For outputs.
  std::vector<std::string> commands{};  // One shell each, as root, in turn.
  std::vector<std::string> programs{};  // Paths below the tree's root.
  int megabytes = 512;
  std::chrono::seconds deadline{180};  // Of all of it.
};

struct GuestReport {
  std::optional<std::string> why_not{};  // Why no guest can run here.
  // Why it did not come to its end, with the console's last lines.
  std::string trouble{};
  std::vector<GuestOutcome> outcomes{};
};

// Boots a guest of its own that has the project's command as `vuser`, and other
// programs by their names, and waits for its end.
GuestReport RunGuest(const GuestOptions& options);

}  // namespace interop

#endif  // TESTS_INTEROP_GUEST_H_
