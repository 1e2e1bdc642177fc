// SPDX-License-Identifier: BSD-3-Clause
//
// What a sequence diagram of a simulated run shows, before anybody decides
// what it looks like.

#ifndef CLI_SEQUENCE_MODEL_H_
#define CLI_SEQUENCE_MODEL_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "backend_sim/simulation/simulation.h"
#include "cli/recorded_run.h"

namespace virtio_user::cli {

// What a row draws between the two ends.
enum class RowKind : uint8_t {
  kMessage,  // An arrow to the back-end.
  kAnswer,   // An arrow to the front-end.
  kAttach,
  kCloseByFrontend,
  kCloseByBackend,
  kFault,      // Bad luck that was planted, or a back-end's own.
  kViolation,  // The front-end broke a rule.
  kRing,       // A ring starts, stops or breaks.
  kMemory,
  kPackets,  // Kicks, interrupts and packets, summed up.
};

// A small mark on the column of a ring.
enum class MarkKind : uint8_t {
  kMeant,  // The message is about this ring.
  kStarts,
  kStops,
  kBreaks,
  kKick,
  kTaken,  // A packet from the driver.
  kGiven,  // A packet to the driver.
  kInterrupt,
};
inline constexpr size_t kMarkKinds = 8;

struct RingMark {
  size_t column = 0;  // In SequenceModel::rings.
  MarkKind kind = MarkKind::kMeant;

  friend bool operator==(const RingMark&, const RingMark&) = default;
};

enum class RingLook : uint8_t { kStopped, kStarted, kBroken };

struct SequenceRow {
  RowKind kind = RowKind::kMessage;
  std::string name;     // "SET_VRING_KICK", "fault", "ring 3".
  std::string details;  // "index=0, 1 fd".
  bool need_reply = false;
  bool acked = false;    // The next thing was its ack, which has no row.
  bool refused = false;  // An ack that is none.
  std::vector<RingMark> marks = {};
  // How things are once this row is over. `looks` has an entry for each ring.
  bool connected = false;
  std::vector<RingLook> looks = {};
};

struct SequenceBand {
  size_t number = 0;
  backend_sim::Operation operation;
  backend_sim::LifeState before = backend_sim::LifeState::kNone;
  backend_sim::LifeState after = backend_sim::LifeState::kNone;
  std::optional<backend_sim::OpResult> result = {};
  std::string why = {};  // A call in it failed.
  std::vector<SequenceRow> rows = {};
  // How things are behind it.
  bool connected = false;
  std::vector<RingLook> looks = {};

  // It did nothing, and nothing is to be seen.
  bool idle() const {
    return result == backend_sim::OpResult::kNothing && rows.empty() &&
           before == after;
  }
};

// What is drawn as one: an operation, or a few that did nothing.
struct SequenceGroup {
  std::vector<SequenceBand> bands;  // One, or several that are idle.
};

struct SequenceModel {
  std::vector<uint16_t> rings;  // Indices of those that appear, ascending.
  std::vector<SequenceGroup> groups;
  // Behind the last operation, if it came so far. `operation` has no
  // meaning; at its end there is no device.
  std::optional<SequenceBand> last_phase = {};
};

SequenceModel MakeSequence(const RecordedRun& run);

}  // namespace virtio_user::cli

#endif  // CLI_SEQUENCE_MODEL_H_
