// SPDX-License-Identifier: BSD-3-Clause

#include "cli/run_options.h"

#include <fmt/format.h>

#include <array>
#include <bit>
#include <cmath>
#include <utility>

#include "virtio_user/spec/ring.h"
#include "virtio_user/spec/vhost_user.h"

namespace virtio_user::cli {
namespace {

constexpr int64_t kMaxPairs = kVhostUserMaxVrings / 2;
// The account of packets takes one bit each.
constexpr int64_t kMaxPackets = 10'000'000'000;
constexpr double kMinTimeoutSeconds = 0.001;
constexpr double kMaxTimeoutSeconds = 86400;

constexpr std::array<std::pair<TrafficKind, std::string_view>, 4> kTraffic = {{
    {TrafficKind::kEcho, "echo"},
    {TrafficKind::kSend, "send"},
    {TrafficKind::kReceive, "receive"},
    {TrafficKind::kNone, "none"},
}};

template <typename... Args>
std::unexpected<Failure> Usage(fmt::format_string<Args...> format,
                               Args&&... args) {
  return std::unexpected(Failure{
      ExitCode::kUsage, fmt::format(format, std::forward<Args>(args)...)});
}

std::expected<void, Failure> CheckRings(const RunArguments& arguments) {
  if (arguments.queues < 1 || arguments.queues > kMaxPairs) {
    return Usage("--queues {}: vhost-user has room for 1 to {} queue pairs",
                 arguments.queues, kMaxPairs);
  }
  const int64_t size = arguments.queue_size;
  if (size < 1 || size > int64_t{kMaxRingSize} ||
      !std::has_single_bit(static_cast<uint64_t>(size))) {
    return Usage(
        "--queue-size {}: a ring has a power of two from 1 to {} "
        "descriptors",
        size, kMaxRingSize);
  }
  return {};
}

std::expected<void, Failure> CheckBackend(const RunArguments& arguments) {
  if (arguments.ifname) {
    return Usage(
        "--ifname {}: only a kernel back-end has a network interface; "
        "leave it out for {}",
        *arguments.ifname, arguments.backend);
  }
  return CheckBackendChoice(arguments.backend, arguments.server);
}

std::expected<TrafficKind, Failure> CheckTraffic(
    const RunArguments& arguments) {
  for (const auto& [kind, name] : kTraffic) {
    if (arguments.traffic == name) return kind;
  }
  return Usage("--traffic {}: say echo, send, receive or none",
               arguments.traffic);
}

std::expected<uint64_t, Failure> CheckPackets(const RunArguments& arguments,
                                              TrafficKind traffic) {
  if (!arguments.packets) {
    return traffic == TrafficKind::kNone ? 0 : RunOptions{}.packets;
  }
  const int64_t packets = *arguments.packets;
  if (traffic == TrafficKind::kNone && packets != 0) {
    return Usage(
        "--packets {}: --traffic none sends none; leave one of the "
        "two out",
        packets);
  }
  if (traffic != TrafficKind::kNone && packets == 0) {
    return Usage(
        "--packets 0: nothing would be checked; for a run without "
        "packets say --traffic none");
  }
  if (packets < 0 || packets > kMaxPackets) {
    return Usage("--packets {}: say 1 to {}", packets, kMaxPackets);
  }
  return static_cast<uint64_t>(packets);
}

std::expected<std::optional<MacAddress>, Failure> CheckMac(
    const RunArguments& arguments) {
  if (!arguments.mac) return std::nullopt;
  const Result<MacAddress> mac = ParseMacAddress(*arguments.mac);
  if (!mac) return Usage("--mac: {}", mac.error().text());
  return *mac;
}

}  // namespace

std::string_view ToString(TrafficKind kind) {
  return kTraffic[static_cast<size_t>(kind)].second;
}

std::expected<void, Failure> CheckBackendChoice(const std::string& backend,
                                                bool server) {
  if (backend.empty()) {
    return Usage("back-end '': say 'sim' or the path of a vhost-user socket");
  }
  if (server && backend == kSimBackend) {
    return Usage(
        "--server: the embedded back-end 'sim' has no socket to wait on; name "
        "a path in its place");
  }
  return {};
}

std::expected<Duration, Failure> CheckTimeout(double seconds) {
  // A comparison with NaN is false.
  if (!(seconds >= kMinTimeoutSeconds && seconds <= kMaxTimeoutSeconds)) {
    return Usage("--timeout {}: say {} to {} seconds", seconds,
                 kMinTimeoutSeconds, kMaxTimeoutSeconds);
  }
  return Duration(std::llround(seconds * 1e9));
}

std::expected<RunOptions, Failure> CheckRunArguments(
    const RunArguments& arguments) {
  if (auto ok = CheckRings(arguments); !ok) return std::unexpected(ok.error());
  if (auto ok = CheckBackend(arguments); !ok) {
    return std::unexpected(ok.error());
  }
  const auto traffic = CheckTraffic(arguments);
  if (!traffic) return std::unexpected(traffic.error());
  const auto packets = CheckPackets(arguments, *traffic);
  if (!packets) return std::unexpected(packets.error());
  const auto mac = CheckMac(arguments);
  if (!mac) return std::unexpected(mac.error());
  const auto timeout = CheckTimeout(arguments.timeout_seconds);
  if (!timeout) return std::unexpected(timeout.error());
  return RunOptions{
      .backend = arguments.backend,
      .queues = static_cast<uint16_t>(arguments.queues),
      .queue_size = static_cast<uint16_t>(arguments.queue_size),
      .packets = *packets,
      .traffic = *traffic,
      .mac = *mac,
      .server = arguments.server,
      .timeout = *timeout,
      .seed = arguments.seed,
      .json_path = arguments.json_path,
      .mrg_rxbuf = !arguments.no_mrg_rxbuf,
      .in_order = !arguments.no_in_order,
      .verbose = arguments.verbose,
  };
}

}  // namespace virtio_user::cli
