// SPDX-License-Identifier: BSD-3-Clause

#include "cli/bench_report.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/printable_text.h"
#include "cli/report.h"
#include "cli/report_json.h"
#include "cli/text_table.h"

namespace virtio_user::cli {
namespace {

using nlohmann::ordered_json;

constexpr double kNanosecondsPerMicrosecond = 1000;

double Mpps(double nanoseconds_each) {
  return nanoseconds_each == 0 ? 0
                               : kNanosecondsPerMicrosecond / nanoseconds_each;
}

std::string Meaning(const BenchOptions& options) {
  const std::string cycles =
      "\nCycles, of the processor's time stamp counter, are those of Receive "
      "and Send when\nsomething had come: the driver's side alone. Mpps and ns "
      "are by the clock";
  if (options.simulated()) {
    return cycles +
           ", and\nthe simulated back-end is in this process and on this "
           "thread: they include all\nthat it does and checks.\n";
  }
  return cycles + ": what\nthe slower one of the two sides allows.\n";
}

}  // namespace

std::string BenchReport(const BenchResult& result) {
  const BenchOptions& options = result.options;
  std::string text = fmt::format(
      "back-end: {}\nframes of {} bytes, rings of {}, bursts of {}; medians of "
      "{} interleaved rounds\n\n",
      Printable(options.backend), ToText(options.sizes), options.queue_size,
      options.burst, options.rounds);
  TextTable table({"path", "Mpps", "ns/packet", "cycles/packet"},
                  TextTable::Others::kRight);
  std::string notes;
  for (const PathBench& bench : result.paths) {
    if (bench.rounds.empty()) {
      if (!bench.why.empty()) notes += "  " + Printable(bench.why) + "\n";
      continue;
    }
    if (bench.burst < options.burst) {
      notes += fmt::format(
          "  {}: bursts of {}: its rings have no room for --burst {}\n",
          bench.path.name, bench.burst, options.burst);
    }
    const double each = bench.MedianNanoseconds();
    table.Add({bench.path.name, fmt::format("{:.2f}", Mpps(each)),
               fmt::format("{:.1f}", each),
               fmt::format("{:.1f}", bench.MedianCycles())});
  }
  table.Add(
      {fmt::format("memcpy, {} bytes", options.sizes.max + kNetHeaderBytes),
       fmt::format("{:.2f}", Mpps(result.copy_nanoseconds)),
       fmt::format("{:.1f}", result.copy_nanoseconds), ""});
  text += table.Text() + notes + Meaning(options);
  return text + "\n" + VerdictLine(result.failure);
}

std::string BenchJson(const BenchResult& result) {
  const BenchOptions& options = result.options;
  ordered_json paths = ordered_json::array();
  for (const PathBench& bench : result.paths) {
    ordered_json rounds = ordered_json::array();
    for (const BenchRound& round : bench.rounds) {
      rounds.push_back({{"packets", round.packets},
                        {"time_ns", round.time.count()},
                        {"cycles", round.cycles}});
    }
    const double each = bench.MedianNanoseconds();
    paths.push_back({{"name", bench.path.name},
                     {"why", bench.why},
                     {"burst", bench.burst},
                     {"indirect", bench.indirect},
                     {"mpps", Mpps(each)},
                     {"ns_per_packet", each},
                     {"cycles_per_packet", bench.MedianCycles()},
                     {"rounds", rounds}});
  }
  ordered_json document = {{"schema", kJsonSchema},
                           {"command", "bench"},
                           {"options",
                            {{"backend", options.backend},
                             {"same_thread", options.simulated()},
                             {"queue_size", options.queue_size},
                             {"burst", options.burst},
                             {"size", {options.sizes.min, options.sizes.max}},
                             {"rounds", options.rounds}}},
                           {"paths", paths},
                           {"memcpy_ns", result.copy_nanoseconds},
                           {"verdict", result.failure ? "fail" : "pass"},
                           {"reason", nullptr}};
  if (result.failure) document["reason"] = result.failure->text;
  return document.dump(2, ' ', false, ordered_json::error_handler_t::replace) +
         "\n";
}

}  // namespace virtio_user::cli
