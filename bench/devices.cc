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

  bool Start(const cli::PathWishes& wishes) {
    auto device = Device::Create(
        {.queue_size = kRingSize,
         .packed = wishes.packed == cli::Wish::kRequired},
        {.backend = std::make_unique<VhostUserBackend>(world_.MakeChannel()),
         .memory = world_.memory(),
         .fds = world_.fds(),
         .quiescer = world_.quiescer()});
    if (!device) return Complain(device.error());
    device_ = std::move(*device);
    auto driver = cli::NetDriver::Create(*device_, world_.memory(),
                                         {.declined = Declined(wishes)});
    if (!driver) return Complain(driver.error());
    driver_ = std::move(*driver);
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
  double heap_kib = 0;
  double poll_ns = 0;
};

bool Measure(size_t count, const cli::PathWishes& wishes, Row& row) {
  const double devices = static_cast<double>(count);
  Units units;
  for (size_t i = 0; i < count; ++i) units.push_back(std::make_unique<Unit>());
  const size_t heap_before = HeapBytes();
  const Stopwatch start;
  for (const auto& unit : units) {
    if (!unit->Start(wishes)) return false;
  }
  row.start_us = start.nanoseconds() / 1000 / devices;
  row.heap_kib =
      static_cast<double>(HeapBytes() - heap_before) / 1024 / devices;
  // The first poll fills the ring.
  for (const auto& unit : units) {
    if (!unit->PollEmpty()) return false;
  }
  if (!MeasurePolls(units, row.poll_ns)) return false;
  const Stopwatch stop;
  for (const auto& unit : units) unit->Stop();
  row.stop_us = stop.nanoseconds() / 1000 / devices;
  return true;
}

int Run(size_t most, const DataPath& path) {
  const cli::PathWishes wishes = cli::WishesFor(path);
  fmt::print(
      "{}, one pair of rings of {}, each device on a simulated back-end "
      "of its own\n\n",
      path.name, kRingSize);
  fmt::print("  {:>7}  {:>12}  {:>15}  {:>14}  {:>11}  {:>13}\n", "devices",
             "start, ms", "start, us each", "stop, us each", "KiB each",
             "empty poll ns");
  for (size_t count = 1; count <= most; count *= 10) {
    Row row;
    if (!Measure(count, wishes, row)) return 1;
    fmt::print(
        "  {:>7}  {:>12.2f}  {:>15.1f}  {:>14.1f}  {:>11.1f}  {:>13.1f}"
        "\n",
        count, row.start_us * static_cast<double>(count) / 1000, row.start_us,
        row.stop_us, row.heap_kib, row.poll_ns);
  }
  fmt::print(
      "\nKiB: of the heap, driver, device and what the back-end keeps "
      "of them; not the\nmemory that both share: {} KiB each.\n",
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
