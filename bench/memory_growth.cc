// SPDX-License-Identifier: BSD-3-Clause
//
// What packets see of memory that grows by 64 MiB and shrinks again, on a real
// socket with the simulated server in a second process: told region by region
// (memory slots), and with a whole table while the queues pause.
//
//   bazel run --config=opt //bench:memory_growth -- [--rounds N] [--check]
//
// Rounds of both ways are interleaved. --check ends with 1 if a queue was
// stopped with slots.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <memory>
#include <thread>
#include <vector>

#include "CLI/CLI.hpp"
#include "backend_sim/personality.h"
#include "bench/counting_channel.h"
#include "bench/samples.h"
#include "bench/server_process.h"
#include "cli/net_driver.h"
#include "virtio_user/base/posix_fd_ops.h"
#include "virtio_user/os/membarrier_quiescer.h"
#include "virtio_user/os/memfd_memory.h"
#include "virtio_user/os/unix_socket_channel.h"
#include "virtio_user/vhost_user/vhost_user_backend.h"

namespace virtio_user::bench {
namespace {

constexpr size_t kGrowth = size_t{64} << 20;
constexpr int kEventsARound = 8;
constexpr size_t kBurst = 32;
constexpr size_t kFrameBytes = 64;
// Without a burst for so long, new packets are sent.
constexpr auto kPatience = std::chrono::microseconds(500);
// How long traffic is watched around an event.
constexpr auto kWindow = std::chrono::milliseconds(30);

// Both ends of a way to tell of memory.
struct Way {
  const char* name;
  backend_sim::Personality personality;
  std::unique_ptr<ServerProcess> server = {};
  Samples quiet = {};  // Longest gap without an event, in microseconds.
  Samples grown = {};
  Samples shrunk = {};
  Samples call = {};  // How long AddRegion took.
  uint64_t events = 0;
  uint64_t messages = 0;
  uint64_t queues_stopped = 0;
};

bool Complain(const Error& error) {
  fmt::print(stderr, "memory_growth: {}\n", error.text());
  return false;
}

// Sends back what comes in and remembers the longest time between two bursts.
class Traffic {
 public:
  explicit Traffic(cli::NetDriver& driver) : driver_(driver) {
    std::array<Packet, kBurst> none;
    (void)driver_.rx(0).Receive(none);  // Fills the ring.
  }

  // Puts packets on their way.
  bool SetOff() {
    const std::vector<std::byte> frame(kFrameBytes);
    for (uint32_t i = 0; i < std::min<uint32_t>(driver_.window(), 128); ++i) {
      const auto packet = driver_.pool(0).Make(frame);
      if (!packet || driver_.tx(0).Send({&*packet, 1}) != 1) return false;
    }
    return true;
  }
  void Run() {
    std::array<Packet, kBurst> packets;
    auto last = Clock::now();
    auto set_off = last;
    while (!stop_.load(std::memory_order_relaxed)) {
      const size_t count = driver_.rx(0).Receive(packets);
      const auto now = Clock::now();
      if (count == 0) {
        // A disabled ring drops what goes out, and then nothing comes back.
        if (now - last > kPatience && now - set_off > kPatience) {
          set_off = now;
          (void)SetOff();
        }
        continue;
      }
      if (now - last > longest_.load(std::memory_order_relaxed)) {
        longest_.store(now - last, std::memory_order_relaxed);
      }
      last = now;
      const auto received = std::span(packets).first(count);
      const size_t sent = driver_.tx(0).Send(received);
      for (const Packet& packet : received.subspan(sent)) {
        driver_.pool(0).Free(packet);
      }
      bursts_.fetch_add(1, std::memory_order_relaxed);
    }
  }
  void Stop() { stop_.store(true, std::memory_order_relaxed); }
  uint64_t bursts() const { return bursts_.load(std::memory_order_relaxed); }
  // The longest gap since the last call of it, in microseconds.
  double TakeLongest() {
    const auto longest = longest_.exchange(Clock::duration::zero());
    return std::chrono::duration<double, std::micro>(longest).count();
  }

 private:
  using Clock = std::chrono::steady_clock;

  cli::NetDriver& driver_;
  std::atomic<bool> stop_{false};
  std::atomic<uint64_t> bursts_{0};
  std::atomic<Clock::duration> longest_{Clock::duration::zero()};
};

// ENABLE 0 and ENABLE 1 of a queue that pauses, GET_VRING_BASE of one that
// stops.
uint64_t QueuesStopped(const ChannelCounts& counts) {
  return counts.of(VhostUserRequest::kSetVringEnable) / 2 +
         counts.of(VhostUserRequest::kGetVringBase);
}

bool Events(Way& way, MemfdMemory& memory, Traffic& traffic) {
  for (int i = 0; i < kEventsARound; ++i) {
    std::this_thread::sleep_for(kWindow);
    (void)traffic.TakeLongest();
    std::this_thread::sleep_for(kWindow);
    way.quiet.Add(traffic.TakeLongest());
    const Stopwatch watch;
    const auto region = memory.AddRegion(kGrowth);
    if (!region) return Complain(region.error());
    way.call.Add(watch.nanoseconds() / 1000);
    std::this_thread::sleep_for(kWindow);
    way.grown.Add(traffic.TakeLongest());
    if (auto done = memory.RemoveRegion(*region); !done) {
      return Complain(done.error());
    }
    std::this_thread::sleep_for(kWindow);
    way.shrunk.Add(traffic.TakeLongest());
    way.events += 2;
  }
  return true;
}

bool Round(Way& way) {
  PosixFdOps fds;
  const auto quiescer = MembarrierQuiescer::Create();
  if (!quiescer) return Complain(quiescer.error());
  const auto memory =
      MemfdMemory::Create(fds, {.arena_bytes = size_t{16} << 20});
  if (!memory) return Complain(memory.error());
  auto socket = UnixSocketChannel::Client(fds, way.server->path());
  if (!socket) return Complain(socket.error());
  ChannelCounts counts;
  auto device = Device::Create(
      {}, {.backend = std::make_unique<VhostUserBackend>(
               std::make_unique<CountingChannel>(**socket, counts)),
           .memory = **memory,
           .fds = fds,
           .quiescer = **quiescer});
  if (!device) return Complain(device.error());
  auto driver = cli::NetDriver::Create(**device, **memory,
                                       {.declined = {}, .burst = kBurst});
  if (!driver) return Complain(driver.error());
  if (auto done = (*device)->Start(); !done) return Complain(done.error());
  Traffic traffic(**driver);
  if (!traffic.SetOff()) return false;
  const ChannelCounts before = counts;
  std::thread poller([&] { traffic.Run(); });
  const bool good = Events(way, **memory, traffic);
  traffic.Stop();
  poller.join();
  way.messages += counts.messages - before.messages;
  way.queues_stopped += QueuesStopped(counts) - QueuesStopped(before);
  (void)(*device)->Stop();
  device->reset();
  return good && traffic.bursts() > 0;
}

void Print(const Way& way) {
  const auto both = [](const Samples& samples) {
    return fmt::format("{:>8.0f} {:>8.0f}", samples.Median(), samples.Worst());
  };
  const auto events = static_cast<double>(way.events);
  fmt::print("  {:<14} {}   {}   {}   {:>8.0f} {:>10.1f} {:>8.1f}\n", way.name,
             both(way.quiet), both(way.grown), both(way.shrunk),
             way.call.Median(), static_cast<double>(way.messages) / events,
             static_cast<double>(way.queues_stopped) / events);
}

int Run(int rounds, bool check) {
  backend_sim::Personality whole = backend_sim::Personality::Conforming();
  whole.protocol_features &= ~backend_sim::Bit(backend_sim::kProtocolMemSlots);
  std::array<Way, 2> ways = {{
      {.name = "memory slots",
       .personality = backend_sim::Personality::Conforming()},
      {.name = "SET_MEM_TABLE", .personality = whole},
  }};
  for (Way& way : ways) {
    way.server = ServerProcess::Start(way.personality);
    if (way.server == nullptr) return 1;
  }
  for (int i = 0; i < rounds; ++i) {
    for (Way& way : ways) {
      if (!Round(way)) return 1;
    }
    fmt::print(stderr, "\rround {} of {}", i + 1, rounds);
  }
  fmt::print(stderr, "\n");
  fmt::print(
      "longest gap between two bursts in us, {} interleaved rounds of "
      "{} events each way\n\n",
      rounds, kEventsARound);
  fmt::print("  {:<14} {:^17}   {:^17}   {:^17}   {:>8} {:>10} {:>8}\n", "",
             "no event", "64 MiB more", "64 MiB less", "call, us", "messages",
             "queues");
  fmt::print(
      "  {:<14} {:>8} {:>8}   {:>8} {:>8}   {:>8} {:>8}   {:>8} {:>10} "
      "{:>8}\n",
      "", "median", "worst", "median", "worst", "median", "worst", "median",
      "an event", "stopped");
  for (const Way& way : ways) Print(way);
  return check && ways[0].queues_stopped != 0 ? 1 : 0;
}

}  // namespace
}  // namespace virtio_user::bench

int main(int argc, char** argv) {
  CLI::App app{"What packets see of memory that grows"};
  int rounds = 11;
  bool check = false;
  app.add_option("--rounds", rounds, "Rounds of each way")
      ->check(CLI::Range(1, 10000));
  app.add_flag("--check", check, "End with 1 if slots stopped a queue");
  CLI11_PARSE(app, argc, argv);
  return virtio_user::bench::Run(rounds, check);
}
