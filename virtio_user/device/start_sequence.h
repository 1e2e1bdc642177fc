// SPDX-License-Identifier: BSD-3-Clause
//
// Message order and rollback of start and stop, and nothing else: no locks,
// no states.

#ifndef VIRTIO_USER_DEVICE_START_SEQUENCE_H_
#define VIRTIO_USER_DEVICE_START_SEQUENCE_H_

#include <cstdint>
#include <expected>
#include <optional>
#include <span>

#include "virtio_user/base/error.h"
#include "virtio_user/base/function_ref.h"
#include "virtio_user/spec/feature.h"
#include "virtio_user/vhost/memory_table.h"
#include "virtio_user/vhost/vhost_backend.h"
#include "virtio_user/vhost/vring_state.h"

namespace virtio_user {

struct StartPlan {
  FeatureSet forwarded;           // SET_FEATURES.
  const MemoryTable& table;       // SET_MEM_TABLE.
  std::span<VringState> vrings;   // Of the device, by index.
  uint16_t configured_pairs = 0;  // Rings 0 to 2 * configured_pairs - 1.
  uint16_t active_pairs = 1;      // Enabled at the end.
  // What the driver has left on of the offloads among `forwarded`, if it has
  // changed anything: no packet comes in before the back-end knows.
  std::optional<FeatureSet> guest_offloads = {};
  // NET_SET_MTU, where the back-end is to be told.
  std::optional<uint16_t> mtu = {};
  // Where the back-end takes notes of what it has in flight: nothing here has
  // it make a new place for them. Null: it takes none.
  std::optional<InflightRegion>* inflight = nullptr;
  // The last step, once the device runs: what its own control queue has to
  // hear. A failure ends the start.
  std::optional<FunctionRef<Result<void>()>> say_commands = {};
};

// Why a sequence failed, and whether every ring is known to be stopped, and
// the status reset, all the same: another start can follow.
struct SequenceFailure {
  Error error;
  bool rings_stopped = false;
};
using SequenceResult = std::expected<void, SequenceFailure>;

// Brings the back-end from stopped to running: calls, features, their
// confirmation, notes, memory, rings, the first pair, DRIVER_OK, further pairs,
// commands. On failure whatever was sent is undone, and each ring keeps the
// base that the back-end gave for it.
SequenceResult RunStart(VhostBackend& backend, const StartPlan& plan);

// While a poller may be inside its ring, what it has published is its own.
enum class Pollers : uint8_t { kHaveLeft, kMayBeInside };

struct StopPlan {
  std::span<VringState> vrings;   // Of the device, by index.
  uint16_t configured_pairs = 0;  // Rings 0 to 2 * configured_pairs - 1.
  uint16_t active_pairs = 1;      // Those that may be enabled.
  Pollers pollers = Pollers::kHaveLeft;
  // Of a start that has failed: rings that did not come to run are answered
  // for as if they had never run. Where nothing was used, they stand where they
  // stood.
  bool undoes = false;
};

// Disables the active pairs, stops every configured ring and keeps its base,
// resets the status. Visits everything; the first failure. With pollers that
// may be inside, no base is kept: where those rings stand is unknown.
SequenceResult RunStop(VhostBackend& backend, const StopPlan& plan);

// Enables or disables the rings of pairs `begin` to `end` - 1, if the back-end
// knows enabling at all; for use inside a Batch.
Result<void> QueueEnable(VhostBackend& backend, uint16_t begin, uint16_t end,
                         VringEnable enable);

}  // namespace virtio_user

#endif  // VIRTIO_USER_DEVICE_START_SEQUENCE_H_
