// SPDX-License-Identifier: BSD-3-Clause

#ifndef CLI_RUN_OPTIONS_H_
#define CLI_RUN_OPTIONS_H_

#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "cli/capture.h"
#include "cli/exit_code.h"
#include "cli/frame_sizes.h"
#include "cli/path_options.h"
#include "virtio_user/base/deadline.h"
#include "virtio_user/base/mac_address.h"

namespace virtio_user::cli {

// The back-end that is built in.
inline constexpr std::string_view kSimBackend = "sim";

enum class TrafficKind : uint8_t {
  kEcho,     // Every packet comes back on its pair and is compared.
  kSend,     // The back-end takes packets; none is expected back.
  kReceive,  // The back-end sends packets of its own; they are counted.
  kNone,
};
std::string_view ToString(TrafficKind kind);

// As typed: numbers are wider than what is allowed.
struct RunArguments {
  std::string backend{kSimBackend};
  int64_t queues = 1;
  int64_t queue_size = 256;
  std::optional<int64_t> packets;
  std::string traffic = "echo";
  std::optional<std::string> mac;
  std::optional<std::string> ifname;
  bool server = false;
  double timeout_seconds = 2;
  uint64_t seed = 1;
  std::optional<std::string> json_path;
  PathArguments path;
  int64_t burst = 32;
  int64_t restarts = 3;
  std::optional<double> reconnect_seconds;
  std::optional<std::string> sizes;
  std::optional<std::string> personality;
  std::optional<std::string> pcap_in;
  std::optional<std::string> pcap_out;
  bool verbose = false;
};

// Checked.
struct RunOptions {
  std::string backend{kSimBackend};
  uint16_t queues = 1;
  uint16_t queue_size = 256;
  uint64_t packets = 10000;  // Over all pairs.
  TrafficKind traffic = TrafficKind::kEcho;
  std::optional<MacAddress> mac;
  std::string ifname;  // Of vhost-net's tap; empty: the kernel's choice.
  bool server = false;
  Duration timeout = kDefaultCallBudget;  // Of one call.
  uint64_t seed = 1;
  std::optional<std::string> json_path;
  PathWishes path;
  uint16_t burst = 32;    // Packets that one call sends or receives, at most.
  uint16_t restarts = 3;  // How often the device is stopped and started again.
  // How long a back-end that goes away may stay away, each time; nothing: its
  // going ends the run.
  std::optional<Duration> reconnect;
  FrameSizes sizes;                        // Of frames that are made here.
  std::optional<std::string> personality;  // Of the embedded back-end.
  // Frames of this capture in place of made ones, and where those that come
  // back go.
  std::optional<std::string> pcap_in;
  std::optional<std::string> pcap_out;
  std::shared_ptr<const Capture>
      capture;  // What pcap_in holds; see LoadCapture.
  bool verbose = false;

  // Of the longest frame that goes out.
  uint32_t max_frame_bytes() const {
    return capture ? static_cast<uint32_t>(capture->max_bytes()) : sizes.max;
  }
  bool simulated() const { return backend == kSimBackend; }
  // How long packets may make no progress at all.
  Duration traffic_timeout() const { return timeout * 5 / 2; }
};

// Refused (kUsage, naming option, value and what is allowed): everything that
// no back-end could make possible. What depends on the back-end, such as more
// pairs than it serves, is refused later.
std::expected<RunOptions, Failure> CheckRunArguments(
    const RunArguments& arguments);

// Reads the capture that `options` name; then `packets` is how many it has.
// kUsage where it cannot be sent, or is the output as well.
std::expected<void, Failure> LoadCapture(RunOptions& options);

// What --backend (or probe's PATH) and --server say together.
std::expected<void, Failure> CheckBackendChoice(const std::string& backend,
                                                bool server);

// Descriptors of a ring as typed for --queue-size. `how_packed` is what to say
// for packed rings.
std::expected<uint16_t, Failure> CheckQueueSize(int64_t size, Wish packed,
                                                std::string_view how_packed);

// Packets as typed for --burst.
std::expected<uint16_t, Failure> CheckBurst(int64_t burst);

// Seconds as typed for `option`.
std::expected<Duration, Failure> CheckSeconds(std::string_view option,
                                              double seconds);

}  // namespace virtio_user::cli

#endif  // CLI_RUN_OPTIONS_H_
