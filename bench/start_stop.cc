// SPDX-License-Identifier: BSD-3-Clause
//
// What starting and stopping a device costs, by number of queue pairs: on the
// simulator, and on a real socket with the server in a second process.
//
//   bazel run --config=opt //bench:start_stop -- [--rounds N] [--check]
//
// Rounds of all sizes are interleaved and medians are shown. --check ends with
// 1 if a count or a ratio is above its limit (docs/performance.md).

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "backend_sim/sim_world.h"
#include "bench/counting_channel.h"
#include "bench/lifecycle.h"
#include "bench/server_process.h"
#include "bench/syscall_counter.h"
#include "virtio_user/base/posix_fd_ops.h"
#include "virtio_user/os/membarrier_quiescer.h"
#include "virtio_user/os/memfd_memory.h"
#include "virtio_user/os/unix_socket_channel.h"
#include "virtio_user/vhost_user/vhost_user_backend.h"

namespace virtio_user::bench {
namespace {

constexpr std::array<uint16_t, 4> kPairs = {1, 8, 32, 128};

using Clock = std::chrono::steady_clock;

struct Phase {
  ChannelCounts counts;
  double microseconds = 0;
};

struct Round {
  Phase open;
  Phase stop;
};

// Hands the error to the person at the terminal.
bool Complain(const Error& error) {
  fmt::print(stderr, "start_stop: {}\n", error.text());
  return false;
}

double MicrosecondsSince(Clock::time_point begin) {
  return std::chrono::duration<double, std::micro>(Clock::now() - begin)
      .count();
}

// Opens, enables all pairs and stops; `between` runs before each phase and
// after the last.
bool Measure(Seams seams, const ChannelCounts& counts, uint16_t pairs,
             const std::function<void()>& between, Round& round) {
  between();
  const auto opened_at = Clock::now();
  auto device = Lifecycle::Open(std::move(seams), pairs);
  if (!device) return Complain(device.error());
  round.open.microseconds = MicrosecondsSince(opened_at);
  round.open.counts = counts;
  between();
  const auto stopped_at = Clock::now();
  if (auto stopped = (*device)->Stop(); !stopped) {
    return Complain(stopped.error());
  }
  round.stop.microseconds = MicrosecondsSince(stopped_at);
  round.stop.counts = {.messages = counts.messages - round.open.counts.messages,
                       .waits = counts.waits - round.open.counts.waits};
  between();
  return true;
}

bool SimulatedRound(uint16_t pairs, Round& round) {
  backend_sim::SimWorld world;
  ChannelCounts counts;
  auto channel = std::make_unique<CountingChannel>(world.channel(), counts);
  return Measure(
      {.backend = std::make_unique<VhostUserBackend>(std::move(channel)),
       .memory = world.memory(),
       .fds = world.fds(),
       .quiescer = world.quiescer()},
      counts, pairs, [] {}, round);
}

// `between` is also called before the first thing is made.
bool SocketRound(const std::string& path, uint16_t pairs,
                 const std::function<void()>& between, Round& round) {
  PosixFdOps fds;
  ChannelCounts counts;
  const auto quiescer = MembarrierQuiescer::Create();
  if (!quiescer) return Complain(quiescer.error());
  const auto memory = MemfdMemory::Create(fds, {});
  if (!memory) return Complain(memory.error());
  auto socket = UnixSocketChannel::Client(fds, path);
  if (!socket) return Complain(socket.error());
  auto channel = std::make_unique<CountingChannel>(**socket, counts);
  return Measure(
      {.backend = std::make_unique<VhostUserBackend>(std::move(channel)),
       .memory = **memory,
       .fds = fds,
       .quiescer = **quiescer},
      counts, pairs, between, round);
}

double Median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

// One line of the table; counts are the same in every round.
struct Row {
  Round round;
  std::vector<double> open_us;
  std::vector<double> stop_us;
  uint64_t open_syscalls = 0;
  uint64_t stop_syscalls = 0;
  uint64_t eventfds = 0;
};
using Table = std::map<uint16_t, Row>;

void Note(const Round& round, Row& row) {
  row.round = round;
  row.open_us.push_back(round.open.microseconds);
  row.stop_us.push_back(round.stop.microseconds);
}

void Print(const char* title, const Table& table, bool syscalls) {
  fmt::print("\n{}\n", title);
  fmt::print("{:>6} | {:>9} {:>9} {:>9} {:>10} | {:>9} {:>9} {:>9} {:>10}\n",
             "pairs", "open msgs", "syscalls", "waits", "time us", "stop msgs",
             "syscalls", "waits", "time us");
  for (const auto& [pairs, row] : table) {
    const auto calls = [&](uint64_t count) {
      return syscalls ? fmt::format("{}", count) : std::string("-");
    };
    fmt::print(
        "{:>6} | {:>9} {:>9} {:>9} {:>10.1f} | {:>9} {:>9} {:>9} {:>10.1f}\n",
        pairs, row.round.open.counts.messages, calls(row.open_syscalls),
        row.round.open.counts.waits, Median(row.open_us),
        row.round.stop.counts.messages, calls(row.stop_syscalls),
        row.round.stop.counts.waits, Median(row.stop_us));
  }
}

// Each limit is printed with what was measured; false if one is passed.
bool Within(std::string_view what, double measured, double limit) {
  const bool within = measured <= limit;
  fmt::print("{:>4}  {}: {:.1f}, at most {:.1f}\n", within ? "ok" : "FAIL",
             what, measured, limit);
  return within;
}

bool Check(const Table& simulated, const Table& socket) {
  bool good = true;
  for (const Table* table : {&simulated, &socket}) {
    const bool real = table == &socket;
    for (const auto& [pairs, row] : *table) {
      const double n = pairs;
      const std::string at =
          fmt::format("{}, {} pairs", real ? "socket" : "simulator", pairs);
      good &=
          Within(at + ", waits from open to enabled",
                 static_cast<double>(row.round.open.counts.waits), 8 + n / 8);
      good &=
          Within(at + ", waits of stop",
                 static_cast<double>(row.round.stop.counts.waits), 3 + n / 8);
      if (!real) continue;
      good &=
          Within(at + ", system calls from open to enabled",
                 static_cast<double>(row.open_syscalls), 4 * n + n / 4 + 40);
    }
  }
  good &= Within(
      "simulator, start of 128 pairs against 8",
      Median(simulated.at(128).open_us) / Median(simulated.at(8).open_us), 20);
  return good;
}

// Counted in a child of its own, apart from the rounds that are timed.
bool CountSocketSyscalls(const std::string& path, Table& table) {
  for (const uint16_t pairs : kPairs) {
    const auto sections = CountSyscalls([&] {
      Round round;
      return SocketRound(path, pairs, MarkSection, round);
    });
    if (!sections || sections->size() != 3) {
      fmt::print(stderr,
                 "start_stop: system calls cannot be counted here "
                 "(ptrace refused?)\n");
      return false;
    }
    table[pairs].open_syscalls = Total((*sections)[0]);
    table[pairs].stop_syscalls = Total((*sections)[1]);
  }
  return true;
}

int Run(int rounds, bool check) {
  const auto server = ServerProcess::Start();
  if (!server) return 1;
  Table simulated;
  Table socket;
  for (int i = 0; i < rounds; ++i) {
    for (const uint16_t pairs : kPairs) {
      Round round;
      if (!SimulatedRound(pairs, round)) return 1;
      Note(round, simulated[pairs]);
      if (!SocketRound(server->path(), pairs, [] {}, round)) return 1;
      Note(round, socket[pairs]);
    }
    fmt::print(stderr, "\rround {} of {}", i + 1, rounds);
  }
  fmt::print(stderr, "\n");
  if (!CountSocketSyscalls(server->path(), socket)) return 1;
  fmt::print("medians of {} interleaved rounds\n", rounds);
  Print("simulator, one process", simulated, false);
  Print("Unix socket, server in a second process", socket, true);
  if (!check) return 0;
  fmt::print("\n");
  return Check(simulated, socket) ? 0 : 1;
}

}  // namespace
}  // namespace virtio_user::bench

int main(int argc, char** argv) {
  CLI::App app{"What starting and stopping a device costs"};
  int rounds = 21;
  bool check = false;
  app.add_option("--rounds", rounds, "Rounds to take the median of")
      ->check(CLI::Range(1, 10000));
  app.add_flag("--check", check, "End with 1 if a limit is passed");
  CLI11_PARSE(app, argc, argv);
  return virtio_user::bench::Run(rounds, check);
}
