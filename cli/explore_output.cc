// SPDX-License-Identifier: BSD-3-Clause

#include "cli/explore_output.h"

#include <fmt/format.h>

#include <ostream>

#include "cli/atomic_file.h"
#include "cli/printable_text.h"

namespace virtio_user::cli {
namespace {

constexpr const char* kStandardOutput = "-";
constexpr int64_t kMaxJobs = 1024;

Failure JsonFailure(ExitCode code, const ExploreCommonArguments& arguments,
                    const std::string& why) {
  return {code, "--json " + *arguments.json_path + ": " + why};
}

}  // namespace

void AddExploreCommonOptions(const Command& command,
                             ExploreCommonArguments& arguments) {
  command.Add("--jobs", arguments.jobs, "Threads").ShowDefault().Type("J");
  command
      .Add("--json", arguments.json_path,
           "Write JSON too; '-': JSON on standard output in place of\n"
           "the table")
      .Type("FILE");
}

void AddExploreTimeout(const Command& command,
                       ExploreCommonArguments& arguments) {
  command
      .Add("--timeout", arguments.timeout_seconds,
           "Seconds of real time for one case")
      .ShowDefault()
      .Type("S");
}

std::expected<backend_sim::ExploreOptions, Failure> CheckExploreCommon(
    const ExploreCommonArguments& arguments, const Console& console) {
  if (arguments.jobs < 1 || arguments.jobs > kMaxJobs) {
    return std::unexpected(Failure{
        ExitCode::kUsage,
        fmt::format("--jobs {}: say 1 to {}", arguments.jobs, kMaxJobs)});
  }
  if (arguments.timeout_seconds == 0) {
    return std::unexpected(
        Failure{ExitCode::kUsage, "--timeout 0: say 1 or more seconds"});
  }
  if (arguments.json_path && *arguments.json_path != kStandardOutput) {
    const auto writable = CheckWritable(*arguments.json_path);
    if (!writable) {
      return std::unexpected(
          JsonFailure(ExitCode::kUsage, arguments, writable.error()));
    }
  }
  return backend_sim::ExploreOptions{
      .jobs = static_cast<unsigned>(arguments.jobs),
      .interrupted = console.interrupted};
}

ExitCode TellFailure(const Failure& failure, const Console& console) {
  console.err << "vuser: " << Printable(failure.text) << std::endl;
  return failure.code;
}

ExitCode WriteExploreResult(const ExploreTexts& texts,
                            const std::optional<Failure>& failure,
                            const ExploreCommonArguments& arguments,
                            const Console& console) {
  const bool json_only = arguments.json_path == kStandardOutput;
  console.out << (json_only ? texts.json : texts.report) << std::flush;
  ExitCode code = ExitCode::kPass;
  if (failure) code = TellFailure(*failure, console);
  if (!arguments.json_path || json_only) return code;
  const auto written = WriteFileAtomically(*arguments.json_path, texts.json);
  if (written) return code;
  return TellFailure(JsonFailure(ExitCode::kFail, arguments, written.error()),
                     console);
}

}  // namespace virtio_user::cli
