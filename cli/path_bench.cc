// SPDX-License-Identifier: BSD-3-Clause

#include "cli/path_bench.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <ostream>
#include <utility>

#include "cli/cycle_clock.h"
#include "cli/environment.h"
#include "cli/memory_need.h"
#include "cli/net_driver.h"
#include "cli/packet_pattern.h"

namespace virtio_user::cli {
namespace {

using Clock = std::chrono::steady_clock;

// Turns between two looks at what seldom changes.
constexpr uint64_t kTurnsPerLook = 256;

constexpr MacAddress kSource{{0x02, 0x76, 0x75, 0xff, 0x00, 0x01}};

template <typename Project>
double Median(const std::vector<BenchRound>& rounds, Project project) {
  if (rounds.empty()) return 0;
  std::vector<double> values;
  for (const BenchRound& round : rounds) values.push_back((round.*project)());
  std::ranges::sort(values);
  return values[values.size() / 2];
}

double Each(double all, uint64_t packets) {
  return packets == 0 ? 0 : all / static_cast<double>(packets);
}

// A device with one pair on one path, from open to end.
class Session {
 public:
  Session(const BenchOptions& options, const PathWishes& wishes,
          const Console& console)
      : options_(options), wishes_(wishes), console_(console) {}

  // kUsage: the back-end does not offer the path.
  std::optional<Failure> Open();
  std::expected<BenchRound, Failure> Round();
  std::optional<Failure> Close();
  std::string Description() const { return DescribePath(device_->accepted()); }
  uint32_t burst() const {
    return std::min<uint32_t>(options_.burst, driver_->window());
  }
  bool indirect() const {
    return device_->accepted().Has(Feature::kIndirectDesc);
  }

 private:
  MemoryNeed Need() const;
  std::optional<Failure> Connect();
  std::optional<Failure> SetOff();
  // What came goes out again; how many.
  size_t Bounce(BenchRound& round);
  std::optional<Failure> Look(Clock::time_point last_progress);
  bool Over(const BenchRound& round, Clock::time_point begin) const;
  Failure Explain(const Error& error) const {
    return ExplainError(*environment_, error);
  }

  const BenchOptions& options_;
  const PathWishes wishes_;
  const Console& console_;
  std::unique_ptr<Environment> environment_;
  std::unique_ptr<NetDriver> driver_;
  std::unique_ptr<Device> device_;
  std::vector<Packet> packets_;
};

std::optional<Failure> Session::Open() {
  const MemoryNeed need = Need();
  if (auto failure = CheckMemory(need, MemAvailable())) return failure;
  auto environment =
      MakeEnvironment({.backend = options_.backend,
                       .max_frame_bytes = options_.sizes.max,
                       .memory_bytes = NetDriver::MemoryFor(need.shape),
                       .on_line = {},
                       .interrupted = console_.interrupted});
  if (!environment) return environment.error();
  environment_ = std::move(*environment);
  if (auto failure = Connect()) return failure;
  if (auto failure = CheckOffer(wishes_, device_->offered())) return failure;
  auto driver = NetDriver::Create(*device_, environment_->memory(),
                                  {.declined = Declined(wishes_),
                                   .max_frame_bytes = options_.sizes.max,
                                   .burst = options_.burst,
                                   .interrupted = console_.interrupted});
  if (!driver) return Explain(driver.error());
  driver_ = std::move(*driver);
  if (options_.sizes.max > driver_->max_frame_bytes()) {
    return Failure{
        ExitCode::kUsage,
        fmt::format("--size {}: rings of {} carry frames of {} bytes "
                    "at most",
                    ToText(options_.sizes), options_.queue_size,
                    driver_->max_frame_bytes())};
  }
  if (const auto started = device_->Start(); !started) {
    return Explain(started.error());
  }
  if (const auto settled = environment_->Settle(); !settled) {
    return Explain(settled.error());
  }
  return SetOff();
}

MemoryNeed Session::Need() const {
  return {.shape = {.queue_size = options_.queue_size,
                    .max_frame_bytes = options_.sizes.max,
                    .burst = options_.burst,
                    .mergeable = wishes_.mrg_rxbuf == Wish::kRequired},
          .options = fmt::format("--queue-size {} --size {}",
                                 options_.queue_size, ToText(options_.sizes))};
}

std::optional<Failure> Session::Connect() {
  auto backend = environment_->OpenBackend();
  if (!backend) return backend.error();
  auto device =
      Device::Create({.queue_size = options_.queue_size,
                      .mrg_rxbuf = wishes_.mrg_rxbuf != Wish::kRefused,
                      .in_order = wishes_.in_order != Wish::kRefused,
                      .packed = wishes_.packed != Wish::kRefused,
                      .call_budget = options_.timeout},
                     {.backend = std::move(*backend),
                      .memory = environment_->memory(),
                      .fds = environment_->fds(),
                      .quiescer = environment_->quiescer()});
  if (!device) return Explain(device.error());
  device_ = std::move(*device);
  return {};
}

// Puts as many packets on their way as may be.
std::optional<Failure> Session::SetOff() {
  driver_->rx(0).Receive(std::span(packets_));
  const PacketPattern pattern(1, kSource, options_.sizes);
  std::vector<std::byte> frame(options_.sizes.max);
  for (uint32_t i = 0; i < driver_->window(); ++i) {
    const size_t bytes = pattern.Write({.pair = 0, .sequence = i}, frame);
    const auto packet = driver_->pool(0).Make(std::span(frame).first(bytes));
    if (!packet || driver_->tx(0).Send({&*packet, 1}) != 1) {
      return Failure{ExitCode::kFail, "the TX ring took no packets"};
    }
  }
  packets_.resize(options_.burst);
  return {};
}

size_t Session::Bounce(BenchRound& round) {
  const uint64_t begin = ReadCycles();
  const size_t count = driver_->rx(0).Receive(packets_);
  if (count == 0) return 0;
  const std::span<const Packet> received = std::span(packets_).first(count);
  const size_t sent = driver_->tx(0).Send(received);
  round.cycles += ReadCycles() - begin;
  round.packets += count;
  for (const Packet& packet : received.subspan(sent)) {
    driver_->pool(0).Free(packet);
  }
  return count;
}

std::expected<BenchRound, Failure> Session::Round() {
  BenchRound round;
  const Clock::time_point begin = Clock::now();
  Clock::time_point last_progress = begin;
  for (uint64_t turn = 1; !Over(round, begin); ++turn) {
    const bool moved = Bounce(round) != 0;
    environment_->Turn(!moved);
    if (turn % kTurnsPerLook != 0) continue;
    if (moved) last_progress = Clock::now();
    if (auto failure = Look(last_progress)) {
      return std::unexpected(std::move(*failure));
    }
  }
  round.time = Clock::now() - begin;
  return round;
}

bool Session::Over(const BenchRound& round, Clock::time_point begin) const {
  if (options_.packets) return round.packets >= *options_.packets;
  return Clock::now() - begin >= options_.time;
}

std::optional<Failure> Session::Look(Clock::time_point last_progress) {
  if (console_.Interrupted()) return Failure{ExitCode::kFail, "interrupted"};
  if (auto trouble = driver_->Trouble(0)) {
    return Failure{ExitCode::kFail, std::move(*trouble)};
  }
  if (auto trouble = driver_->DeviceTrouble()) {
    return Failure{ExitCode::kFail, std::move(*trouble)};
  }
  const Duration patience = options_.timeout * 5 / 2;
  if (Clock::now() - last_progress <= patience) return {};
  return Failure{
      ExitCode::kFail,
      fmt::format("no packet came back for {:.3g} s; does the back-end echo?",
                  std::chrono::duration<double>(patience).count())};
}

std::optional<Failure> Session::Close() {
  Result<void> stopped;
  if (device_ && device_->state() == DeviceState::kRunning) {
    stopped = device_->Stop();
  }
  device_.reset();
  driver_.reset();
  if (!stopped) return Explain(stopped.error());
  if (!environment_) return {};
  if (auto complaint = environment_->Complaint()) {
    return Failure{ExitCode::kFail, std::move(*complaint)};
  }
  return {};
}

// One round of one path. A failure ends all, unless the path is not offered
// and others are asked for too.
std::optional<Failure> Measure(const BenchOptions& options, PathBench& bench,
                               const Console& console) {
  Session session(options, bench.path.wishes, console);
  std::optional<Failure> failure = session.Open();
  if (failure && failure->code == ExitCode::kUsage && options.all) {
    bench.why = failure->text;
    return session.Close();
  }
  if (!failure) {
    bench.why = session.Description();
    bench.burst = session.burst();
    bench.indirect = session.indirect();
    auto round = session.Round();
    if (round) {
      bench.rounds.push_back(*round);
    } else {
      failure = std::move(round.error());
    }
  }
  std::optional<Failure> closed = session.Close();
  return failure ? failure : closed;
}

// Nanoseconds of one memcpy between buffers as the driver's.
double MeasureCopy(size_t bytes) {
  constexpr size_t kBuffers = 128;
  constexpr int kTimes = 1000;
  const size_t stride = std::max<size_t>(NetDriver::kBufferBytes, bytes);
  std::vector<std::byte> memory(2 * kBuffers * stride);
  volatile size_t hidden_bytes = bytes;
  const Clock::time_point begin = Clock::now();
  for (int i = 0; i < kTimes; ++i) {
    for (size_t buffer = 0; buffer < kBuffers; ++buffer) {
      std::byte* const from = memory.data() + 2 * buffer * stride;
      std::memcpy(from + stride, from, hidden_bytes);
      asm volatile("" : : "r"(from) : "memory");
    }
  }
  const std::chrono::duration<double, std::nano> time = Clock::now() - begin;
  return time.count() / (kTimes * static_cast<double>(kBuffers));
}

}  // namespace

double BenchRound::NanosecondsEach() const {
  return Each(std::chrono::duration<double, std::nano>(time).count(), packets);
}
double BenchRound::CyclesEach() const {
  return Each(static_cast<double>(cycles), packets);
}
double PathBench::MedianNanoseconds() const {
  return Median(rounds, &BenchRound::NanosecondsEach);
}
double PathBench::MedianCycles() const {
  return Median(rounds, &BenchRound::CyclesEach);
}

BenchResult RunBench(const BenchOptions& options, const Console& console) {
  BenchResult result{.options = options};
  for (const BenchPath& path : options.paths) {
    result.paths.push_back({.path = path});
  }
  std::vector<double> copies;
  for (uint16_t round = 0; round < options.rounds; ++round) {
    for (PathBench& bench : result.paths) {
      const bool left_out = round != 0 && bench.rounds.empty();
      if (left_out) continue;
      result.failure = Measure(options, bench, console);
      if (result.failure) return result;
    }
    copies.push_back(MeasureCopy(options.sizes.max + kNetHeaderBytes));
    console.err << fmt::format("round {} of {}", round + 1, options.rounds)
                << std::endl;
  }
  std::ranges::sort(copies);
  result.copy_nanoseconds = copies[copies.size() / 2];
  return result;
}

}  // namespace virtio_user::cli
