// SPDX-License-Identifier: BSD-3-Clause

#include "cli/run_command.h"

#include <fmt/format.h>

#include <ostream>
#include <string>
#include <utility>

#include "cli/atomic_file.h"
#include "cli/environment.h"
#include "cli/memory_need.h"
#include "cli/net_driver.h"
#include "cli/printable_text.h"
#include "cli/progress.h"
#include "cli/report.h"
#include "cli/report_json.h"
#include "cli/runner.h"

namespace virtio_user::cli {
namespace {

constexpr const char* kFooter = R"text(
what happens:
  A device is brought up on the back-end. Packets (--size, or a capture's) go
  out on every queue pair, and every byte that comes back is compared. On the
  way: 1, then all, then 1 pair by commands in the control queue; a memory
  region is added and removed; the device is stopped and started again, three
  times (--restarts). The last line is "verdict: pass" or "verdict: FAIL
  (reason)".

examples:
  vuser run
      on the embedded simulated back-end; the same seed gives the same hash
  vuser run --backend /tmp/v.sock --queues 4 --packets 1000000
      on a vhost-user server that echoes packets, such as DPDK's testpmd
  vuser run --backend /dev/vhost-net --queues 2
      on the kernel's vhost-net, as root; vuser itself is the network behind
      the tap and sends every frame back
  vuser run --path packed-inorder-mrg --size 60-9000
      the rings and the frames that are asked for, or none
  vuser run --backend /tmp/v.sock --pcap-in a.pcap --pcap-out b.pcap
      the packets of a capture; b.pcap holds those that came back
  vuser run --backend /tmp/v.sock --server --timeout 30
      waits at most 30 seconds for the back-end to connect

exit code: 0 pass, 1 fail, 2 wrong arguments (also such that the back-end
cannot serve), 3 no back-end was reached (nothing came from it)
)text";

void AddDeviceOptions(const Command& run, RunArguments& arguments) {
  run.Add("--backend", arguments.backend,
          "'sim', the path of a vhost-user socket,\n/dev/vhost-net or "
          "/dev/vhost-vdpa-N")
      .ShowDefault()
      .Type("sim|PATH");
  run.Add("--queues", arguments.queues, "Queue pairs, 1 to 128 (on a tap: 256)")
      .ShowDefault()
      .Type("N");
  run.Add("--queue-size", arguments.queue_size,
          "Descriptors of each ring, up to 32768; a power of two\n"
          "unless --packed")
      .ShowDefault()
      .Type("N");
  run.Add("--mac", arguments.mac, "The device's address, as 02:00:00:00:00:01")
      .Type("M");
  run.Add("--ifname", arguments.ifname,
          "The tap of /dev/vhost-net, as tap0 or tap%d; refused\n"
          "for sockets")
      .Type("NAME");
  run.AddFlag("--server", arguments.server,
              "Listen at PATH and wait for the back-end to connect");
  run.Add("--personality", arguments.personality,
          "How the embedded back-end behaves where it may choose")
      .Type("NAME");
  run.Add("--reconnect", arguments.reconnect_seconds,
          "Go on when the back-end goes away and comes back,\n"
          "each time within S seconds; packets that were under\n"
          "way are lost and counted")
      .Type("S");
  run.Add("--timeout", arguments.timeout_seconds,
          "Seconds that one call may take; packets may stand\n"
          "still 2.5 times as long")
      .ShowDefault()
      .Type("S");
}

void AddPathOptions(const Command& run, PathArguments& arguments) {
  run.AddFlag("--packed", arguments.packed,
              "Packed rings; without it they are split");
  run.AddFlag("--in-order", arguments.in_order,
              "Insist on VIRTIO_F_IN_ORDER, which is used if offered");
  run.AddFlag("--no-in-order", arguments.no_in_order, "Do not use it");
  run.AddFlag("--no-mrg-rxbuf", arguments.no_mrg_rxbuf,
              "Do not use VIRTIO_NET_F_MRG_RXBUF");
  run.AddFlag("--indirect", arguments.indirect,
              "Insist on VIRTIO_F_INDIRECT_DESC, which is used if\n"
              "offered");
  run.AddFlag("--no-indirect", arguments.no_indirect, "Do not use it");
  run.Add("--path", arguments.path,
          "Insist on one data path:\n"
          "split-mrg, split-nomrg, split-inorder-mrg,\n"
          "split-inorder-nomrg, and the same with packed-;\n"
          "split-vec, packed-vec: without indirect tables")
      .Type("NAME");
}

void AddTrafficOptions(const Command& run, RunArguments& arguments) {
  run.Add("--packets", arguments.packets,
          "Packets in all, over all pairs [10000]")
      .Type("N");
  run.Add("--traffic", arguments.traffic,
          "echo: all come back and are compared; send: the\n"
          "back-end only takes; receive: it only gives; none")
      .ShowDefault()
      .Type("KIND");
  run.Add("--size", arguments.sizes,
          "Bytes of a frame, within 60-65535 [60-1514]")
      .Type("MIN-MAX");
  run.Add("--burst", arguments.burst,
          "Packets that one call sends or receives, 1 to 256")
      .ShowDefault()
      .Type("N");
  run.Add("--restarts", arguments.restarts,
          "How often the device is stopped and started again")
      .ShowDefault()
      .Type("N");
  run.Add("--pcap-in", arguments.pcap_in,
          "Send the packets of this capture, in order")
      .Type("FILE");
  run.Add("--pcap-out", arguments.pcap_out,
          "Write those that came back, in the same order")
      .Type("FILE");
  run.Add("--seed", arguments.seed,
          "Decides sizes and contents of packets and all that\n"
          "the simulated back-end does")
      .ShowDefault()
      .Type("S");
  run.Add("--json", arguments.json_path,
          "Write the report as JSON too; '-': JSON on standard\n"
          "output and the table on standard error")
      .Type("FILE");
  run.AddFlag("-v,--verbose", arguments.verbose,
              "Show every message as it passes");
}

std::string JsonText(const std::string& path) { return "--json " + path; }

// What came back of a capture, where it is wanted.
std::expected<void, std::string> WriteCapture(const RunResult& result) {
  const RunOptions& options = result.options;
  if (!options.pcap_out || !result.capture) return {};
  const auto written = WriteFileAtomically(
      *options.pcap_out, options.capture->FileOf(result.capture->returned));
  if (written) return {};
  return std::unexpected("--pcap-out " + *options.pcap_out + ": " +
                         written.error());
}

ExitCode Report(RunResult result, const Console& console) {
  const std::optional<std::string>& path = result.options.json_path;
  const bool json_to_out = path == "-";
  std::ostream& text_out = json_to_out ? console.err : console.out;
  std::optional<Failure>& failure = result.failure;
  if (const auto written = WriteCapture(result); !written && !failure) {
    failure = Failure{ExitCode::kFail, written.error()};
  }
  if (json_to_out) {
    console.out << RunJson(result) << std::flush;
  } else if (path) {
    const auto written = WriteFileAtomically(*path, RunJson(result));
    if (!written && !failure) {
      failure =
          Failure{ExitCode::kFail, JsonText(*path) + ": " + written.error()};
    }
  }
  if (failure) {
    console.err << "vuser: " << Printable(failure->text) << std::endl;
  }
  text_out << RunReport(result) << std::flush;
  return failure ? failure->code : ExitCode::kPass;
}

// Whether the files that will be written can be; kUsage names the option.
std::expected<void, Failure> CheckFiles(const RunOptions& options) {
  const auto check = [](const char* option,
                        const std::optional<std::string>& path)
      -> std::expected<void, Failure> {
    if (!path || *path == "-") return {};
    const auto writable = CheckWritable(*path);
    if (writable) return {};
    return std::unexpected(
        Failure{ExitCode::kUsage,
                std::string(option) + " " + *path + ": " + writable.error()});
  };
  if (auto ok = check("--json", options.json_path); !ok) return ok;
  return check("--pcap-out", options.pcap_out);
}

// Whether this machine has the memory that the run will need.
std::expected<void, Failure> CheckRoom(const RunOptions& options) {
  auto failure = CheckMemory(NeedOf(options), MemAvailable());
  if (!failure) return {};
  return std::unexpected(std::move(*failure));
}

RunResult Run(const RunOptions& options, const Console& console) {
  Progress progress(console, "packets");
  MessageTap::OnLine on_line;
  if (options.verbose) {
    on_line = [&](const std::string& line) { progress.Line(line); };
  }
  auto environment = MakeEnvironment(
      {.backend = options.backend,
       .server = options.server,
       .queue_pairs = options.queues,
       .mac = options.mac,
       .ifname = options.ifname,
       .max_frame_bytes = options.max_frame_bytes(),
       .seed = options.seed,
       .traffic = options.traffic,
       .personality = options.personality.value_or("conforming"),
       .in_order = options.path.in_order == Wish::kRequired,
       .memory_bytes = NetDriver::MemoryFor(NeedOf(options).shape),
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

void AddRunCommand(const Command& app, RunArguments& arguments) {
  const Command run =
      app.AddCommand("run", "Exercises a back-end with packets");
  AddDeviceOptions(run, arguments);
  AddPathOptions(run, arguments.path);
  AddTrafficOptions(run, arguments);
  run.Footer(kFooter);
}

ExitCode RunCommand(const RunArguments& arguments, const Console& console) {
  auto options = CheckRunArguments(arguments);
  std::expected<void, Failure> ready;
  if (!options) ready = std::unexpected(options.error());
  if (ready) ready = LoadCapture(*options);
  if (ready) ready = CheckRoom(*options);
  if (ready) ready = CheckFiles(*options);
  if (!ready) {
    console.err << "vuser: " << Printable(ready.error().text) << std::endl;
    return ready.error().code;
  }
  return Report(Run(*options, console), console);
}

}  // namespace virtio_user::cli
