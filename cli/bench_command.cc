// SPDX-License-Identifier: BSD-3-Clause

#include "cli/bench_command.h"

#include <fmt/format.h>

#include <cmath>
#include <ostream>

#include "cli/atomic_file.h"
#include "cli/bench_report.h"
#include "cli/path_bench.h"
#include "cli/printable_text.h"

namespace virtio_user::cli {
namespace {

constexpr const char* kAllPaths = "all";
constexpr const char* kStandardOutput = "-";
constexpr int64_t kMaxRounds = 1000;
constexpr int64_t kMaxPackets = 10'000'000'000;
constexpr double kMaxSeconds = 3600;
constexpr double kDefaultSeconds = 0.2;

constexpr const char* kFooter = R"text(
what happens:
  On each path in turn, a device with one pair is brought up. As many packets
  as half a ring holds, 128 or --burst at most, go round: what comes in goes
  out again. Nothing is compared; vuser run does that.

examples:
  vuser bench
      on the embedded simulated back-end, in the same process and thread
  vuser bench --backend /tmp/v.sock --path packed-inorder-mrg --seconds 5
      on a vhost-user server that echoes packets, such as DPDK's testpmd
)text";

std::unexpected<Failure> Usage(std::string text) {
  return std::unexpected(Failure{ExitCode::kUsage, std::move(text)});
}

std::expected<void, Failure> CheckLength(const BenchArguments& arguments,
                                         BenchOptions& options) {
  if (arguments.packets && arguments.seconds) {
    return Usage("--packets and --seconds: leave one of the two out");
  }
  if (arguments.packets) {
    if (*arguments.packets < 1 || *arguments.packets > kMaxPackets) {
      return Usage(fmt::format("--packets {}: say 1 to {}", *arguments.packets,
                               kMaxPackets));
    }
    options.packets = static_cast<uint64_t>(*arguments.packets);
  }
  const double seconds = arguments.seconds.value_or(kDefaultSeconds);
  // A comparison with NaN is false.
  if (!(seconds > 0 && seconds <= kMaxSeconds)) {
    return Usage(fmt::format("--seconds {}: say more than 0, and {} at most",
                             seconds, kMaxSeconds));
  }
  options.time = Duration(std::llround(seconds * 1e9));
  if (arguments.rounds < 1 || arguments.rounds > kMaxRounds) {
    return Usage(
        fmt::format("--rounds {}: say 1 to {}", arguments.rounds, kMaxRounds));
  }
  options.rounds = static_cast<uint16_t>(arguments.rounds);
  return {};
}

std::expected<void, Failure> CheckPaths(const BenchArguments& arguments,
                                        BenchOptions& options) {
  Wish packed = Wish::kRefused;
  if (arguments.path == kAllPaths) {
    options.all = true;
    for (const DataPath& path : AllDataPaths()) {
      options.paths.push_back({std::string(path.name), WishesFor(path)});
    }
  } else if (FindPath(arguments.path) == nullptr) {
    return Usage(fmt::format("--path {}: say all or one of {}", arguments.path,
                             PathNames()));
  } else {
    PathArguments typed;
    typed.path = arguments.path;
    const auto wishes = CheckPathArguments(typed);
    if (!wishes) return std::unexpected(wishes.error());
    options.paths.push_back({arguments.path, *wishes});
    packed = wishes->packed;
  }
  const auto size =
      CheckQueueSize(arguments.queue_size, packed, "--path packed-...");
  if (!size) return std::unexpected(size.error());
  options.queue_size = *size;
  return {};
}

ExitCode Fail(const Failure& failure, const Console& console) {
  console.err << "vuser: " << Printable(failure.text) << std::endl;
  return failure.code;
}

}  // namespace

std::expected<BenchOptions, Failure> CheckBenchArguments(
    const BenchArguments& arguments) {
  BenchOptions options;
  options.backend = arguments.backend;
  options.json_path = arguments.json_path;
  std::expected<void, Failure> good =
      CheckBackendChoice(arguments.backend, false);
  if (good) good = CheckLength(arguments, options);
  if (good) good = CheckPaths(arguments, options);
  if (!good) return std::unexpected(good.error());
  const auto sizes = ParseFrameSizes(arguments.sizes);
  if (!sizes) return std::unexpected(sizes.error());
  const auto burst = CheckBurst(arguments.burst);
  if (!burst) return std::unexpected(burst.error());
  const auto timeout = CheckSeconds("--timeout", arguments.timeout_seconds);
  if (!timeout) return std::unexpected(timeout.error());
  options.sizes = *sizes;
  options.burst = *burst;
  options.timeout = *timeout;
  if (!options.json_path || *options.json_path == kStandardOutput) {
    return options;
  }
  const auto writable = CheckWritable(*options.json_path);
  if (writable) return options;
  return Usage("--json " + *options.json_path + ": " + writable.error());
}

void AddBenchCommand(const Command& app, BenchArguments& arguments) {
  const Command bench =
      app.AddCommand("bench", "Measures what a packet costs, by data path");
  const auto number = [&](const char* name, int64_t& value, const char* text) {
    bench.Add(name, value, text).ShowDefault().Type("N");
  };
  bench
      .Add("--backend", arguments.backend,
           "'sim', or the path of a vhost-user socket")
      .ShowDefault()
      .Type("sim|PATH");
  bench.Add("--path", arguments.path, "One data path, or all of them")
      .ShowDefault()
      .Type("NAME|all");
  bench
      .Add("--packets", arguments.packets,
           "Packets of each round, in place of seconds")
      .Type("N");
  bench
      .Add("--seconds", arguments.seconds,
           "Seconds that each round takes [0.2]")
      .Type("S");
  number("--rounds", arguments.rounds, "Rounds to take the median of");
  bench.Add("--size", arguments.sizes, "Bytes of a frame, within 60-65535")
      .ShowDefault()
      .Type("N|MIN-MAX");
  number("--burst", arguments.burst,
         "Packets that one call sends or receives, 1 to 256");
  number("--queue-size", arguments.queue_size, "Descriptors of each ring");
  bench
      .Add("--timeout", arguments.timeout_seconds,
           "Seconds that one call may take; packets may stand\n"
           "still 2.5 times as long")
      .ShowDefault()
      .Type("S");
  bench
      .Add("--json", arguments.json_path,
           "Write JSON too; '-': JSON on standard output in place of\n"
           "the table")
      .Type("FILE");
  bench.Footer(kFooter);
}

ExitCode BenchCommand(const BenchArguments& arguments, const Console& console) {
  const auto options = CheckBenchArguments(arguments);
  if (!options) return Fail(options.error(), console);
  BenchResult result = RunBench(*options, console);
  const bool json_only = options->json_path == kStandardOutput;
  if (options->json_path && !json_only) {
    const auto written =
        WriteFileAtomically(*options->json_path, BenchJson(result));
    if (!written && !result.failure) {
      result.failure =
          Failure{ExitCode::kFail,
                  "--json " + *options->json_path + ": " + written.error()};
    }
  }
  console.out << (json_only ? BenchJson(result) : BenchReport(result))
              << std::flush;
  return result.failure ? Fail(*result.failure, console) : ExitCode::kPass;
}

}  // namespace virtio_user::cli
