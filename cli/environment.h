// SPDX-License-Identifier: BSD-3-Clause

#ifndef CLI_ENVIRONMENT_H_
#define CLI_ENVIRONMENT_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "cli/exit_code.h"
#include "cli/ledger.h"
#include "cli/message_tap.h"
#include "cli/run_options.h"
#include "virtio_user/base/file_descriptor.h"
#include "virtio_user/vhost/memory_provider.h"
#include "virtio_user/vhost/quiescer.h"
#include "virtio_user/vhost/vhost_backend.h"

namespace virtio_user::cli {

// What a device runs on: the seams, and the world behind them. One thread.
// Outlives the device and every back-end that it opened.
class Environment {
 public:
  virtual ~Environment() = default;

  // A back-end that is not attached yet. At most one at a time.
  virtual std::expected<std::unique_ptr<VhostBackend>, Failure>
  OpenBackend() = 0;

  virtual MemoryProvider& memory() = 0;
  virtual FdOps& fds() = 0;
  virtual Quiescer& quiescer() = 0;

  // A region of the memory table that comes and goes.
  virtual Result<std::span<std::byte>> AddRegion(size_t bytes) = 0;
  virtual Result<void> RemoveRegion(std::span<std::byte> region) = 0;

  // Whoever waits for the back-end calls this each time round: `idle` if it
  // found nothing to do. Gives the back-end its turn.
  virtual void Turn(bool idle) = 0;
  // Called before packets come. Lets the back-end's program hear of what its
  // library has just answered: DPDK acknowledges a message first and tells its
  // application then, and the application drops what it cannot send yet.
  virtual Result<void> Settle() { return {}; }
  // A clock that goes on while somebody waits.
  virtual Duration Now() = 0;

  // Where frames come back.
  virtual Routing routing() const { return Routing::kOwnPair; }

  // On the simulator: the hash of all that happened.
  virtual std::optional<std::string> TraceHash() const { return {}; }
  // After the device is gone: what the world has to complain about.
  virtual std::optional<std::string> Complaint() { return {}; }

  MessageTap& tap() { return tap_; }
  const MessageTap& tap() const { return tap_; }

 protected:
  explicit Environment(MessageTap::OnLine on_line) : tap_(std::move(on_line)) {}

 private:
  MessageTap tap_;
};

struct EnvironmentOptions {
  std::string backend;  // "sim" or a path.
  bool server = false;
  // Of the device and of its frames, for vhost-net.
  uint16_t queue_pairs = 1;
  std::optional<MacAddress> mac = {};
  std::string ifname = {};
  uint32_t max_frame_bytes = 1514;
  uint64_t seed = 1;
  // What the simulated back-end does with packets.
  TrafficKind traffic = TrafficKind::kEcho;
  std::string personality = "conforming";  // Of the simulated back-end.
  // Packets in order are asked for: a personality that offers to keep it does.
  bool in_order = false;
  size_t memory_bytes = size_t{1} << 20;  // That will be allocated.
  MessageTap::OnLine on_line;             // Every message in words.
  // Borrowed; null, or what ends every wait for the back-end once it is set.
  const std::atomic<bool>* interrupted = nullptr;
};

// The simulated one for "sim", vhost-net for a device, a socket for all else.
std::expected<std::unique_ptr<Environment>, Failure> MakeEnvironment(
    const EnvironmentOptions& options);

// How an error is reported: a wrong argument, a back-end that was not reached,
// or, once anything came from it, a failure.
Failure ExplainError(const Environment& environment, const Error& error);

}  // namespace virtio_user::cli

#endif  // CLI_ENVIRONMENT_H_
