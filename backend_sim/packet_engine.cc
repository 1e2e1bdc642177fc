// SPDX-License-Identifier: BSD-3-Clause

#include "backend_sim/packet_engine.h"

#include <algorithm>
#include <numeric>
#include <string>
#include <utility>

#include "backend_sim/model_checks.h"
#include "backend_sim/source_frame.h"

namespace backend_sim {

using virtio_user::ChainToken;
using virtio_user::DescriptorChain;
using virtio_user::DeviceBuffer;
using virtio_user::ErrorCode;
using virtio_user::Result;

namespace {

// "struct virtio_net_hdr": where its parts are.
inline constexpr size_t kHeaderFlags = 0;
inline constexpr size_t kHeaderGsoType = 1;
inline constexpr size_t kHeaderHash = 12;
inline constexpr uint8_t kNeedsCsum = 1;
// "Setting Up Receive Buffers": no packet is longer, header aside.
inline constexpr uint64_t kMostPacketBytes = 65550;
// Frames that are taken together where chains are shuffled.
inline constexpr size_t kWindow = 8;

// A header that came from the driver, as it may go back to it: a checksum
// left to do stays so only if the driver takes such packets.
void TurnHeaderRound(const SessionState& session, std::span<std::byte> header) {
  const auto gso = std::to_integer<uint8_t>(header[kHeaderGsoType]);
  const bool takes_gso = (gso == 1 && session.Has(kBitGuestTso4)) ||
                         (gso == 4 && session.Has(kBitGuestTso6));
  const bool takes_csum = session.Has(kBitGuestCsum);
  const bool keep = takes_csum && (gso == 0 || takes_gso);
  if (!keep) {
    std::ranges::fill(header, std::byte{0});
    return;
  }
  header[kHeaderFlags] &= std::byte{kNeedsCsum};
  // Hash report: none.
  if (header.size() > kHeaderHash) {
    std::ranges::fill(header.subspan(kHeaderHash), std::byte{0});
  }
}

}  // namespace

PacketEngine::PacketEngine(RingHost& host, Trace& trace,
                           PacketEngineOptions options)
    : host_(host), trace_(trace), options_(options) {}

PairCounters PacketEngine::counters(size_t pair) const {
  if (pair >= pairs_.size() || pairs_[pair] == nullptr) return {};
  return pairs_[pair]->counters;
}

size_t PacketEngine::waiting_count() const {
  return static_cast<size_t>(
      std::ranges::count_if(pairs_, [](const std::unique_ptr<Pair>& pair) {
        return pair != nullptr && !pair->waiting.empty();
      }));
}

size_t PacketEngine::Step() {
  if (host_.personality().traffic == TrafficMode::kNone) return 0;
  const size_t count = host_.rings().size() / 2;
  if (pairs_.size() < count) pairs_.resize(count);
  size_t work = 0;
  for (size_t i = 0; i < count; ++i) work += StepPair(i);
  return work;
}

PacketEngine::Pair& PacketEngine::PairOf(size_t index) {
  std::unique_ptr<Pair>& pair = pairs_[index];
  if (pair == nullptr) pair = std::make_unique<Pair>();
  return *pair;
}

size_t PacketEngine::StepPair(size_t index) {
  RingModel& rx = host_.rings()[2 * index];
  RingModel& tx = host_.rings()[2 * index + 1];
  if (!rx.started() && !tx.started()) return 0;
  Pair& pair = PairOf(index);
  ForgetOldLives(pair, rx, tx);
  size_t work = ReadKick(rx, pair);
  const size_t kicks = ReadKick(tx, pair);
  pair.tx.awake |= kicks != 0;
  work += kicks;
  work += Deliver(rx, pair);
  const RingBehaviour& behaviour = host_.personality().rings;
  if (host_.Serving(tx) && (pair.tx.awake || !behaviour.sleeps)) {
    const size_t taken = behaviour.held_chains != 0 ? TakeAndHold(tx, rx, pair)
                                                    : TakeFrames(tx, rx, pair);
    pair.tx.awake = taken != 0 || !pair.waiting.empty();
    work += taken;
  }
  if (host_.personality().traffic == TrafficMode::kSource) {
    work += MakeFrames(index, rx, pair);
  }
  Publish(rx, pair, pair.rx);
  for (RingModel* const ring : {&rx, &tx}) {
    if (!ring->started() || ring->events_reported()) continue;
    if (Check breach = CheckEvents(host_, *ring)) {
      ring->ReportEvents();
      host_.Report(*std::move(breach));
    }
  }
  return work;
}

// What was taken from a ring that was stopped since is not ours any more.
void PacketEngine::ForgetOldLives(Pair& pair, const RingModel& rx,
                                  const RingModel& tx) {
  if (rx.life() != pair.rx.life) {
    pair.rx = Side();
    pair.rx.life = rx.life();
    pair.held.clear();
    pair.waiting.clear();
  }
  if (tx.life() != pair.tx.life) {
    pair.tx = Side();
    pair.tx.life = tx.life();
    pair.kept.clear();
    pair.waiting.clear();
  }
}

size_t PacketEngine::ReadKick(RingModel& ring, Pair& pair) {
  if (!ring.started() || !ring.kick().valid()) return 0;
  if (options_.suppress_kicks) {
    if (ring.kicked() || ring.queue()->broken()) return 0;
    ring.queue()->SuppressKicks(true);
    ring.SawKick();
    return 0;
  }
  const Result<uint64_t> kicks = ring.kick().Drain();
  if (!kicks || *kicks == 0) return 0;
  ring.SawKick();
  pair.counters.kicks += *kicks;
  trace_.Add(
      {.kind = TraceKind::kKick, .ring = ring.index(), .words = {*kicks}});
  return 1;
}

// --- From the driver ---------------------------------------------------------

size_t PacketEngine::TakeFrames(RingModel& tx, RingModel& rx, Pair& pair) {
  const size_t window = Shuffles() ? kWindow : 1;
  size_t taken = 0;
  bool more = true;
  bool published = false;
  while (more && taken < options_.burst && pair.waiting.empty()) {
    for (size_t i = 0; i < window && taken < options_.burst && more; ++i) {
      Frame frame;
      more = TakeFrame(tx, pair, frame);
      if (!more) break;
      ++taken;
      if (tx.enabled()) {
        UseFrame(tx, rx, pair, std::move(frame));
      } else {
        ++pair.counters.discarded;
      }
    }
    const uint32_t flush = host_.personality().rings.flush_frames;
    if (pair.tx.unpublished >= std::max<size_t>(flush, window)) {
      GiveBack(tx, pair);
      published = true;
    }
    Deliver(rx, pair);
  }
  if (pair.tx.unpublished != 0) {
    GiveBack(tx, pair);
    published = true;
  }
  if (published) Interrupt(tx, pair);
  return taken;
}

// Header and packet of the next chain, which goes back with the next ones.
bool PacketEngine::TakeFrame(RingModel& tx, Pair& pair, Frame& frame) {
  if (!Take(tx, chain_)) return false;
  for (const DeviceBuffer& buffer : chain_.readable) {
    const auto from = host_.memory().FromGuest(buffer.addr.value, buffer.bytes);
    frame.insert(frame.end(), from->begin(), from->end());
  }
  pair.tx.done.push_back(chain_.token);
  ++pair.tx.unpublished;
  return true;
}

void PacketEngine::UseFrame(RingModel& tx, RingModel& rx, Pair& pair,
                            Frame frame) {
  const size_t header = host_.net_header_bytes();
  if (frame.size() <= header) {
    host_.Report({Rule::kRingContents, "ring " + std::to_string(tx.index()) +
                                           ": a packet of " +
                                           std::to_string(frame.size()) +
                                           " bytes, header included"});
    ++pair.counters.dropped;
    return;
  }
  const std::span<const std::byte> packet = std::span(frame).subspan(header);
  ++pair.counters.received;
  pair.counters.received_bytes += packet.size();
  trace_.Add({.kind = TraceKind::kPacketIn,
              .ring = tx.index(),
              .size = static_cast<uint32_t>(packet.size()),
              .words = {Digest(packet)}});
  if (host_.personality().traffic != TrafficMode::kEcho) return;
  if (!host_.Serving(rx) || !rx.enabled()) {
    ++pair.counters.dropped;
    return;
  }
  TurnHeaderRound(host_.session(), std::span(frame).first(header));
  pair.waiting.push_back(std::move(frame));
}

size_t PacketEngine::MakeFrames(size_t index, RingModel& rx, Pair& pair) {
  if (!host_.Serving(rx) || !rx.enabled()) return 0;
  const size_t header = host_.net_header_bytes();
  const size_t window = Shuffles() ? kWindow : 1;
  size_t made = 0;
  while (made < options_.burst && pair.waiting.empty() &&
         pair.source_count < options_.source_frames) {
    for (size_t i = 0; i < window; ++i) {
      if (pair.source_count == options_.source_frames) break;
      const std::vector<std::byte> packet =
          SourceFrame(static_cast<uint16_t>(index), pair.source_count,
                      options_.source_bytes);
      ++pair.source_count;
      Frame& frame = pair.waiting.emplace_back(header);
      frame.insert(frame.end(), packet.begin(), packet.end());
    }
    const size_t delivered = Deliver(rx, pair);
    made += delivered;
    if (delivered == 0) break;
  }
  return made;
}

// --- Rings -------------------------------------------------------------------

bool PacketEngine::Shuffles() const {
  return host_.personality().rings.order == CompletionOrder::kShuffled &&
         !host_.session().Has(kBitInOrder);
}

bool PacketEngine::Batches() const {
  return host_.personality().rings.in_order_batches &&
         host_.session().Has(kBitInOrder);
}

// An order of 0 to count - 1.
std::vector<size_t> PacketEngine::Order(size_t count) {
  std::vector<size_t> order(count);
  std::iota(order.begin(), order.end(), size_t{0});
  if (!Shuffles()) return order;
  if (options_.entropy == nullptr) {
    std::ranges::reverse(order);
    return order;
  }
  for (size_t i = count; i > 1; --i) {
    std::swap(order[i - 1], order[i - 1 - options_.entropy->Choose(i)]);
  }
  return order;
}

// Used elements for all chains that are done with.
void PacketEngine::GiveBack(RingModel& tx, Pair& pair) {
  Side& side = pair.tx;
  if (!tx.queue()->broken()) {
    if (Batches()) {
      tx.queue()->PutBatch(side.done, 0);
    } else {
      for (const size_t i : Order(side.done.size())) {
        PutUsed(tx, pair, side.done[i], 0);
      }
    }
  }
  for (const ChainToken& token : side.done) tx.Give(token.id);
  if (!tx.queue()->broken()) tx.Publish();
  side.done.clear();
  side.unpublished = 0;
}

// Makes visible what was put into RX.
bool PacketEngine::Publish(RingModel& ring, Pair& pair, Side& side) {
  if (side.unpublished == 0) return false;
  side.unpublished = 0;
  if (ring.queue()->broken()) return false;
  ring.Publish();
  Interrupt(ring, pair);
  return true;
}

void PacketEngine::Interrupt(RingModel& ring, Pair& pair) {
  if (!ring.call().valid() || !ring.queue()->DriverWantsInterrupt()) return;
  if (!ring.call().Signal()) return;
  ++pair.counters.interrupts;
  trace_.Add({.kind = TraceKind::kCall, .ring = ring.index()});
}

// The next chain of a ring, if the ring is in order.
bool PacketEngine::Take(RingModel& ring, DescriptorChain& chain) {
  if (ring.queue()->broken()) return false;
  const auto resolve =
      [&](DeviceBuffer buffer) -> Result<std::span<std::byte>> {
    const auto found =
        host_.memory().FromGuest(buffer.addr.value, buffer.bytes);
    if (found) return *found;
    return virtio_user::Fail(ErrorCode::kProtocol,
                             "a buffer of %u bytes lies outside of memory",
                             buffer.bytes);
  };
  const Result<bool> taken = Next(ring, resolve, chain);
  if (!taken) {
    Broken(ring, {Rule::kRingContents, std::string(taken.error().text())});
    return false;
  }
  if (!*taken) return false;
  if (auto breach = Judge(ring, chain)) {
    Broken(ring, *std::move(breach));
    return false;
  }
  if (chain.indirect && !host_.session().Has(kBitIndirectDesc)) {
    host_.Report(
        {Rule::kIndirectNotAccepted, "ring " + std::to_string(ring.index())});
  }
  return true;
}

// What is wrong with a chain, which is of the ring's direction alone.
std::optional<Breach> PacketEngine::Judge(RingModel& ring,
                                          const DescriptorChain& chain) {
  const uint16_t id = chain.token.id;
  if (!ring.Take(id)) {
    return Breach{Rule::kIdInFlight, "id " + std::to_string(id)};
  }
  if (chain.malformed) {
    return Breach{Rule::kRingContents, std::string(chain.malformed->text())};
  }
  const bool is_rx = ring.index() % 2 == 0;
  uint64_t total = 0;
  for (const DeviceBuffer& buffer : is_rx ? chain.writable : chain.readable) {
    total += buffer.bytes;
    if (host_.memory().FromGuest(buffer.addr.value, buffer.bytes)) continue;
    return Breach{Rule::kRingContents, "a buffer of " +
                                           std::to_string(buffer.bytes) +
                                           " bytes lies outside of memory"};
  }
  if (!(is_rx ? chain.readable : chain.writable).empty()) {
    return Breach{Rule::kRingContents, "a buffer of the wrong direction"};
  }
  // What it names may be all of memory, many times over.
  if (!is_rx && total > kMostPacketBytes + host_.net_header_bytes()) {
    return Breach{Rule::kRingContents,
                  "a packet of " + std::to_string(total) + " bytes"};
  }
  return std::nullopt;
}

void PacketEngine::Broken(RingModel& ring, Breach breach) {
  const std::string text =
      "ring " + std::to_string(ring.index()) + ": " + breach.detail;
  ring.queue()->Break(
      virtio_user::Error::Make(ErrorCode::kProtocol, "%s", text.c_str()));
  trace_.Add({.kind = TraceKind::kRingBroken, .ring = ring.index()});
  host_.Report({breach.rule, text});
}

}  // namespace backend_sim
