// SPDX-License-Identifier: BSD-3-Clause

#include "cli/simulate_command.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <limits>
#include <ostream>
#include <system_error>
#include <thread>

#include "backend_sim/simulation/scenario.h"
#include "cli/atomic_file.h"
#include "cli/printable_text.h"
#include "cli/simulate_report.h"

namespace virtio_user::cli {
namespace {

using backend_sim::RunReport;
using backend_sim::SeedRunOptions;

constexpr uint64_t kMaxSeeds = 1'000'000'000'000;
constexpr uint32_t kMaxSteps = 1'000'000;
constexpr uint32_t kMaxJobs = 256;

constexpr const char* kFooter = R"text(
what happens:
  Each seed is one life of the real front-end on a simulated back-end in
  virtual time: which back-end, how the stream behaves, what the embedder, the
  driver, the memory and the back-end do, in which order, and which faults come,
  is drawn from the seed alone. After every step the checkers look; at the end
  the faults stop, and the device has to come back to life and carry a packet.

exit codes:
  0 nothing was found, 2 usage, 4 violation, 5 liveness failure, 6 crash,
  7 nondeterminism

examples:
  vuser simulate --seeds 10000
  vuser simulate --seed 4711 --steps 1000 --personality lib-vhost
  vuser replay 4711 --html run.html
)text";

ExitCode Usage(const Console& console, const std::string& text) {
  console.err << "vuser: " << Printable(text) << std::endl;
  return ExitCode::kUsage;
}

std::array<uint64_t, 2> Words(const std::string& hash) {
  std::array<uint64_t, 2> words{};
  for (size_t i = 0; i < 2 && hash.size() == 32; ++i) {
    const char* const begin = hash.data() + 16 * i;
    std::from_chars(begin, begin + 16, words[i], 16);
  }
  return words;
}

// Whether two options name the same file, or both the output.
bool SamePath(const std::string& one, const std::string& other) {
  if (one == "-" || other == "-") return one == other;
  std::error_code error;
  return std::filesystem::weakly_canonical(one, error) ==
         std::filesystem::weakly_canonical(other, error);
}

// Where the reports go: nothing, or why they cannot.
std::string WrongPaths(const SimulateArguments& arguments) {
  const auto& json = arguments.json_path;
  const auto& hashes = arguments.hashes_path;
  if (json && hashes && SamePath(*json, *hashes)) {
    return fmt::format("--json {} --hashes {}: say two files", *json, *hashes);
  }
  for (const auto& [name, path] :
       {std::pair("--json", json), std::pair("--hashes", hashes)}) {
    if (!path || *path == "-") continue;
    if (const auto writable = CheckWritable(*path); !writable) {
      return fmt::format("{} \"{}\": {}", name, *path, writable.error());
    }
  }
  return "";
}

bool WriteTo(const std::string& path, const std::string& text,
             const Console& console) {
  if (path == "-") {
    console.out << text;
    return true;
  }
  const auto written = WriteFileAtomically(path, text);
  if (written) return true;
  console.err << "vuser: " << path << ": " << written.error() << std::endl;
  return false;
}

// The worst that was found. A crash may be the consequence of anything.
ExitCode CodeOf(const FleetResult& result) {
  if (!result.trouble.empty()) return ExitCode::kFail;
  if (result.failures.empty()) {
    return result.interrupted ? ExitCode::kFail : ExitCode::kPass;
  }
  return ExitCodeOf(result.failures.front().verdict);
}

}  // namespace

std::string WrongSimulateArguments(const SimulateArguments& arguments) {
  if (arguments.seeds == 0 || arguments.seeds > kMaxSeeds) {
    return fmt::format("--seeds {}: say 1 to {}", arguments.seeds, kMaxSeeds);
  }
  constexpr uint64_t kMostSeed = std::numeric_limits<uint64_t>::max();
  if (!arguments.seed && arguments.from > kMostSeed - (arguments.seeds - 1)) {
    return fmt::format("--from {} --seeds {}: the last one would be beyond {}",
                       arguments.from, arguments.seeds, kMostSeed);
  }
  if (arguments.steps == 0 || arguments.steps > kMaxSteps) {
    return fmt::format("--steps {}: say 1 to {}", arguments.steps, kMaxSteps);
  }
  if (arguments.jobs && (*arguments.jobs == 0 || *arguments.jobs > kMaxJobs)) {
    return fmt::format("--jobs {}: say 1 to {}", *arguments.jobs, kMaxJobs);
  }
  if (arguments.timeout_seconds == 0) {
    return "--timeout 0: say 1 or more seconds";
  }
  if (arguments.personality &&
      !backend_sim::IsBackend(*arguments.personality)) {
    return fmt::format("--personality {}: say one of {}",
                       *arguments.personality,
                       fmt::join(backend_sim::BackendNames(), ", "));
  }
  return WrongPaths(arguments);
}

SeedOutcome OutcomeOf(const RunReport& report) {
  SeedOutcome outcome{.text = report.FirstText(),
                      .hash = Words(report.hash),
                      .events = report.events,
                      .steps = report.steps};
  if (!report.findings.empty()) {
    outcome.verdict = IsLiveness(report.findings.front().checker)
                          ? SeedVerdict::kLiveness
                          : SeedVerdict::kViolation;
  }
  return outcome;
}

SeedOutcome SimulateSeed(uint64_t seed, const SeedRunOptions& options,
                         bool twice) {
  const backend_sim::SeedRun run = backend_sim::RunSeed(seed, options);
  SeedOutcome outcome = OutcomeOf(run.report);
  outcome.coverage = run.coverage;
  if (!twice) return outcome;
  const std::string again = backend_sim::RunSeed(seed, options).report.hash;
  if (again == run.report.hash) return outcome;
  outcome.verdict = SeedVerdict::kNondeterminism;
  outcome.text =
      fmt::format("hash {}, and the second time {}", run.report.hash, again);
  return outcome;
}

void AddSimulateCommand(const Command& app, SimulateArguments& arguments) {
  const Command command = app.AddCommand(
      "simulate",
      "Runs the front-end through seeds: every order, every fault.");
  command.Footer(kFooter);
  command.Add("--seed", arguments.seed, "This seed alone");
  command
      .Add("--seeds", arguments.seeds,
           fmt::format("How many seeds (default {})", arguments.seeds))
      .Excludes("--seed");
  command.Add("--from", arguments.from, "The first of them (default 1)")
      .Excludes("--seed");
  command.Add("--steps", arguments.steps,
              fmt::format("Operations of each seed before its faults end "
                          "(default {})",
                          arguments.steps));
  command.Add("--jobs", arguments.jobs,
              "Processes at once (default: one for each processor)");
  command.Add("--personality", arguments.personality,
              "This back-end alone, instead of one drawn by each seed");
  command.AddFlag("--check-determinism", arguments.check_determinism,
                  "Runs each seed twice and compares the hashes");
  command.AddFlag("--keep-going", arguments.keep_going,
                  "Does not end at the first failure");
  command.Add("--timeout", arguments.timeout_seconds,
              "Seconds of real time for one seed (default 60)");
  command.Add("--json", arguments.json_path,
              "Also writes the report as JSON; - is the output");
  command.Add("--hashes", arguments.hashes_path,
              "Also writes \"SEED HASH\" of each seed");
}

ExitCode SimulateCommand(const SimulateArguments& arguments,
                         const Console& console) {
  if (const auto wrong = WrongSimulateArguments(arguments); !wrong.empty()) {
    return Usage(console, wrong);
  }
  SeedRunOptions run{.steps = arguments.steps,
                     .backend = arguments.personality};
  run.simulation.trace = {.keep_last = 0, .keep_all = false};
  run.simulation.mappings = std::make_shared<backend_sim::MappingPool>();
  const uint32_t cores = std::max(std::thread::hardware_concurrency(), 1u);
  FleetOptions fleet{
      .first = arguments.seed.value_or(arguments.from),
      .count = arguments.seed ? 1 : arguments.seeds,
      .keep_going = arguments.keep_going,
      .wants_hashes = arguments.hashes_path.has_value(),
      .patience = std::chrono::seconds(arguments.timeout_seconds)};
  fleet.workers = static_cast<uint32_t>(std::min<uint64_t>(
      arguments.jobs.value_or(std::min(cores, kMaxJobs)), fleet.count));
  const bool twice = arguments.check_determinism;
  const FleetResult result = RunFleet(
      fleet, [&](uint64_t seed) { return SimulateSeed(seed, run, twice); },
      console);
  const SimulateSummary summary{
      .arguments = arguments, .fleet = fleet, .result = result};
  if (arguments.json_path != "-" && arguments.hashes_path != "-") {
    console.out << SimulateText(summary);
  }
  bool written = true;
  if (arguments.json_path) {
    written &= WriteTo(*arguments.json_path, SimulateJson(summary), console);
  }
  if (arguments.hashes_path) {
    std::string lines;
    for (const auto& [seed, hash] : result.hashes) {
      lines += fmt::format("{} {}\n", seed, hash);
    }
    written &= WriteTo(*arguments.hashes_path, lines, console);
  }
  const ExitCode code = CodeOf(result);
  return code == ExitCode::kPass && !written ? ExitCode::kFail : code;
}

}  // namespace virtio_user::cli
