// SPDX-License-Identifier: BSD-3-Clause

#include "cli/replay_command.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <ostream>

#include "cli/atomic_file.h"
#include "cli/printable_text.h"
#include "cli/replay_text.h"
#include "cli/run_options.h"
#include "cli/sequence_diagram.h"

namespace virtio_user::cli {

using backend_sim::Script;

namespace {

constexpr const char* kFooter = R"(
examples:
  vuser replay 4711
  vuser replay 4711 --steps 50 --backend lib-vhost
  vuser replay failing.script --html failing.html
  vuser replay failing.script --gtest > failing_test.cc

A file that is called like a number is ./4711.

exit code: 0 all was well, 2 wrong arguments, 4 something happened that must
not, 5 the device did not come back to life, 6 the run crashed, 7 it came out
differently when run once more
)";

constexpr uint32_t kMaxSteps = 1'000'000;
// No script is longer.
constexpr size_t kMaxScriptBytes = size_t{64} << 20;

ExitCode Fail(const Failure& failure, const Console& console) {
  console.err << "vuser: " << Printable(failure.text) << std::endl;
  return failure.code;
}

std::unexpected<Failure> Usage(std::string text) {
  return std::unexpected(Failure{ExitCode::kUsage, std::move(text)});
}

std::expected<std::string, std::string> ReadText(const std::string& path) {
  const auto close = [](std::FILE* file) { (void)std::fclose(file); };
  const std::unique_ptr<std::FILE, decltype(close)> file(
      std::fopen(path.c_str(), "re"), close);
  if (file == nullptr) return std::unexpected(std::strerror(errno));
  std::string text;
  char buffer[65536];
  while (text.size() <= kMaxScriptBytes) {
    errno = 0;
    const size_t got = std::fread(buffer, 1, sizeof(buffer), file.get());
    text.append(buffer, got);
    if (got == sizeof(buffer)) continue;
    if (std::ferror(file.get()) != 0) {
      return std::unexpected(std::strerror(errno));
    }
    return text;
  }
  return std::unexpected("longer than 64 MB; a script is a list of lines");
}

bool IsNumber(const std::string& text) {
  return !text.empty() &&
         text.find_first_not_of("0123456789") == std::string::npos;
}

std::expected<ToReplay, Failure> ResolveSeed(const ReplayArguments& arguments) {
  SeedToReplay seed;
  const std::string& text = arguments.what;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), seed.seed);
  if (error != std::errc()) {
    return Usage(text + " is too large a seed; a file of this name is ./" +
                 text);
  }
  seed.steps = arguments.steps.value_or(seed.steps);
  if (seed.steps == 0 || seed.steps > kMaxSteps) {
    return Usage(fmt::format("--steps {}: say 1 to {}", seed.steps, kMaxSteps));
  }
  seed.backend = arguments.backend;
  if (seed.backend && !backend_sim::IsBackend(*seed.backend)) {
    return Usage(
        "--backend " + *seed.backend + ": no such back-end; there is " +
        fmt::format("{}", fmt::join(backend_sim::BackendNames(), ", ")));
  }
  return seed;
}

// "7" or "failing.script" as an identifier.
std::string TestName(const std::string& what) {
  if (IsNumber(what)) return "Seed" + what;
  const size_t slash = what.find_last_of('/');
  std::string stem = what.substr(slash == std::string::npos ? 0 : slash + 1);
  stem = stem.substr(0, stem.find('.'));
  std::string name;
  bool upper = true;
  for (const char c : stem) {
    const bool small = c >= 'a' && c <= 'z';
    const bool other = (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (small || other) {
      name += upper && small ? static_cast<char>(c - 'a' + 'A') : c;
    }
    upper = !small && !other;
  }
  const bool fits = !name.empty() && (name[0] < '0' || name[0] > '9');
  return fits ? name : "Script" + name;
}

// How to run it again.
std::string CommandLine(const ReplayArguments& arguments) {
  std::string line = "vuser replay " + arguments.what;
  if (arguments.steps) line += fmt::format(" --steps {}", *arguments.steps);
  if (arguments.backend) line += " --backend " + *arguments.backend;
  return line;
}

// What is shown; the file is written before anything is printed.
ExitCode Show(const Replay& replay, const ToReplay& what,
              const ReplayArguments& arguments, const Console& console) {
  if (arguments.gtest) {
    // Of a seed: what it drew until it failed.
    const auto* const script = std::get_if<Script>(&what);
    console.out << ReplayTestSource(
                       script != nullptr ? *script : replay.run.script(),
                       TestName(arguments.what))
                << std::flush;
    console.err << ReplayConclusion(replay) << std::flush;
    return replay.verdict.code;
  }
  if (!arguments.html_path) {
    console.out << ReplayTranscript(replay.run) << ReplayConclusion(replay)
                << std::flush;
    return replay.verdict.code;
  }
  const std::string page = SequenceDiagram(replay, CommandLine(arguments));
  if (*arguments.html_path == "-") {
    console.out << page << std::flush;
    console.err << ReplayConclusion(replay) << std::flush;
    return replay.verdict.code;
  }
  const auto written = WriteFileAtomically(*arguments.html_path, page);
  if (!written) {
    return Fail({ExitCode::kFail,
                 "--html " + *arguments.html_path + ": " + written.error()},
                console);
  }
  console.out << ReplayConclusion(replay) << std::flush;
  return replay.verdict.code;
}

}  // namespace

void AddReplayCommand(const Command& app, ReplayArguments& arguments) {
  const Command replay = app.AddCommand(
      "replay", "Does a simulated run once more and shows what happens");
  replay
      .Add("FILE|SEED", arguments.what,
           "A script, or a number from which a run is drawn")
      .Required()
      .Type("");
  replay
      .Add("--steps", arguments.steps,
           "Of a seed: operations before the faults end (400)")
      .Type("N");
  replay
      .Add("--backend,--personality", arguments.backend,
           "Of a seed: this back-end and no other")
      .Type("NAME");
  replay
      .Add("--html", arguments.html_path,
           "Draw the run as a sequence diagram, a page on its own, in\n"
           "place of the transcript")
      .Type("FILE");
  replay.AddFlag("--gtest", arguments.gtest,
                 "Print a GoogleTest of the run in place of the transcript");
  replay
      .Add("--timeout", arguments.timeout_seconds,
           "Seconds that the run may take in all")
      .ShowDefault()
      .Type("S");
  replay.Footer(kFooter);
}

std::expected<ToReplay, Failure> ResolveReplay(
    const ReplayArguments& arguments) {
  if (IsNumber(arguments.what)) return ResolveSeed(arguments);
  if (arguments.steps || arguments.backend) {
    return Usage(std::string(arguments.steps ? "--steps" : "--backend") +
                 ": a script says this itself; the option is for seeds, and " +
                 arguments.what + " is none");
  }
  const auto text = ReadText(arguments.what);
  if (!text) return Usage(arguments.what + ": " + text.error());
  auto script = backend_sim::ScriptFromText(*text);
  if (!script) return Usage(arguments.what + ": " + script.error());
  return *std::move(script);
}

ExitCode ReplayCommand(const ReplayArguments& arguments,
                       const Console& console) {
  const auto timeout = CheckSeconds("--timeout", arguments.timeout_seconds);
  if (!timeout) return Fail(timeout.error(), console);
  const auto what = ResolveReplay(arguments);
  if (!what) return Fail(what.error(), console);
  if (arguments.gtest && arguments.html_path) {
    return Fail({ExitCode::kUsage, "--gtest and --html exclude each other"},
                console);
  }
  if (arguments.html_path && *arguments.html_path != "-") {
    std::error_code error;
    if (std::filesystem::equivalent(*arguments.html_path, arguments.what,
                                    error)) {
      return Fail({ExitCode::kUsage, "--html " + *arguments.html_path +
                                         ": that is the script itself"},
                  console);
    }
    const auto writable = CheckWritable(*arguments.html_path);
    if (!writable) {
      return Fail({ExitCode::kUsage,
                   "--html " + *arguments.html_path + ": " + writable.error()},
                  console);
    }
  }
  const Replay replay = ReplayGuarded(
      [&what](RunWriter& writer) { ReplayTwice(*what, writer); },
      std::chrono::ceil<std::chrono::milliseconds>(*timeout), console);
  return Show(replay, *what, arguments, console);
}

}  // namespace virtio_user::cli
