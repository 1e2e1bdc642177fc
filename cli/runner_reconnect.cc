// SPDX-License-Identifier: BSD-3-Clause
//
// Runner: what it does about a back-end that goes away.

#include <algorithm>
#include <utility>

#include "cli/reconnection.h"
#include "cli/runner.h"

namespace virtio_user::cli {

std::optional<Failure> Runner::DoSteadily(Step step) {
  last_progress_ = environment_.Now();
  for (;;) {
    auto failure = Do(step);
    if (!failure || !options_.reconnect || !HasLostBackend()) return failure;
    if (environment_.Now() - last_progress_ > *options_.reconnect) {
      return Failure{ExitCode::kFail,
                     "the back-end goes away again and again, and nothing "
                     "comes of it in between"};
    }
    if (auto hopeless = Restore()) return hopeless;
    if (step.kind != StepKind::kTraffic) continue;
    // Where all that was left is lost, one more shows whether any comes back.
    step.packets = std::max<uint64_t>(packets_left_, 1);
  }
}

bool Runner::HasLostBackend() {
  if (!packet_problems_.empty()) return false;
  (void)driver_->DeviceTrouble();
  return driver_->lost();
}

std::optional<Failure> Runner::Restore() {
  ReconnectResult reconnect;
  for (uint16_t pair = 0; pair < ledger_->pairs(); ++pair) {
    reconnect.lost += options_.traffic == TrafficKind::kSend
                          ? driver_->tx(pair).in_flight()
                          : ledger_->Missing(pair);
    ledger_->WriteOff(pair);
  }
  Reconnection reconnection({.environment = environment_,
                             .driver = *driver_,
                             .console = console_,
                             .server = options_.server,
                             // Captured packets are told apart by their turn.
                             .keep_rings = !options_.capture},
                            *options_.reconnect);
  const Duration begin = environment_.Now();
  if (auto failure = reconnection.Restore()) return failure;
  restored_at_ = reconnection.restored_at();
  reconnect.away = restored_at_ - begin;
  reconnect.longest_call = reconnection.longest_call();
  reconnect.kept_rings = reconnection.kept_rings();
  // What is still in the rings will be sent.
  if (reconnect.kept_rings && options_.traffic == TrafficKind::kSend) {
    reconnect.lost = 0;
  }
  result_.reconnects.push_back(reconnect);
  ++result_.starts;
  if (const auto settled = environment_.Settle(); !settled) {
    return Fatal(settled.error());
  }
  return {};
}

void Runner::NoteArrival(const Traffic& traffic) {
  if (traffic.first_arrival()) last_progress_ = environment_.Now();
  result_.lost_early += traffic.lost_early();
  if (!traffic.first_arrival() || result_.reconnects.empty()) return;
  auto& first_packet = result_.reconnects.back().first_packet;
  if (!first_packet) first_packet = *traffic.first_arrival() - restored_at_;
}

}  // namespace virtio_user::cli
