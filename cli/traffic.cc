// SPDX-License-Identifier: BSD-3-Clause

#include "cli/traffic.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

namespace virtio_user::cli {
namespace {

// Rounds between two looks at what seldom changes.
constexpr uint64_t kRoundsPerLook = 256;

// Once so much is wrong, more packets tell nothing new.
constexpr uint64_t kMaxProblems = 1000;

double Seconds(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

}  // namespace

void Problems::Add(std::string text) {
  if (++count_ <= kMaxKept) kept_.push_back(std::move(text));
}

std::string Problems::Text() const {
  if (kept_.empty()) return {};
  if (count_ == 1) return kept_.front();
  return fmt::format("{}; and {} more", kept_.front(), count_ - 1);
}

std::vector<std::string> Problems::Details() const {
  if (count_ <= 1) return {};
  std::vector<std::string> details = kept_;
  if (count_ > kMaxKept) {
    details.push_back(fmt::format("and {} more", count_ - kMaxKept));
  }
  return details;
}

Traffic::Traffic(const TrafficOptions& options, const Parts& parts)
    : options_(options), parts_(parts), frames_{} {}

void Traffic::Run(uint16_t pairs, uint64_t packets,
                  const OnProgress& on_progress) {
  StartLanes(pairs, packets);
  for (uint64_t round = 1; !AllDone(); ++round) {
    const bool moved = Round();
    parts_.environment.Turn(!moved);
    NoticeProgress();
    if (moved && round % kRoundsPerLook != 0) continue;
    if (!Healthy()) return;
    on_progress(moved_, total_);
  }
  // What comes now came twice.
  parts_.environment.Turn(true);
  Round();
  Healthy();
}

void Traffic::StartLanes(uint16_t pairs, uint64_t packets) {
  moved_ = 0;
  total_ = packets;
  lanes_.assign(pairs, {});
  const Duration now = parts_.environment.Now();
  for (uint16_t pair = 0; pair < pairs; ++pair) {
    Lane& lane = lanes_[pair];
    lane.last_progress = now;
    if (options_.kind == TrafficKind::kReceive) continue;
    lane.to_send = packets / pairs + (pair < packets % pairs ? 1 : 0);
  }
}

bool Traffic::AllDone() const {
  return std::ranges::all_of(lanes_, &Lane::done);
}

bool Traffic::Round() {
  bool moved = false;
  for (uint16_t pair = 0; pair < lanes_.size(); ++pair) {
    // Receiving first: it gives the back-end the buffers to send into.
    moved |= Receive(pair);
    moved |= Send(pair);
  }
  return moved;
}

bool Traffic::Receive(uint16_t pair) {
  return parts_.driver.rx(pair).Receive(
             2 * kBurst,
             [&](std::span<const std::byte> frame) { Take(pair, frame); }) != 0;
}

void Traffic::Take(uint16_t pair, std::span<const std::byte> frame) {
  if (options_.kind != TrafficKind::kEcho) {
    parts_.ledger.Received(pair, frame.size());
    if (options_.kind == TrafficKind::kReceive) ++moved_;
    ++lanes_[pair].received;
    return;
  }
  auto problem = parts_.ledger.Echoed(pair, frame);
  if (problem) {
    problems_.Add(std::move(*problem));
  } else {
    ++moved_;
  }
}

// Packets that the back-end has, or has not given back yet.
uint64_t Traffic::Waiting(uint16_t pair) {
  if (options_.kind == TrafficKind::kEcho) return parts_.ledger.Missing(pair);
  parts_.driver.tx(pair).Reap();
  return parts_.driver.tx(pair).in_flight();
}

bool Traffic::Send(uint16_t pair) {
  Lane& lane = lanes_[pair];
  if (lane.to_send == 0) return false;
  const uint64_t waiting = Waiting(pair);
  const uint64_t window = parts_.driver.window();
  const uint64_t room = waiting < window ? window - waiting : 0;
  const size_t burst = std::min({uint64_t{kBurst}, room, lane.to_send});
  if (burst == 0) return false;
  PacketLedger& ledger = parts_.ledger;
  std::array<std::span<const std::byte>, kBurst> spans;
  for (size_t i = 0; i < burst; ++i) {
    PacketId id = ledger.Next(pair);
    id.sequence += i;
    const size_t size = ledger.pattern().Write(id, frames_[i]);
    spans[i] = std::span(frames_[i]).first(size);
  }
  const size_t sent =
      parts_.driver.tx(pair).SendBurst(std::span(spans).first(burst));
  for (size_t i = 0; i < sent; ++i) ledger.Sent(pair);
  lane.to_send -= sent;
  if (options_.kind == TrafficKind::kSend) {
    ledger.WriteOff(pair);
    moved_ += sent;
  }
  return sent != 0;
}

void Traffic::NoticeProgress() {
  const Duration now = parts_.environment.Now();
  for (uint16_t pair = 0; pair < lanes_.size(); ++pair) {
    Lane& lane = lanes_[pair];
    if (lane.done) continue;
    // Received packets may come on any pair, so all lanes wait together.
    const bool receiving = options_.kind == TrafficKind::kReceive;
    const uint64_t waiting = receiving ? total_ - std::min(total_, moved_)
                                       : Waiting(pair) + lane.to_send;
    lane.done = waiting == 0;
    if (std::exchange(lane.waiting, waiting) != waiting) {
      lane.last_progress = now;
    }
    if (now - lane.last_progress > options_.timeout) GiveUp(pair);
  }
}

void Traffic::GiveUp(uint16_t pair) {
  Lane& lane = lanes_[pair];
  PacketLedger& ledger = parts_.ledger;
  if (options_.kind == TrafficKind::kEcho) {
    problems_.Add(ledger.DescribeMissing(pair, options_.advice));
    ledger.WriteOff(pair);
  } else if (options_.kind == TrafficKind::kSend) {
    problems_.Add(fmt::format(
        "pair {}: sent {}, the back-end left {} of them in the ring; does it "
        "serve the pair?",
        pair, ledger.counts(pair).sent, lane.waiting - lane.to_send));
  } else {
    GiveUpReceiving();
  }
  lane.to_send = 0;
  lane.done = true;
}

// Names the pairs on which nothing came; where there is none of them, all.
void Traffic::GiveUpReceiving() {
  const double seconds = Seconds(options_.timeout);
  const bool any_silent = std::ranges::any_of(
      lanes_, [](uint64_t n) { return n == 0; }, &Lane::received);
  for (uint16_t pair = 0; pair < lanes_.size(); ++pair) {
    Lane& lane = lanes_[pair];
    lane.done = true;
    if (any_silent && lane.received != 0) continue;
    if (any_silent) {
      problems_.Add(fmt::format(
          "pair {}: none came in {:.3g} s, {} of {} packets on all pairs; {}",
          pair, seconds, moved_, total_, options_.advice));
    } else {
      problems_.Add(fmt::format(
          "pair {}: {} came, then none for {:.3g} s, {} of {} packets on all "
          "pairs",
          pair, lane.received, seconds, moved_, total_));
    }
  }
}

bool Traffic::Healthy() {
  const uint64_t before = problems_.count();
  for (uint16_t pair = 0; pair < lanes_.size(); ++pair) {
    if (auto trouble = parts_.driver.Trouble(pair)) {
      problems_.Add(std::move(*trouble));
    }
  }
  if (auto trouble = parts_.driver.DeviceTrouble()) {
    problems_.Add(std::move(*trouble));
  }
  return problems_.count() == before && problems_.count() < kMaxProblems &&
         !parts_.console.Interrupted();
}

}  // namespace virtio_user::cli
