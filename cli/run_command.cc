// SPDX-License-Identifier: BSD-3-Clause

#include "cli/run_command.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <ostream>
#include <string>

#include "cli/atomic_file.h"
#include "cli/environment.h"
#include "cli/net_driver.h"
#include "cli/printable_text.h"
#include "cli/progress.h"
#include "cli/report.h"
#include "cli/report_json.h"
#include "cli/runner.h"
#include "cli/whole_number.h"

namespace virtio_user::cli {
namespace {

constexpr const char* kFooter = R"text(
what happens:
  A device is brought up on the back-end. Packets of 60 to 1514 bytes go out on
  every queue pair, and every byte that comes back is compared. On the way: 1,
  then all, then 1 pair by commands in the control queue; a memory region is
  added and removed; the device is stopped and started again three times. The
  last line is "verdict: pass" or "verdict: FAIL (reason)".

examples:
  vuser run
      on the embedded simulated back-end; the same seed gives the same hash
  vuser run --backend /tmp/v.sock --queues 4 --packets 1000000
      on a vhost-user server that echoes packets, such as DPDK's testpmd
  vuser run --backend /tmp/v.sock --server --timeout 30
      waits at most 30 seconds for the back-end to connect

exit code: 0 pass, 1 fail, 2 wrong arguments (also such that the back-end
cannot serve), 3 no back-end was reached (nothing came from it)
)text";

void AddDeviceOptions(CLI::App& run, RunArguments& arguments) {
  run.add_option("--backend", arguments.backend,
                 "'sim', or the path of a vhost-user socket")
      ->capture_default_str()
      ->type_name("sim|PATH");
  run.add_option("--queues", arguments.queues, "Queue pairs, 1 to 128")
      ->transform(WholeNumber<int64_t>())
      ->capture_default_str()
      ->type_name("N");
  run.add_option("--queue-size", arguments.queue_size,
                 "Descriptors of each ring, a power of two up to 32768")
      ->transform(WholeNumber<int64_t>())
      ->capture_default_str()
      ->type_name("N");
  run.add_option("--mac", arguments.mac,
                 "The device's address, as 02:00:00:00:00:01")
      ->type_name("M");
  run.add_option("--ifname", arguments.ifname,
                 "Interface of a kernel back-end; refused for sockets")
      ->type_name("NAME");
  run.add_flag("--server", arguments.server,
               "Listen at PATH and wait for the back-end to connect");
  run.add_flag("--no-mrg-rxbuf", arguments.no_mrg_rxbuf,
               "Do not offer VIRTIO_NET_F_MRG_RXBUF to the driver");
  run.add_flag("--no-in-order", arguments.no_in_order,
               "Do not offer VIRTIO_F_IN_ORDER to the driver");
  run.add_option("--timeout", arguments.timeout_seconds,
                 "Seconds that one call may take; packets may stand\n"
                 "still 2.5 times as long")
      ->capture_default_str()
      ->type_name("S");
}

void AddTrafficOptions(CLI::App& run, RunArguments& arguments) {
  run.add_option("--packets", arguments.packets,
                 "Packets in all, over all pairs [10000]")
      ->transform(WholeNumber<int64_t>())
      ->type_name("N");
  run.add_option("--traffic", arguments.traffic,
                 "echo: all come back and are compared; send: the\n"
                 "back-end only takes; receive: it only gives; none")
      ->capture_default_str()
      ->type_name("KIND");
  run.add_option("--seed", arguments.seed,
                 "Decides sizes and contents of packets and all that\n"
                 "the simulated back-end does")
      ->transform(WholeNumber<uint64_t>())
      ->capture_default_str()
      ->type_name("S");
  run.add_option("--json", arguments.json_path,
                 "Write the report as JSON too; '-': JSON on standard\n"
                 "output and the table on standard error")
      ->type_name("FILE");
  run.add_flag("-v,--verbose", arguments.verbose,
               "Show every message as it passes");
}

std::string JsonText(const std::string& path) { return "--json " + path; }

ExitCode Report(const RunResult& result, const Console& console) {
  const std::optional<std::string>& path = result.options.json_path;
  const bool json_to_out = path == "-";
  std::ostream& text_out = json_to_out ? console.err : console.out;
  std::optional<Failure> failure = result.failure;
  if (json_to_out) {
    console.out << RunJson(result) << std::flush;
  } else if (path) {
    const auto written = WriteFileAtomically(*path, RunJson(result));
    if (!written && !failure) {
      failure =
          Failure{ExitCode::kFail, JsonText(*path) + ": " + written.error()};
    }
  }
  RunResult shown = result;
  shown.failure = failure;
  if (failure)
    console.err << "vuser: " << Printable(failure->text) << std::endl;
  text_out << RunReport(shown) << std::flush;
  return failure ? failure->code : ExitCode::kPass;
}

RunResult Run(const RunOptions& options, const Console& console) {
  Progress progress(console);
  MessageTap::OnLine on_line;
  if (options.verbose) {
    on_line = [&](const std::string& line) { progress.Line(line); };
  }
  auto environment = MakeEnvironment(
      {.backend = options.backend,
       .server = options.server,
       .seed = options.seed,
       .traffic = options.traffic,
       .memory_bytes = NetDriver::MemoryFor(options.queues, options.queue_size),
       .on_line = std::move(on_line),
       .interrupted = console.interrupted});
  if (!environment) {
    RunResult result;
    result.options = options;
    result.failure = environment.error();
    return result;
  }
  return Runner(options, **environment, console, progress).Run();
}

}  // namespace

void AddRunCommand(CLI::App& app, RunArguments& arguments) {
  CLI::App* const run =
      app.add_subcommand("run", "Exercises a back-end with packets");
  AddDeviceOptions(*run, arguments);
  AddTrafficOptions(*run, arguments);
  run->footer(kFooter);
}

ExitCode RunCommand(const RunArguments& arguments, const Console& console) {
  const auto options = CheckRunArguments(arguments);
  if (!options) {
    console.err << "vuser: " << Printable(options.error().text) << std::endl;
    return options.error().code;
  }
  if (options->json_path && *options->json_path != "-") {
    if (const auto ok = CheckWritable(*options->json_path); !ok) {
      console.err << "vuser: "
                  << Printable(JsonText(*options->json_path) + ": " +
                               ok.error())
                  << std::endl;
      return ExitCode::kUsage;
    }
  }
  return Report(Run(*options, console), console);
}

}  // namespace virtio_user::cli
