// SPDX-License-Identifier: BSD-3-Clause

#include "cli/traffic.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "virtio_user/net/rx_path.h"

namespace virtio_user::cli {
namespace {

// Rounds between two looks at what seldom changes.
constexpr uint64_t kRoundsPerLook = 256;

// Once so much is wrong, more packets tell nothing new.
constexpr uint64_t kMaxProblems = 1000;

// Before packets that nobody sent back are sent again.
constexpr Duration kEarlyPatience = std::chrono::milliseconds(100);

// More than any ring has.
constexpr size_t kAllChains = 65536;

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
    : options_(options),
      parts_(parts),
      packets_(options.burst),
      frame_(std::max<size_t>(parts.ledger.max_frame_bytes(), kMaxFrameBytes)) {
}

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
  begin_ = now;
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
  const size_t count = parts_.driver.rx(pair).Receive(packets_);
  for (const Packet& packet : std::span(packets_).first(count)) {
    Take(pair, packet);
  }
  if (count != 0 && !first_arrival_) {
    first_arrival_ = parts_.environment.Now();
  }
  return count != 0;
}

void Traffic::Take(uint16_t pair, const Packet& packet) {
  BufferPool& pool = parts_.driver.pool(pair);
  if (packet.buffer_count == 1) {
    Judge(pair, pool.Front(packet));
  } else {
    Judge(pair, std::span(frame_).first(pool.CopyOut(packet, frame_)));
  }
  pool.Free(packet);
}

void Traffic::Judge(uint16_t pair, std::span<const std::byte> frame) {
  if (options_.kind != TrafficKind::kEcho) {
    parts_.ledger.Received(pair, frame.size());
    if (options_.kind == TrafficKind::kReceive) ++moved_;
    ++lanes_[pair].received;
    return;
  }
  if (parts_.ledger.IsStranger(frame)) return;
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
  parts_.driver.tx(pair).Complete(kAllChains);
  return parts_.driver.tx(pair).in_flight();
}

size_t Traffic::Make(uint16_t pair, size_t count) {
  BufferPool& pool = parts_.driver.pool(pair);
  for (size_t i = 0; i < count; ++i) {
    const size_t bytes = parts_.ledger.Write(pair, i, frame_);
    const auto frame = std::span<const std::byte>(frame_).first(bytes);
    auto packet = pool.Make(frame);
    if (!packet) {
      parts_.driver.tx(pair).Complete(kAllChains);
      packet = pool.Make(frame);
    }
    if (!packet) return i;
    packets_[i] = *packet;
  }
  return count;
}

bool Traffic::Send(uint16_t pair) {
  Lane& lane = lanes_[pair];
  if (lane.to_send == 0) return false;
  const uint64_t waiting = Waiting(pair);
  const uint64_t window = parts_.driver.window();
  const uint64_t room = waiting < window ? window - waiting : 0;
  const size_t burst = std::min({uint64_t{options_.burst}, room, lane.to_send});
  const size_t made = Make(pair, burst);
  if (made == 0) return false;
  const std::span<const Packet> packets = std::span(packets_).first(made);
  const size_t sent = parts_.driver.tx(pair).Send(packets);
  // What found no room is made again in its turn.
  for (const Packet& packet : packets.subspan(sent)) {
    parts_.driver.pool(pair).Free(packet);
  }
  Ledger& ledger = parts_.ledger;
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
    const Duration still = now - lane.last_progress;
    if (still > kEarlyPatience && now - begin_ < options_.timeout &&
        TriesAgain(pair)) {
      lane.last_progress = now;
    } else if (still > options_.timeout) {
      GiveUp(pair);
    }
  }
}

// DPDK's net_vhost takes packets and drops them as long as its port is not up
// both ways, which is somewhat later than the device is. So until one has come
// back, none that went out says anything.
bool Traffic::TriesAgain(uint16_t pair) {
  if (!options_.may_lose || options_.kind != TrafficKind::kEcho) return false;
  if (first_arrival_ || lanes_[pair].to_send == 0) return false;
  lost_early_ += parts_.ledger.Missing(pair);
  parts_.ledger.WriteOff(pair);
  return true;
}

void Traffic::GiveUp(uint16_t pair) {
  Lane& lane = lanes_[pair];
  Ledger& ledger = parts_.ledger;
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

uint64_t Traffic::left() const {
  if (options_.kind == TrafficKind::kReceive) {
    return total_ - std::min(total_, moved_);
  }
  uint64_t left = 0;
  for (const Lane& lane : lanes_) left += lane.to_send;
  return left;
}

bool Traffic::Healthy() {
  const uint64_t before = problems_.count();
  for (uint16_t pair = 0; pair < lanes_.size(); ++pair) {
    if (auto trouble = parts_.driver.Trouble(pair)) {
      problems_.Add(std::move(*trouble));
    }
  }
  if (auto trouble = parts_.driver.DeviceTrouble()) {
    lost_ = options_.may_lose && parts_.driver.lost();
    if (lost_) return false;
    problems_.Add(std::move(*trouble));
  }
  return problems_.count() == before && problems_.count() < kMaxProblems &&
         !parts_.console.Interrupted();
}

}  // namespace virtio_user::cli
