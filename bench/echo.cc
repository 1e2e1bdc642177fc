// SPDX-License-Identifier: BSD-3-Clause
//
// Packets that go round in one process on one core: the driver's side sends
// back what it receives, the device's side (ring/, no model and no checker)
// copies every packet from a TX into an RX buffer.
//
//   bazel run --config=opt //bench:echo -- [--rounds N] [--check]
//
// Rounds of all paths are interleaved, and one of plain copies among them; the
// medians are shown. --check ends with 1 if a path is below its limit.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <memory>
#include <vector>

#include "CLI/CLI.hpp"
#include "bench/ring_pair.h"
#include "bench/samples.h"

namespace virtio_user::bench {
namespace {

constexpr size_t kBurst = 32;
constexpr size_t kGoingRound = 128;
constexpr uint64_t kPackets = 1'000'000;
constexpr double kLimitMpps = 15;

// The driver's turn: what came goes out again; how many.
size_t Bounce(RingPair& pair) {
  std::array<Packet, kBurst> packets;
  const size_t count = pair.rx().Receive(packets);
  const size_t sent = pair.tx().Send(std::span(packets).first(count));
  VU_CHECK(sent == count);
  return count;
}

class EchoBench {
 public:
  explicit EchoBench(const DataPath& path)
      : path_(path), pair_(std::make_unique<RingPair>(path)) {
    Bounce(*pair_);  // Fills the RX ring.
    for (size_t i = 0; i < kGoingRound; ++i) {
      const Packet packet = pair_->MakePacket();
      VU_CHECK(pair_->tx().Send({&packet, 1}) == 1);
    }
  }

  void Round() {
    const Stopwatch watch;
    uint64_t done = 0;
    while (done < kPackets) {
      pair_->Echo(kBurst);
      done += Bounce(*pair_);
    }
    nanoseconds_.Add(watch.nanoseconds() / static_cast<double>(done));
    VU_CHECK(pair_->Sound());
  }

  const DataPath& path() const { return path_; }
  const Samples& nanoseconds() const { return nanoseconds_; }

 private:
  const DataPath& path_;
  std::unique_ptr<RingPair> pair_;
  Samples nanoseconds_;  // A packet.
};

// The copies alone, between as many buffers in as much memory.
class CopyBench {
 public:
  CopyBench() : memory_(2 * kGoingRound * kStride) {}

  void Round() {
    const Stopwatch watch;
    for (uint64_t done = 0; done < kPackets; done += kGoingRound) {
      for (size_t i = 0; i < kGoingRound; ++i) {
        std::byte* const from = memory_.data() + 2 * i * kStride;
        std::memcpy(from + kStride, from, size_);
        // Whoever reads the copy is somebody else.
        asm volatile("" : : "r"(from) : "memory");
      }
    }
    nanoseconds_.Add(watch.nanoseconds() / static_cast<double>(kPackets));
  }
  const Samples& nanoseconds() const { return nanoseconds_; }

 private:
  static constexpr size_t kStride = 2048;

  std::vector<std::byte> memory_;
  // Not known to the compiler, as it is not in the echo.
  volatile size_t size_ = RingPair::kFrameBytes + kNetHeaderBytes;
  Samples nanoseconds_;
};

int Run(int rounds, bool check) {
  std::vector<EchoBench> paths;
  for (const DataPath& path : AllDataPaths()) paths.emplace_back(path);
  CopyBench copies;
  for (int i = 0; i < rounds; ++i) {
    for (EchoBench& bench : paths) bench.Round();
    copies.Round();
    fmt::print(stderr, "\rround {} of {}", i + 1, rounds);
  }
  fmt::print(stderr, "\n");
  fmt::print("medians of {} interleaved rounds of {} packets of {} bytes\n\n",
             rounds, kPackets, RingPair::kFrameBytes);
  fmt::print("  {:<20}  {:>6}  {:>9}  {:>9}\n", "path", "Mpps", "ns/packet",
             "copies");
  bool good = true;
  const double copy = copies.nanoseconds().Median();
  for (const EchoBench& bench : paths) {
    const double each = bench.nanoseconds().Median();
    const bool slow = 1000 / each < kLimitMpps;
    good = good && !slow;
    fmt::print("  {:<20}  {:>6.1f}  {:>9.1f}  {:>9.1f}{}\n", bench.path().name,
               1000 / each, each, each / copy, slow ? "  below 15 Mpps" : "");
  }
  fmt::print("  {:<20}  {:>6.1f}  {:>9.1f}  {:>9.1f}\n", "memcpy, 76 bytes",
             1000 / copy, copy, 1.0);
  return check && !good ? 1 : 0;
}

}  // namespace
}  // namespace virtio_user::bench

int main(int argc, char** argv) {
  CLI::App app{"Packets that go round in one process on one core"};
  int rounds = 21;
  bool check = false;
  app.add_option("--rounds", rounds, "Rounds to take the median of")
      ->check(CLI::Range(1, 10000));
  app.add_flag("--check", check, "End with 1 if a path is below 15 Mpps");
  CLI11_PARSE(app, argc, argv);
  return virtio_user::bench::Run(rounds, check);
}
