// SPDX-License-Identifier: BSD-3-Clause

#include "cli/script_input.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <iterator>
#include <new>
#include <span>

#include "backend_sim/seeded_entropy.h"
#include "backend_sim/simulation/seed_run.h"

namespace virtio_user::cli {
namespace {

using backend_sim::Operation;
using backend_sim::Script;

constexpr size_t kMaxScriptBytes = size_t{64} << 20;

std::optional<uint64_t> SeedOf(const std::string& text) {
  uint64_t seed = 0;
  const char* const end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, seed);
  if (error != std::errc() || at != end || text.empty()) return std::nullopt;
  return seed;
}

std::expected<Script, std::string> ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text;
  if (file) {
    text.resize(kMaxScriptBytes + 1);
    file.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(
        static_cast<size_t>(std::max<std::streamsize>(file.gcount(), 0)));
  }
  if (!file.is_open() || file.bad()) {
    return std::unexpected(
        fmt::format("{}: {}: neither a seed nor a script that can be read",
                    path, std::strerror(errno)));
  }
  if (text.size() > kMaxScriptBytes) {
    return std::unexpected(
        fmt::format("{}: longer than {} bytes", path, kMaxScriptBytes));
  }
  auto script = backend_sim::ScriptFromText(text);
  if (!script) return std::unexpected(path + ": " + script.error());
  return script;
}

// Memory that a child writes and its parent reads after the child has died.
struct Drawn {
  std::atomic<uint32_t> count{0};
};

// What an operation is depends on what became of those before it, so they are
// run; by a child, which this seed may crash.
std::expected<Script, std::string> DrawScript(
    uint64_t seed, const backend_sim::SeedRunOptions& wanted) {
  const size_t bytes = sizeof(Drawn) + wanted.steps * sizeof(Operation);
  void* const shared = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                            MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) {
    return std::unexpected(fmt::format("no memory for {} steps: {}",
                                       wanted.steps, std::strerror(errno)));
  }
  auto* const drawn = new (shared) Drawn;
  auto* const operations = reinterpret_cast<Operation*>(
      static_cast<std::byte*>(shared) + sizeof(Drawn));
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child == 0) {
    backend_sim::SeedRunOptions options = wanted;
    options.before_step = [&](const Operation& operation) {
      operations[drawn->count.load()] = operation;
      drawn->count.fetch_add(1);
    };
    alarm(60);  // What hangs has drawn all that it ever will.
    (void)backend_sim::RunSeed(seed, options);
    _exit(0);
  }
  Script script;
  std::string trouble;
  if (child < 0) {
    trouble = fmt::format("cannot fork: {}", std::strerror(errno));
  } else {
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    backend_sim::SeededEntropy entropy(seed);
    const auto scenario = entropy.Fork("scenario");
    script.scenario = backend_sim::DrawScenario(*scenario, wanted.backend);
    script.operations.assign(operations, operations + drawn->count.load());
  }
  munmap(shared, bytes);
  if (!trouble.empty()) return std::unexpected(trouble);
  return script;
}

}  // namespace

std::expected<Script, std::string> ReadScriptOrSeed(const ScriptInput& input) {
  const std::optional<uint64_t> seed = SeedOf(input.text);
  if (!seed) return ReadFile(input.text);
  if (input.steps == 0 || input.steps > 1'000'000) {
    return std::unexpected(
        fmt::format("--steps {}: say 1 to 1000000", input.steps));
  }
  if (input.personality && !backend_sim::IsBackend(*input.personality)) {
    return std::unexpected(
        fmt::format("--personality {}: say one of {}", *input.personality,
                    fmt::join(backend_sim::BackendNames(), ", ")));
  }
  return DrawScript(*seed,
                    {.steps = input.steps, .backend = input.personality});
}

}  // namespace virtio_user::cli
