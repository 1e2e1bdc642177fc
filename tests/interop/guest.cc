// SPDX-License-Identifier: BSD-3-Clause

#include "tests/interop/guest.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <utility>

#include "tests/interop/child_process.h"

namespace interop {
namespace {

using std::chrono::seconds;

// Exit codes of tools/guest/run.sh.
constexpr int kAllPassed = 0;
constexpr int kOneFailed = 1;
constexpr int kCannotRun = 77;

// A guest that is not there yet is built first, out of packages.
constexpr seconds kBuildPatience(300);

// Bazel puts it among the test's files.
std::string TestFile(const std::string& path) {
  const char* const files = std::getenv("TEST_SRCDIR");
  const char* const workspace = std::getenv("TEST_WORKSPACE");
  if (files == nullptr || workspace == nullptr) return path;
  return std::string(files) + "/" + workspace + "/" + path;
}

// "rest" of a line "guest: TOKEN rest".
std::optional<std::string_view> After(std::string_view line,
                                      std::string_view token) {
  if (!line.starts_with(token)) return std::nullopt;
  return line.substr(token.size());
}

}  // namespace

std::vector<GuestOutcome> ParseOutcomes(std::string_view text) {
  std::vector<GuestOutcome> outcomes;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (const auto command = After(line, "guest: command ")) {
      const size_t colon = command->find(": ");
      outcomes.push_back(
          {.command = std::string(colon == command->npos
                                      ? *command
                                      : command->substr(colon + 2))});
    } else if (outcomes.empty() || outcomes.back().exit_code) {
      continue;  // Before the first command, or between two.
    } else if (const auto code = After(line, "guest: exit ")) {
      int value = -1;
      std::from_chars(code->data(), code->data() + code->size(), value);
      outcomes.back().exit_code = value;
      // The line break in front of this line is none of the output's.
      std::string& output = outcomes.back().output;
      if (output.ends_with('\n')) output.pop_back();
    } else {
      outcomes.back().output.append(line).push_back('\n');
    }
  }
  return outcomes;
}

GuestReport RunGuest(const GuestOptions& options) {
  const std::string output = options.folder + "/guest.out";
  const std::string error = options.folder + "/guest.err";
  std::vector<std::string> arguments = {
      TestFile("tools/guest/run.sh"), "--file",
      TestFile("cli/vuser_static") + "=vuser"};
  for (const std::string& program : options.programs) {
    arguments.insert(arguments.end(), {"--file", TestFile(program)});
  }
  arguments.insert(arguments.end(),
                   {"--memory", std::to_string(options.megabytes), "--deadline",
                    std::to_string(options.deadline.count()), options.name});
  arguments.insert(arguments.end(), options.commands.begin(),
                   options.commands.end());
  const auto child = ChildProcess::Start({.arguments = std::move(arguments),
                                          .output_path = output,
                                          .error_path = error});
  if (child == nullptr) return {.trouble = "run.sh cannot be started"};
  const auto code = child->Wait(options.deadline + kBuildPatience);
  if (code == kCannotRun) return {.why_not = ReadFile(error)};
  GuestReport report{.outcomes = ParseOutcomes(ReadFile(output))};
  if (code != kAllPassed && code != kOneFailed) {
    report.trouble =
        "run.sh " +
        (code ? "ended with " + std::to_string(*code) : std::string("hangs")) +
        ":\n" + ReadFile(error);
  }
  return report;
}

}  // namespace interop
