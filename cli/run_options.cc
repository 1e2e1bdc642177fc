// SPDX-License-Identifier: BSD-3-Clause

#include "cli/run_options.h"

#include <fmt/format.h>

#include <array>
#include <bit>
#include <cmath>
#include <filesystem>
#include <system_error>
#include <utility>

#include "backend_sim/personality.h"
#include "virtio_user/net/buffer_pool.h"
#include "virtio_user/os/open_backend.h"
#include "virtio_user/os/tap.h"
#include "virtio_user/ring/ring_layout.h"
#include "virtio_user/spec/ring.h"
#include "virtio_user/spec/vhost_user.h"

namespace virtio_user::cli {
namespace {

// The account of packets takes one bit each.
constexpr int64_t kMaxPackets = 10'000'000'000;
constexpr int64_t kMaxBurstTyped = 256;
constexpr int64_t kMaxRestarts = 10000;
// Of a frame in one buffer: BufferPool's largest, less its headroom.
constexpr uint32_t kMaxWholeFrameBytes = 65536 - BufferPool::kHeadroom;
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

// How many pairs a kind of back-end has names for.
struct Room {
  std::string_view kind;
  int64_t pairs;
};

Room RoomOf(const std::string& backend) {
  if (backend.starts_with(kVhostVdpaPrefix)) {
    return {"a vDPA device", kMaxQueuePairs - 1};
  }
  if (backend == kVhostNetPath) return {"a tap", kMaxTapQueues};
  return {"vhost-user", kVhostUserMaxVrings / 2};
}

std::expected<void, Failure> CheckRings(const RunArguments& arguments) {
  const Room room = RoomOf(arguments.backend);
  if (arguments.queues < 1 || arguments.queues > room.pairs) {
    return Usage("--queues {}: {} has room for 1 to {} queue pairs",
                 arguments.queues, room.kind, room.pairs);
  }
  return {};
}

// Of a device that is not there whoever opens it tells.
bool IsNoDevice(const std::string& backend) {
  std::error_code ignored;
  return !std::filesystem::is_character_file(backend, ignored) &&
         (!backend.starts_with("/dev/") ||
          std::filesystem::exists(backend, ignored));
}

std::expected<void, Failure> CheckBackend(const RunArguments& arguments) {
  if (arguments.ifname && IsNoDevice(arguments.backend)) {
    return Usage(
        "--ifname {}: only a kernel back-end has a network interface; "
        "leave it out for {}",
        *arguments.ifname, arguments.backend);
  }
  if (arguments.ifname) {
    const Result<void> valid = CheckInterfaceName(*arguments.ifname);
    if (!valid) return Usage("--{}", valid.error().text());
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

// A frame that no other buffer may share has to fit into the largest one.
std::expected<FrameSizes, Failure> CheckSizes(const RunArguments& arguments,
                                              const PathWishes& wishes) {
  if (!arguments.sizes) return FrameSizes{};
  const auto sizes = ParseFrameSizes(*arguments.sizes);
  if (!sizes) return sizes;
  if (wishes.mrg_rxbuf == Wish::kRefused && sizes->max > kMaxWholeFrameBytes) {
    return Usage(
        "--size {}: without VIRTIO_NET_F_MRG_RXBUF a frame lies in one buffer, "
        "of {} bytes at most",
        *arguments.sizes, kMaxWholeFrameBytes);
  }
  return sizes;
}

std::expected<void, Failure> CheckPersonality(const RunArguments& arguments) {
  if (!arguments.personality) return {};
  const std::string& name = *arguments.personality;
  if (arguments.backend != kSimBackend) {
    return Usage(
        "--personality {}: only the embedded back-end 'sim' has personalities; "
        "leave it out for {}",
        name, arguments.backend);
  }
  if (backend_sim::FindPersonality(name)) return {};
  std::string names;
  for (const std::string_view each : backend_sim::PersonalityNames()) {
    names += fmt::format("{}{}", names.empty() ? "" : ", ", each);
  }
  return Usage("--personality {}: say one of {}", name, names);
}

std::expected<void, Failure> CheckCapture(const RunArguments& arguments) {
  constexpr std::string_view kStandardStream = "-";
  if (arguments.pcap_in == kStandardStream) {
    return Usage("--pcap-in -: a capture is a file; name one");
  }
  if (arguments.pcap_out == kStandardStream) {
    return Usage("--pcap-out -: a capture is a file; name one");
  }
  if (!arguments.pcap_in) {
    if (!arguments.pcap_out) return {};
    return Usage("--pcap-out {}: --pcap-in says which packets; it is missing",
                 *arguments.pcap_out);
  }
  const std::string& in = *arguments.pcap_in;
  const auto contradiction = [&](std::string_view option) {
    return Usage("--pcap-in {}: the capture says what is sent; leave {} out",
                 in, option);
  };
  if (arguments.packets) return contradiction("--packets");
  if (arguments.sizes) return contradiction("--size");
  if (arguments.traffic != ToString(TrafficKind::kEcho)) {
    return Usage(
        "--traffic {}: the packets of --pcap-in {} are sent, come back and are "
        "compared; leave --traffic out",
        arguments.traffic, in);
  }
  return {};
}

std::expected<std::optional<MacAddress>, Failure> CheckMac(
    const RunArguments& arguments) {
  if (!arguments.mac) return std::nullopt;
  const Result<MacAddress> mac = ParseMacAddress(*arguments.mac);
  if (!mac) return Usage("--mac: {}", mac.error().text());
  return *mac;
}

std::expected<std::optional<Duration>, Failure> CheckReconnect(
    const RunArguments& arguments) {
  if (!arguments.reconnect_seconds) return std::nullopt;
  const double seconds = *arguments.reconnect_seconds;
  if (arguments.backend == kSimBackend) {
    return Usage(
        "--reconnect {}: the embedded back-end 'sim' does not go away; leave "
        "it out, or name a socket",
        seconds);
  }
  if (arguments.pcap_in) {
    return Usage(
        "--reconnect {}: what is under way is lost when a back-end goes away, "
        "and --pcap-in wants every packet back; leave one of the two out",
        seconds);
  }
  const auto patience = CheckSeconds("--reconnect", seconds);
  if (!patience) return std::unexpected(patience.error());
  return *patience;
}

// What is checked and leaves nothing behind.
std::expected<void, Failure> CheckTexts(const RunArguments& arguments) {
  if (auto ok = CheckRings(arguments); !ok) return ok;
  if (auto ok = CheckBackend(arguments); !ok) return ok;
  if (auto ok = CheckPersonality(arguments); !ok) return ok;
  if (arguments.restarts < 0 || arguments.restarts > kMaxRestarts) {
    return Usage("--restarts {}: say 0 to {}", arguments.restarts,
                 kMaxRestarts);
  }
  return CheckCapture(arguments);
}

}  // namespace

std::expected<uint16_t, Failure> CheckQueueSize(int64_t size, Wish packed,
                                                std::string_view how_packed) {
  const bool in_range = size >= 1 && size <= int64_t{kMaxRingSize};
  if (packed != Wish::kRefused) {
    if (in_range) return static_cast<uint16_t>(size);
    return Usage("--queue-size {}: a packed ring has 1 to {} descriptors", size,
                 kMaxRingSize);
  }
  if (in_range && std::has_single_bit(static_cast<uint64_t>(size))) {
    return static_cast<uint16_t>(size);
  }
  return Usage(
      "--queue-size {}: a ring has a power of two from 1 to {} "
      "descriptors{}{}",
      size, kMaxRingSize,
      in_range ? ", a packed one any number up to that: " : "",
      in_range ? how_packed : "");
}

std::expected<uint16_t, Failure> CheckBurst(int64_t burst) {
  if (burst >= 1 && burst <= kMaxBurstTyped) {
    return static_cast<uint16_t>(burst);
  }
  return Usage("--burst {}: say 1 to {} packets", burst, kMaxBurstTyped);
}

std::string_view ToString(TrafficKind kind) {
  return kTraffic[static_cast<size_t>(kind)].second;
}

std::expected<void, Failure> LoadCapture(RunOptions& options) {
  if (!options.pcap_in) return {};
  std::error_code ignored;
  if (options.pcap_out && std::filesystem::equivalent(
                              *options.pcap_in, *options.pcap_out, ignored)) {
    return Usage("--pcap-out {}: that is the file of --pcap-in too",
                 *options.pcap_out);
  }
  auto capture = Capture::Read(*options.pcap_in);
  if (!capture) {
    return Usage("--pcap-in {}: {}", *options.pcap_in, capture.error());
  }
  options.capture = std::make_shared<const Capture>(std::move(*capture));
  options.packets = options.capture->size();
  return {};
}

std::expected<void, Failure> CheckBackendChoice(const std::string& backend,
                                                bool server) {
  if (backend.empty()) {
    return Usage(
        "back-end '': say 'sim', the path of a vhost-user socket, "
        "/dev/vhost-net or /dev/vhost-vdpa-N");
  }
  if (server && backend.starts_with("/dev/vhost-")) {
    return Usage(
        "--server: {} is a device, and no socket to wait on; leave "
        "--server out",
        backend);
  }
  if (server && backend == kSimBackend) {
    return Usage(
        "--server: the embedded back-end 'sim' has no socket to wait on; name "
        "a path in its place");
  }
  return {};
}

std::expected<Duration, Failure> CheckSeconds(std::string_view option,
                                              double seconds) {
  // A comparison with NaN is false.
  if (!(seconds >= kMinTimeoutSeconds && seconds <= kMaxTimeoutSeconds)) {
    return Usage("{} {}: say {} to {} seconds", option, seconds,
                 kMinTimeoutSeconds, kMaxTimeoutSeconds);
  }
  return Duration(std::llround(seconds * 1e9));
}

std::expected<RunOptions, Failure> CheckRunArguments(
    const RunArguments& arguments) {
  if (auto ok = CheckTexts(arguments); !ok) return std::unexpected(ok.error());
  const auto path = CheckPathArguments(arguments.path);
  if (!path) return std::unexpected(path.error());
  const auto queue_size =
      CheckQueueSize(arguments.queue_size, path->packed,
                     arguments.path.path ? "--path packed-..." : "--packed");
  if (!queue_size) return std::unexpected(queue_size.error());
  const auto sizes = CheckSizes(arguments, *path);
  if (!sizes) return std::unexpected(sizes.error());
  const auto burst = CheckBurst(arguments.burst);
  if (!burst) return std::unexpected(burst.error());
  const auto traffic = CheckTraffic(arguments);
  if (!traffic) return std::unexpected(traffic.error());
  const auto packets = CheckPackets(arguments, *traffic);
  if (!packets) return std::unexpected(packets.error());
  const auto mac = CheckMac(arguments);
  if (!mac) return std::unexpected(mac.error());
  const auto timeout = CheckSeconds("--timeout", arguments.timeout_seconds);
  if (!timeout) return std::unexpected(timeout.error());
  const auto reconnect = CheckReconnect(arguments);
  if (!reconnect) return std::unexpected(reconnect.error());
  return RunOptions{
      .backend = arguments.backend,
      .queues = static_cast<uint16_t>(arguments.queues),
      .queue_size = *queue_size,
      .packets = *packets,
      .traffic = *traffic,
      .mac = *mac,
      .ifname = arguments.ifname.value_or(""),
      .server = arguments.server,
      .timeout = *timeout,
      .seed = arguments.seed,
      .json_path = arguments.json_path,
      .path = *path,
      .burst = *burst,
      .restarts = static_cast<uint16_t>(arguments.restarts),
      .reconnect = *reconnect,
      .sizes = *sizes,
      .personality = arguments.personality,
      .pcap_in = arguments.pcap_in,
      .pcap_out = arguments.pcap_out,
      .capture = {},
      .verbose = arguments.verbose,
  };
}

}  // namespace virtio_user::cli
