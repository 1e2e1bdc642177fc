// SPDX-License-Identifier: BSD-3-Clause
//
// Many devices in one process, each on a simulated back-end of its own: what
// starting them costs, what memory each takes, and what a poll costs that
// finds nothing.
//
//   bazel run --config=opt //bench:devices -- [--devices N] [--path NAME]

#include <fmt/format.h>
#include <malloc.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "backend_sim/sim_world.h"
#include "bench/samples.h"
#include "cli/net_driver.h"
#include "cli/path_options.h"
#include "virtio_user/vhost_user/vhost_user_backend.h"

namespace virtio_user::bench {
namespace {

constexpr uint16_t kRingSize = 256;
constexpr size_t kBurst = 32;
constexpr int kPollRounds = 200;

bool Complain(const Error& error) {
  fmt::print(stderr, "devices: {}\n", error.text());
  return false;
}

// Bytes that this process has from its heap.
size_t HeapBytes() {
  const struct mallinfo2 info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

backend_sim::SimWorldOptions WorldOptions() {
  backend_sim::SimWorldOptions options;
  options.memory.initial_regions = 1;
  options.memory.region_bytes =
      cli::NetDriver::MemoryFor({.queue_size = kRingSize});
  return options;
}

// One device with one pair.
class Unit {
 public:
  // Memory that was touched once: whose pages come when is not our subject.
  Unit() : world_(WorldOptions()) {
    const size_t bytes = WorldOptions().memory.region_bytes / 4 * 3;
    const auto memory = world_.memory().Allocate(bytes, 64);
    if (memory) world_.memory().Free(*memory);
  }

  bool Open(const cli::PathWishes& wishes) {
    auto device = Device::Create(
        {.queue_size = kRingSize,
         .packed = wishes.packed == cli::Wish::kRequired},
        {.backend = std::make_unique<VhostUserBackend>(world_.MakeChannel()),
         .memory = world_.memory(),
         .fds = world_.fds(),
         .quiescer = world_.quiescer()});
    if (!device) return Complain(device.error());
    device_ = std::move(*device);
    return true;
  }
  bool AddDriver(const cli::PathWishes& wishes) {
    auto driver = cli::NetDriver::Create(*device_, world_.memory(),
                                         {.declined = Declined(wishes)});
    if (!driver) return Complain(driver.error());
    driver_ = std::move(*driver);
    return true;
  }
  bool Start() {
    const Result<void> started = device_->Start();
    return started ? true : Complain(started.error());
  }
  void Stop() {
    device_.reset();
    driver_.reset();
  }
  // Both rings; whether nothing was there.
  bool PollEmpty() {
    std::array<Packet, kBurst> packets;
    return driver_->rx(0).Receive(packets) == 0 &&
           driver_->tx(0).Complete(kBurst) == 0;
  }

 private:
  backend_sim::SimWorld world_;
  std::unique_ptr<cli::NetDriver> driver_;
  std::unique_ptr<Device> device_;
};

using Units = std::vector<std::unique_ptr<Unit>>;

// Nanoseconds of an empty poll of one device, when these take turns.
bool MeasurePolls(std::span<const std::unique_ptr<Unit>> units,
                  double& nanoseconds) {
  Samples samples;
  // As many polls in each sample, however many devices there are.
  const size_t turns = std::max<size_t>(1, 1000 / units.size());
  for (int round = 0; round < kPollRounds; ++round) {
    const Stopwatch watch;
    for (size_t turn = 0; turn < turns; ++turn) {
      for (const auto& unit : units) {
        if (!unit->PollEmpty()) return false;
      }
    }
    samples.Add(watch.nanoseconds() /
                static_cast<double>(turns * units.size()));
  }
  nanoseconds = samples.Median();
  return true;
}

struct Row {
  double start_us = 0;
  double stop_us = 0;
  double driver_kib = 0;
  double rest_kib = 0;
  double poll_ns = 0;
};

// One step of all devices: its time and what it took from the heap are added.
template <typename Step>
bool Measure(const Units& units, double& microseconds, double& kib, Step step) {
  const double devices = static_cast<double>(units.size());
  const size_t heap_before = HeapBytes();
  const Stopwatch watch;
  for (const auto& unit : units) {
    if (!step(*unit)) return false;
  }
  microseconds += watch.nanoseconds() / 1000 / devices;
  kib += static_cast<double>(HeapBytes() - heap_before) / 1024 / devices;
  return true;
}

bool MeasureAll(size_t count, const cli::PathWishes& wishes, Row& row) {
  Units units;
  for (size_t i = 0; i < count; ++i) units.push_back(std::make_unique<Unit>());
  double& start = row.start_us;
  const bool up = Measure(units, start, row.rest_kib,
                          [&](Unit& unit) { return unit.Open(wishes); }) &&
                  Measure(units, start, row.driver_kib,
                          [&](Unit& unit) { return unit.AddDriver(wishes); }) &&
                  Measure(units, start, row.rest_kib,
                          [](Unit& unit) { return unit.Start(); });
  if (!up) return false;
  // The first poll fills the ring.
  for (const auto& unit : units) {
    if (!unit->PollEmpty()) return false;
  }
  if (!MeasurePolls(units, row.poll_ns)) return false;
  const Stopwatch stop;
  for (const auto& unit : units) unit->Stop();
  row.stop_us = stop.nanoseconds() / 1000 / static_cast<double>(count);
  return true;
}

int Run(size_t most, const DataPath& path) {
  const cli::PathWishes wishes = cli::WishesFor(path);
  fmt::print(
      "{}, one pair of rings of {}, each device on a simulated back-end of its "
      "own\n\n",
      path.name, kRingSize);
  const auto line = [](auto... cells) {
    fmt::print("  {:>7}  {:>9}  {:>13}  {:>12}  {:>10}  {:>8}  {:>14}\n",
               cells...);
  };
  line("devices", "start, ms", "start, us/dev", "stop, us/dev", "driver KiB",
       "rest KiB", "empty poll, ns");
  for (size_t count = 1; count <= most; count *= 10) {
    Row row;
    if (!MeasureAll(count, wishes, row)) return 1;
    const auto number = [](double value) {
      return fmt::format("{:.1f}", value);
    };
    line(count, number(row.start_us * static_cast<double>(count) / 1000),
         number(row.start_us), number(row.stop_us), number(row.driver_kib),
         number(row.rest_kib), number(row.poll_ns));
  }
  fmt::print(
      "\nKiB of the heap each; the rest is the device and what the simulated "
      "back-end keeps of\nit. Neither has what both share, {} KiB each. A poll "
      "is of both rings.\n",
      WorldOptions().memory.region_bytes / 1024);
  return 0;
}

}  // namespace
}  // namespace virtio_user::bench

int main(int argc, char** argv) {
  CLI::App app{"Many devices in one process"};
  size_t devices = 1000;
  std::string name = "split-inorder-mrg";
  app.add_option("--devices", devices, "The most, of 1, 10, 100, ...")
      ->check(CLI::Range(1, 10000));
  app.add_option("--path", name, "The data path of all of them");
  CLI11_PARSE(app, argc, argv);
  const virtio_user::DataPath* const path = virtio_user::cli::FindPath(name);
  if (path == nullptr) {
    fmt::print(stderr, "devices: --path {}: say one of {}\n", name,
               virtio_user::cli::PathNames());
    return 2;
  }
  return virtio_user::bench::Run(devices, *path);
}
