// SPDX-License-Identifier: BSD-3-Clause

#include "backend_sim/packet_engine.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "backend_sim/source_frame.h"

namespace backend_sim {

using virtio_user::DescriptorChain;
using virtio_user::DeviceBuffer;
using virtio_user::Error;
using virtio_user::ErrorCode;
using virtio_user::Result;

namespace {

// "struct virtio_net_hdr": where its parts are.
inline constexpr size_t kHeaderFlags = 0;
inline constexpr size_t kHeaderGsoType = 1;
inline constexpr size_t kHeaderNumBuffers = 10;
inline constexpr uint8_t kNeedsCsum = 1;

size_t TotalBytes(std::span<const DeviceBuffer> buffers) {
  size_t total = 0;
  for (const DeviceBuffer& buffer : buffers) total += buffer.bytes;
  return total;
}

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
}

// Writes `from` over the buffers of `chain`; how many bytes went in.
size_t Scatter(const BackendMemory& memory, const DescriptorChain& chain,
               std::span<const std::byte> from) {
  size_t done = 0;
  for (const DeviceBuffer& buffer : chain.writable) {
    const size_t count = std::min<size_t>(buffer.bytes, from.size() - done);
    if (count == 0) continue;
    const auto to = memory.FromGuest(buffer.addr.value, buffer.bytes);
    if (!to) break;  // The region was taken away since the chain was read.
    std::memcpy(to->data(), from.data() + done, count);
    done += count;
  }
  return done;
}

}  // namespace

PacketEngine::PacketEngine(VhostModel& model, Trace& trace,
                           PacketEngineOptions options)
    : model_(model), trace_(trace), options_(options) {}

PairCounters PacketEngine::counters(size_t pair) const {
  return pair < pairs_.size() ? pairs_[pair].counters : PairCounters{};
}

size_t PacketEngine::waiting_count() const {
  return static_cast<size_t>(std::ranges::count_if(
      pairs_, [](const Pair& pair) { return pair.frame.has_value(); }));
}

size_t PacketEngine::Step() {
  if (model_.personality().traffic == TrafficMode::kNone) return 0;
  const size_t count = model_.rings().size() / 2;
  if (pairs_.size() < count) pairs_.resize(count);
  size_t work = 0;
  for (size_t i = 0; i < count; ++i) work += StepPair(i);
  return work;
}

size_t PacketEngine::StepPair(size_t index) {
  RingModel& rx = model_.rings()[2 * index];
  RingModel& tx = model_.rings()[2 * index + 1];
  if (!rx.started() && !tx.started()) return 0;
  Pair& pair = pairs_[index];
  ForgetOldLives(pair, rx, tx);
  size_t work = ReadKick(rx, pair) + ReadKick(tx, pair);
  if (pair.frame && Deliver(rx, pair)) ++work;
  if (model_.Serving(tx)) work += TakeFrames(tx, rx, pair);
  if (model_.personality().traffic == TrafficMode::kSource) {
    work += MakeFrames(index, rx, pair);
  }
  return work;
}

// What was taken from a ring that was stopped since is not ours any more.
void PacketEngine::ForgetOldLives(Pair& pair, const RingModel& rx,
                                  const RingModel& tx) {
  if (rx.life() != pair.rx_life) {
    pair.rx_life = rx.life();
    pair.held.clear();
    pair.frame.reset();
  }
  if (tx.life() != pair.tx_life) {
    pair.tx_life = tx.life();
    pair.frame.reset();
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
  size_t taken = 0;
  bool interrupt = false;
  while (taken < options_.burst && !pair.frame) {
    std::vector<std::byte> frame;
    if (!TakeFrame(tx, frame)) break;
    ++taken;
    interrupt = true;
    if (tx.enabled()) {
      UseFrame(tx, rx, pair, std::move(frame));
    } else {
      ++pair.counters.discarded;
    }
  }
  if (interrupt) Interrupt(tx, pair);
  return taken;
}

// Header and packet of the next chain, which goes back at once.
bool PacketEngine::TakeFrame(RingModel& tx, std::vector<std::byte>& frame) {
  if (!Walk(tx, chain_)) return false;
  frame.reserve(TotalBytes(chain_.readable));
  for (const DeviceBuffer& buffer : chain_.readable) {
    const auto from =
        model_.memory().FromGuest(buffer.addr.value, buffer.bytes);
    frame.insert(frame.end(), from->begin(), from->end());
  }
  tx.queue()->Push(chain_.token.id, 0);
  return true;
}

void PacketEngine::UseFrame(RingModel& tx, RingModel& rx, Pair& pair,
                            std::vector<std::byte> frame) {
  const size_t header = model_.net_header_bytes();
  if (frame.size() <= header) {
    model_.Report({Rule::kRingContents, "ring " + std::to_string(tx.index()) +
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
  if (model_.personality().traffic != TrafficMode::kEcho) return;
  if (!model_.Serving(rx) || !rx.enabled()) {
    ++pair.counters.dropped;
    return;
  }
  TurnHeaderRound(model_.session(), std::span(frame).first(header));
  pair.frame = std::move(frame);
  Deliver(rx, pair);
}

// --- To the driver -----------------------------------------------------------

size_t PacketEngine::MakeFrames(size_t index, RingModel& rx, Pair& pair) {
  if (!model_.Serving(rx) || !rx.enabled()) return 0;
  const size_t header = model_.net_header_bytes();
  size_t made = 0;
  while (made < options_.burst && !pair.frame &&
         pair.source_count < options_.source_frames) {
    const std::vector<std::byte> packet = SourceFrame(
        static_cast<uint16_t>(index), pair.source_count, options_.source_bytes);
    ++pair.source_count;
    pair.frame.emplace(header);
    pair.frame->insert(pair.frame->end(), packet.begin(), packet.end());
    if (!Deliver(rx, pair)) break;
    ++made;
  }
  return made;
}

// Tries to bring the waiting frame to the driver; whether it is gone.
bool PacketEngine::Deliver(RingModel& rx, Pair& pair) {
  if (!model_.Serving(rx) || !rx.enabled()) {
    pair.frame.reset();  // Ring states: disabled, no packet is delivered.
    ++pair.counters.dropped;
    return true;
  }
  if (!HoldEnough(rx, pair, pair.frame->size())) return !pair.frame;
  const bool mergeable = model_.session().Has(kBitMrgRxbuf);
  size_t chains = 1;
  size_t room = TotalBytes(pair.held[0].writable);
  while (mergeable && room < pair.frame->size()) {
    room += TotalBytes(pair.held[chains++].writable);
  }
  Write(rx, pair, chains);
  pair.frame.reset();
  Interrupt(rx, pair);
  return true;
}

// Takes chains until `bytes` fit. False: not yet, or never, and then the frame
// is dropped.
bool PacketEngine::HoldEnough(RingModel& rx, Pair& pair, size_t bytes) {
  const bool mergeable = model_.session().Has(kBitMrgRxbuf);
  size_t room = 0;
  for (const DescriptorChain& chain : pair.held) {
    room += TotalBytes(chain.writable);
    if (!mergeable) break;
  }
  while (room < bytes) {
    const size_t limit = mergeable ? rx.num() : 1;
    if (pair.held.size() >= limit) {
      pair.frame.reset();
      ++pair.counters.dropped;
      return false;
    }
    DescriptorChain chain;
    if (!Walk(rx, chain)) return false;
    room += TotalBytes(chain.writable);
    pair.held.push_back(std::move(chain));
  }
  return true;
}

void PacketEngine::Write(RingModel& rx, Pair& pair, size_t chains) {
  const size_t header = model_.net_header_bytes();
  std::vector<std::byte>& frame = *pair.frame;
  if (header > kHeaderNumBuffers) {
    frame[kHeaderNumBuffers] = static_cast<std::byte>(chains & 0xff);
    frame[kHeaderNumBuffers + 1] = static_cast<std::byte>(chains >> 8);
  }
  std::span<const std::byte> left = frame;
  for (size_t i = 0; i < chains; ++i) {
    const size_t done = Scatter(model_.memory(), pair.held[i], left);
    left = left.subspan(done);
    rx.queue()->Put(pair.held[i].token.id, static_cast<uint32_t>(done));
  }
  // A frame's buffers are used together (virtio: "Processing of Incoming
  // Packets").
  rx.queue()->Publish();
  pair.held.erase(pair.held.begin(),
                  pair.held.begin() + static_cast<std::ptrdiff_t>(chains));
  const auto packet = std::span<const std::byte>(frame).subspan(header);
  ++pair.counters.delivered;
  pair.counters.delivered_bytes += packet.size();
  trace_.Add({.kind = TraceKind::kPacketOut,
              .ring = rx.index(),
              .size = static_cast<uint32_t>(packet.size()),
              .words = {Digest(packet), chains}});
}

void PacketEngine::Interrupt(RingModel& ring, Pair& pair) {
  if (!ring.call().valid() || !ring.queue()->DriverWantsInterrupt()) return;
  if (!ring.call().Signal()) return;
  ++pair.counters.interrupts;
  trace_.Add({.kind = TraceKind::kCall, .ring = ring.index()});
}

// --- Rings -------------------------------------------------------------------

// The next chain of a ring, which is of the ring's direction alone.
bool PacketEngine::Walk(RingModel& ring, DescriptorChain& chain) {
  const std::optional<uint16_t> head = Pop(ring);
  if (!head) return false;
  const BackendMemory& memory = model_.memory();
  const auto resolve =
      [&](DeviceBuffer buffer) -> Result<std::span<std::byte>> {
    const auto found = memory.FromGuest(buffer.addr.value, buffer.bytes);
    if (found) return *found;
    return virtio_user::Fail(ErrorCode::kProtocol,
                             "a buffer of %u bytes lies outside of memory",
                             buffer.bytes);
  };
  const Result<void> walked =
      virtio_user::WalkChain(ring.queue()->layout(), *head, resolve, chain);
  if (!walked) {
    Broken(ring, walked.error());
    return false;
  }
  const bool is_rx = ring.index() % 2 == 0;
  const bool wrong_way =
      is_rx ? !chain.readable.empty() : !chain.writable.empty();
  for (const DeviceBuffer& buffer : is_rx ? chain.writable : chain.readable) {
    if (const auto inside = resolve(buffer); !inside) {
      Broken(ring, inside.error());
      return false;
    }
  }
  if (wrong_way) {
    Broken(ring, Error::Make(ErrorCode::kProtocol,
                             "a buffer of the wrong direction"));
    return false;
  }
  return true;
}

std::optional<uint16_t> PacketEngine::Pop(RingModel& ring) {
  if (ring.queue()->broken()) return std::nullopt;
  const Result<std::optional<uint16_t>> head = ring.queue()->PopHead();
  if (!head) {
    Broken(ring, head.error());
    return std::nullopt;
  }
  return *head;
}

void PacketEngine::Broken(RingModel& ring, const Error& reason) {
  ring.queue()->Break(reason);
  trace_.Add({.kind = TraceKind::kRingBroken, .ring = ring.index()});
  model_.Report({Rule::kRingContents, "ring " + std::to_string(ring.index()) +
                                          ": " + std::string(reason.text())});
}

}  // namespace backend_sim
