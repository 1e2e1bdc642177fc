// SPDX-License-Identifier: BSD-3-Clause

#include "cli/probe_command.h"

#include <ostream>

#include "cli/atomic_file.h"
#include "cli/environment.h"
#include "cli/printable_text.h"
#include "cli/probe.h"
#include "cli/probe_report.h"
#include "cli/report_json.h"
#include "cli/run_options.h"

namespace virtio_user::cli {
namespace {

constexpr const char* kStandardOutput = "-";

constexpr const char* kFooter = R"(
examples:
  vuser probe /tmp/v.sock
  vuser probe /tmp/v.sock --json -
  vuser probe /dev/vhost-net
  vuser probe /dev/vhost-vdpa-0
  vuser probe sim

exit code: 0 it answered, 1 it answered wrongly, 2 wrong arguments, 3 no
back-end was reached
)";

ExitCode Fail(const Failure& failure, const Console& console) {
  console.err << "vuser: " << Printable(failure.text) << std::endl;
  return failure.code;
}

Failure JsonFailure(ExitCode code, const ProbeArguments& arguments,
                    const std::string& why) {
  return {code, "--json " + *arguments.json_path + ": " + why};
}

}  // namespace

std::expected<Duration, Failure> CheckProbeArguments(
    const ProbeArguments& arguments) {
  const auto choice = CheckBackendChoice(arguments.backend, arguments.server);
  if (!choice) return std::unexpected(choice.error());
  if (arguments.json_path && *arguments.json_path != kStandardOutput) {
    const auto writable = CheckWritable(*arguments.json_path);
    if (!writable) {
      return std::unexpected(
          JsonFailure(ExitCode::kUsage, arguments, writable.error()));
    }
  }
  return CheckSeconds("--timeout", arguments.timeout_seconds);
}

void AddProbeCommand(const Command& app, ProbeArguments& arguments) {
  const Command probe = app.AddCommand(
      "probe", "Shows what a back-end offers, and starts nothing");
  probe
      .Add("PATH", arguments.backend,
           "The path of a vhost-user socket, "
           "/dev/vhost-net,\n/dev/vhost-vdpa-N or 'sim'")
      .Required()
      .Type("");
  probe
      .Add("--json", arguments.json_path,
           "Write JSON too; '-': JSON on standard output in place of\n"
           "the table")
      .Type("FILE");
  probe.AddFlag("--server", arguments.server,
                "Listen at PATH and wait for the back-end to connect");
  probe
      .Add("--timeout", arguments.timeout_seconds,
           "Seconds that the back-end may take in all")
      .ShowDefault()
      .Type("S");
  probe.AddFlag("-v,--verbose", arguments.verbose,
                "Show every message as it passes");
  probe.Footer(kFooter);
}

ExitCode ProbeCommand(const ProbeArguments& arguments, const Console& console) {
  const auto timeout = CheckProbeArguments(arguments);
  if (!timeout) return Fail(timeout.error(), console);
  EnvironmentOptions options;
  options.backend = arguments.backend;
  options.server = arguments.server;
  options.interrupted = console.interrupted;
  if (arguments.verbose) {
    options.on_line = [&](const std::string& line) {
      console.err << line << '\n';
    };
  }
  auto environment = MakeEnvironment(options);
  if (!environment) return Fail(environment.error(), console);
  auto result = Probe(**environment, *timeout);
  if (!result && console.Interrupted()) {
    return Fail({ExitCode::kFail, "interrupted"}, console);
  }
  if (!result) return Fail(result.error(), console);
  result->backend = arguments.backend;
  const bool json_only = arguments.json_path == kStandardOutput;
  console.out << (json_only ? ProbeJson(*result) : ProbeReport(*result))
              << std::flush;
  if (!arguments.json_path || json_only) return ExitCode::kPass;
  const auto written =
      WriteFileAtomically(*arguments.json_path, ProbeJson(*result));
  if (written) return ExitCode::kPass;
  return Fail(JsonFailure(ExitCode::kFail, arguments, written.error()),
              console);
}

}  // namespace virtio_user::cli
