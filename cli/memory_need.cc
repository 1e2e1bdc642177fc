// SPDX-License-Identifier: BSD-3-Clause

#include "cli/memory_need.h"

#include <fmt/format.h>

#include <charconv>
#include <fstream>
#include <iterator>

namespace virtio_user::cli {
namespace {

constexpr uint64_t kKibi = 1024;
// What is left to everybody else: one part of so many.
constexpr uint64_t kMarginParts = 8;

double Gibi(uint64_t bytes) {
  return static_cast<double>(bytes) / (kKibi * kKibi * kKibi);
}

// At least: chained frames, where nobody has ruled them out.
uint64_t LeastBytes(NetDriverShape shape) {
  shape.mergeable = shape.mergeable.value_or(true);
  return NetDriver::MemoryFor(shape);
}

}  // namespace

MemoryNeed NeedOf(const RunOptions& options) {
  const std::string frames =
      options.capture ? fmt::format("--pcap-in {}", *options.pcap_in)
                      : fmt::format("--size {}", ToText(options.sizes));
  MemoryNeed need{
      .shape = {.pairs = options.queues,
                .queue_size = options.queue_size,
                .max_frame_bytes = options.max_frame_bytes(),
                .burst = options.burst},
      .options = fmt::format("--queues {} --queue-size {} {}", options.queues,
                             options.queue_size, frames)};
  if (options.path.mrg_rxbuf != Wish::kIfOffered) {
    need.shape.mergeable = options.path.mrg_rxbuf == Wish::kRequired;
  }
  return need;
}

std::optional<uint64_t> MemAvailable(std::string_view meminfo) {
  constexpr std::string_view kKey = "MemAvailable:";
  size_t at = meminfo.find(kKey);
  if (at == std::string_view::npos) return {};
  at = meminfo.find_first_not_of(' ', at + kKey.size());
  if (at == std::string_view::npos) return {};
  uint64_t kibibytes = 0;
  const auto [end, error] = std::from_chars(
      meminfo.data() + at, meminfo.data() + meminfo.size(), kibibytes);
  if (error != std::errc()) return {};
  return kibibytes * kKibi;
}

std::optional<uint64_t> MemAvailable() {
  std::ifstream file("/proc/meminfo");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  return MemAvailable(text);
}

std::optional<Failure> CheckMemory(const MemoryNeed& need,
                                   std::optional<uint64_t> available) {
  const uint64_t bytes = LeastBytes(need.shape);
  if (!available || bytes <= *available - *available / kMarginParts) return {};
  return Failure{
      ExitCode::kUsage,
      fmt::format("{}: rings and buffers need {:.1f} GiB, and this machine has "
                  "{:.1f} GiB left; make one of them smaller",
                  need.options, Gibi(bytes), Gibi(*available))};
}

}  // namespace virtio_user::cli
