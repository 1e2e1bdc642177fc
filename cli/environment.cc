// SPDX-License-Identifier: BSD-3-Clause

#include "cli/environment.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include "cli/kernel_environment.h"
#include "cli/sim_environment.h"
#include "cli/socket_environment.h"

namespace virtio_user::cli {
namespace {

// The counterpart of what the driver does.
backend_sim::TrafficMode SimTraffic(TrafficKind kind) {
  switch (kind) {
    case TrafficKind::kSend:
      return backend_sim::TrafficMode::kSink;
    case TrafficKind::kReceive:
      return backend_sim::TrafficMode::kSource;
    case TrafficKind::kEcho:
    case TrafficKind::kNone:
      break;
  }
  return backend_sim::TrafficMode::kEcho;
}

// Requires: the name is one of the simulator's.
backend_sim::Personality SimPersonality(const EnvironmentOptions& options) {
  auto personality = *backend_sim::FindPersonality(options.personality);
  personality.traffic = SimTraffic(options.traffic);
  // One that mixes the order up does not offer to keep it, and yet keeps it
  // where it was accepted: offered to whoever insists.
  const bool shuffles =
      personality.rings.order == backend_sim::CompletionOrder::kShuffled;
  if (options.in_order && shuffles) {
    personality.features |= backend_sim::Bit(backend_sim::kBitInOrder);
  }
  return personality;
}

}  // namespace

std::expected<std::unique_ptr<Environment>, Failure> MakeEnvironment(
    const EnvironmentOptions& options) {
  if (options.backend == kSimBackend) {
    return std::make_unique<SimEnvironment>(options, SimPersonality(options));
  }
  // What is there that cannot be looked at, its opening will tell.
  std::error_code ignored;
  if (std::filesystem::is_character_file(options.backend, ignored)) {
    return KernelEnvironment::Create(options);
  }
  return SocketEnvironment::Create(options);
}

Failure ExplainError(const Environment& environment, const Error& error) {
  const MessageCounts& counts = environment.tap().counts();
  std::string text(error.text());
  if (error.code() == ErrorCode::kInvalidArgument) {
    return {ExitCode::kUsage, std::move(text)};
  }
  // Somebody is there, although what it says makes no sense.
  const bool answered =
      counts.received > 0 || error.code() == ErrorCode::kProtocol;
  if (answered) return {ExitCode::kFail, std::move(text)};
  if (counts.sent > 0) {
    return {ExitCode::kUnreachable,
            "connected, but no vhost-user back-end answers: " + text};
  }
  const bool usage = error.code() == ErrorCode::kUnsupported;
  return {usage ? ExitCode::kUsage : ExitCode::kUnreachable, std::move(text)};
}

}  // namespace virtio_user::cli
