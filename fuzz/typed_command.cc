// SPDX-License-Identifier: BSD-3-Clause
//
// Command lines, by command.

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <optional>
#include <sstream>
#include <utility>
#include <vector>

#include "backend_sim/simulation/scenario.h"
#include "cli/command_line.h"
#include "fuzz/finding.h"
#include "fuzz/typed_readers.h"
#include "fuzz/typed_text.h"
#include "virtio_user/os/tap.h"

namespace fuzz {

namespace cli = virtio_user::cli;

namespace {

using Words = std::vector<std::string>;

constexpr int64_t kTenBillion = 10'000'000'000;
constexpr uint32_t kMostSteps = 1'000'000;

Words WordsOf(std::string_view text) {
  Words words;
  while (!text.empty() && words.size() < kMostWords) {
    const size_t end = std::min(text.find('\n'), text.size());
    words.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return words;
}

template <typename T>
bool Within(T value, T least, T most) {
  return least <= value && value <= most;
}

bool IsPatience(virtio_user::Duration time) {
  return Within<int64_t>(time.count(), 1'000'000,
                         86400 * int64_t{1'000'000'000});
}

// Each option is a finding of its own.
void Range(bool holds, std::string_view option) {
  if (!holds) Report({"range", option}, "a value that it cannot have");
}

// Names what is wrong, and says more of it.
void CheckRefusal(const cli::Failure& failure) {
  const bool names = failure.text.find("--") != std::string::npos ||
                     failure.text.starts_with("back-end '");
  Expect(failure.code == cli::ExitCode::kUsage && names &&
             failure.text.find(": ") != std::string::npos,
         "refusal", failure.text);
}

// As readers of the target's own have them.
void CheckTyped(const cli::RunArguments& typed, const cli::RunOptions& run) {
  const bool mac =
      run.mac.has_value() == typed.mac.has_value() &&
      (!run.mac || std::ranges::equal(
                       run.mac->bytes,
                       ReadMac(*typed.mac).value_or(std::array<uint8_t, 6>())));
  Range(mac, "--mac");
  if (!typed.sizes) return;
  const auto sizes = ReadSizes(*typed.sizes);
  Range(sizes && std::pair(run.sizes.min, run.sizes.max) == *sizes, "--size");
}

void CheckRun(cli::RunArguments typed) {
  // Whether a path is a device only the file system can tell.
  if (typed.ifname) (void)virtio_user::CheckInterfaceName(*typed.ifname);
  typed.ifname.reset();
  const auto run = cli::CheckRunArguments(typed);
  if (!run) return CheckRefusal(run.error());
  // A tap has 256, and a vDPA device as many as there are indexes.
  Range(Within<int>(run->queues, 1, 32767), "--queues");
  Range(Within<int>(run->queue_size, 1, 32768), "--queue-size");
  Range(Within<int>(run->burst, 1, 256), "--burst");
  Range(run->restarts <= 10000, "--restarts");
  Range(run->packets <= kTenBillion, "--packets");
  Range(Within<uint32_t>(run->sizes.min, 60, run->sizes.max), "--size");
  Range(run->sizes.max <= 65535, "--size");
  Range(IsPatience(run->timeout), "--timeout");
  Range(!run->reconnect || IsPatience(*run->reconnect), "--reconnect");
  CheckTyped(typed, *run);
}

void CheckBench(cli::BenchArguments typed) {
  typed.json_path.reset();
  const auto bench = cli::CheckBenchArguments(typed);
  if (!bench) return CheckRefusal(bench.error());
  Range(Within<int>(bench->queue_size, 1, 32768), "--queue-size");
  Range(Within<int>(bench->burst, 1, 256), "--burst");
  Range(Within<int>(bench->rounds, 1, 1000), "--rounds");
  Range(bench->packets.value_or(1) >= 1, "--packets");
  Range(bench->packets.value_or(1) <= kTenBillion, "--packets");
  Range(bench->time.count() >= 0, "--seconds");
  Range(bench->time <= std::chrono::hours(1), "--seconds");
  Range(!bench->paths.empty(), "--path");
}

void CheckProbe(cli::ProbeArguments typed) {
  typed.json_path.reset();
  const auto time = cli::CheckProbeArguments(typed);
  if (!time) return CheckRefusal(time.error());
  Range(IsPatience(*time), "--timeout");
}

void CheckSimulate(cli::SimulateArguments typed) {
  typed.json_path.reset();
  typed.hashes_path.reset();
  const std::string wrong = cli::WrongSimulateArguments(typed);
  if (!wrong.empty()) {
    return CheckRefusal({cli::ExitCode::kUsage, wrong});
  }
  Range(Within<uint64_t>(typed.seeds, 1, 1'000'000'000'000), "--seeds");
  Range(typed.seed || typed.from + (typed.seeds - 1) >= typed.from, "--from");
  Range(Within<uint32_t>(typed.steps, 1, kMostSteps), "--steps");
  Range(Within<uint32_t>(typed.jobs.value_or(1), 1, 256), "--jobs");
  Range(!typed.personality || backend_sim::IsBackend(*typed.personality),
        "--personality");
}

// Of a seed alone: anything else is a file's name.
void CheckReplay(const cli::ReplayArguments& typed) {
  const bool seed =
      !typed.what.empty() &&
      typed.what.find_first_not_of("0123456789") == std::string::npos;
  if (!seed && !typed.steps && !typed.backend) return;
  const auto replay = cli::ResolveReplay(typed);
  if (!replay) {
    const std::string& text = replay.error().text;
    Expect(replay.error().code == cli::ExitCode::kUsage &&
               (text.starts_with("--") || text.starts_with(typed.what)),
           "refusal", text);
    return;
  }
  const auto* const drawn = std::get_if<cli::SeedToReplay>(&*replay);
  Expect(drawn != nullptr, "replay", "a number is no seed");
  Range(Within<uint32_t>(drawn->steps, 1, kMostSteps), "--steps");
  Range(!drawn->backend || backend_sim::IsBackend(*drawn->backend),
        "--backend");
}

void CheckShrink(cli::ShrinkArguments typed) {
  typed.output_path.reset();
  if (const auto wrong = cli::WrongShrinkArguments(typed)) {
    return CheckRefusal(*wrong);
  }
  Range(typed.timeout_seconds >= 1, "--timeout");
  CheckReplay(typed.input);
}

void CheckExploreOptions(const backend_sim::ExploreOptions& options) {
  Range(Within<unsigned>(options.jobs, 1, 1024), "--jobs");
}

void CheckTypedFeatures(cli::ExploreFeaturesArguments typed,
                        const cli::Console& console) {
  typed.common.json_path.reset();
  const auto options = cli::CheckExploreCommon(typed.common, console);
  if (!options) return CheckRefusal(options.error());
  CheckExploreOptions(*options);
}

void CheckTypedSequences(cli::ExploreSequencesArguments typed,
                         const cli::Console& console) {
  typed.common.json_path.reset();
  const auto sequences = cli::CheckExploreSequences(typed, console);
  if (!sequences) return CheckRefusal(sequences.error());
  CheckExploreOptions(sequences->options);
  Range(Within<uint32_t>(sequences->depth, 1, 64), "--depth");
  Range(typed.common.timeout_seconds >= 1, "--timeout");
}

void CheckTypedFaults(cli::ExploreFaultsArguments typed,
                      const cli::Console& console) {
  typed.common.json_path.reset();
  const auto faults = cli::CheckExploreFaults(typed, console);
  if (!faults) return CheckRefusal(faults.error());
  CheckExploreOptions(faults->options);
  Range(!faults->pairs.empty(), "--pairs");
  for (const uint16_t pairs : faults->pairs) {
    Range(Within<int>(pairs, 1, 128), "--pairs");
  }
}

// The one value that was typed for `option`, if there is exactly one.
std::optional<std::string_view> TypedFor(const Words& words,
                                         std::string_view option) {
  std::optional<std::string_view> typed;
  for (size_t i = 0; i < words.size(); ++i) {
    const std::string_view word = words[i];
    if (word == "--" || !word.starts_with(option)) continue;
    if (typed) return std::nullopt;
    if (word == option && i + 1 < words.size()) typed = words[i + 1];
    if (word.substr(option.size()).starts_with('=')) {
      typed = word.substr(option.size() + 1);
    }
  }
  return typed;
}

// What was typed in digits is that number, in tens.
void CheckDecimal(const Words& words, std::string_view option, uint64_t value) {
  const auto typed = TypedFor(words, option);
  uint64_t meant = 0;
  if (!typed) return;
  const auto [end, error] =
      std::from_chars(typed->data(), typed->data() + typed->size(), meant);
  if (error != std::errc() || end != typed->data() + typed->size()) return;
  if (value != meant) Report({"decimal", option}, "another number than typed");
}

void CheckAccepted(const cli::CommandLine& line, const Words& words,
                   const cli::Console& console) {
  const cli::CommandArguments& typed = line.arguments();
  if (line.Has("run")) {
    CheckDecimal(words, "--queues", static_cast<uint64_t>(typed.run.queues));
    CheckDecimal(words, "--seed", typed.run.seed);
    return CheckRun(typed.run);
  }
  if (line.Has("simulate")) {
    CheckDecimal(words, "--steps", typed.simulate.steps);
    CheckDecimal(words, "--seeds", typed.simulate.seeds);
    CheckDecimal(words, "--from", typed.simulate.from);
    return CheckSimulate(typed.simulate);
  }
  if (line.Has("bench")) return CheckBench(typed.bench);
  if (line.Has("probe")) return CheckProbe(typed.probe);
  if (line.Has("replay")) return CheckReplay(typed.replay);
  if (line.Has("shrink")) {
    CheckDecimal(words, "--max-runs", typed.shrink.max_runs);
    return CheckShrink(typed.shrink);
  }
  Expect(line.Has("explore"), "command", "none was chosen");
  if (line.Find("explore").Has("features")) {
    return CheckTypedFeatures(typed.explore.features, console);
  }
  if (line.Find("explore").Has("sequences")) {
    return CheckTypedSequences(typed.explore.sequences, console);
  }
  CheckTypedFaults(typed.explore.faults, console);
}

// Two lines: what is wrong, and where help is.
void CheckExplained(cli::ExitCode code, const std::string& out,
                    const std::string& err) {
  if (code == cli::ExitCode::kPass) {
    Expect(!out.empty() && err.empty(), "help", "there is none");
    return;
  }
  Expect(code == cli::ExitCode::kUsage && out.empty(), "refusal",
         "another exit code, or a report");
  Expect(err.starts_with("vuser: ") && err.ends_with("--help\n") &&
             std::ranges::count(err, '\n') == 2,
         "refusal", err);
}

}  // namespace

void CheckCommandLine(std::string_view text) {
  // Made once: it has more than a hundred parts, and forgets what it has read.
  static auto* const line = new cli::CommandLine;
  const Words words = WordsOf(text);
  std::ostringstream out;
  std::ostringstream err;
  const cli::Console console{.out = out, .err = err};
  if (const auto ended = line->Parse(words, console)) {
    CheckExplained(*ended, out.str(), err.str());
  } else {
    CheckAccepted(*line, words, console);
  }
}

}  // namespace fuzz
