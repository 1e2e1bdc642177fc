// SPDX-License-Identifier: BSD-3-Clause
//
// What a run found out, as data; report.h makes text of it, report_json.h a
// document.

#ifndef CLI_RUN_RESULT_H_
#define CLI_RUN_RESULT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/ledger.h"
#include "cli/message_counts.h"
#include "cli/run_options.h"
#include "virtio_user/base/deadline.h"
#include "virtio_user/spec/feature.h"

namespace virtio_user::cli {

// One part of a run, in the order in which they were carried out.
struct PhaseResult {
  std::string name;
  uint64_t packets = 0;  // Sent, or received where none was sent.
  Duration time{0};      // Wall clock; enters nothing but the report.
};

struct FeatureResult {
  FeatureSet device;     // The back-end offers it.
  FeatureSet offered;    // To the driver.
  FeatureSet accepted;   // By the driver.
  FeatureSet forwarded;  // To the back-end.
};

// What was agreed on beside features.
struct ProtocolResult {
  // VHOST_USER_PROTOCOL_F_*, by bit; nothing: the back-end was not asked.
  std::optional<uint64_t> offered;
  uint32_t max_queue_pairs = 0;
  bool ring_enable = false;
  bool status = false;
  bool config = false;
};

// How packets travel.
struct PathResult {
  std::string name;
  std::string text;  // Which path, and by which features.
  bool indirect = false;
  uint32_t burst = 0;         // --burst, or as many as the rings have room for.
  uint32_t buffer_bytes = 0;  // Of each buffer.
  uint32_t max_frame_bytes = 0;  // The longest frame that the rings carry.
};

// What became of a capture.
struct CaptureResult {
  uint64_t packets = 0;    // Read.
  uint64_t truncated = 0;  // Of them, that the capture has only the front of.
  std::vector<size_t> returned;  // Which came back, in the capture's order.
};

// One time that the back-end went away and came back.
struct ReconnectResult {
  Duration away{0};  // Until it was there again and the rings ran.
  std::optional<Duration> first_packet = {};  // After that; none came: nothing.
  uint64_t lost = 0;                          // Packets that were under way.
  bool kept_rings = false;   // What the rings held was taken up again.
  Duration longest_call{0};  // To the device, of those that it took.
};

struct RunResult {
  RunOptions options;
  bool negotiated = false;  // features and protocol are known.
  FeatureResult features;
  ProtocolResult protocol;
  std::optional<PathResult> path;        // Once the rings are set up.
  std::optional<CaptureResult> capture;  // Where there is one.
  std::vector<PairCounts> pairs;
  std::vector<PhaseResult> phases;
  MessageCounts messages;
  uint64_t control_commands = 0;  // Carried out and acknowledged.
  uint64_t starts = 0;
  std::vector<ReconnectResult> reconnects;
  // Packets that a back-end which had just come up took and dropped.
  uint64_t lost_early = 0;
  std::optional<std::string> trace_hash;  // On the simulator.
  std::optional<Failure> failure;         // None: pass.

  bool pass() const { return !failure.has_value(); }
};

}  // namespace virtio_user::cli

#endif  // CLI_RUN_RESULT_H_
