// SPDX-License-Identifier: BSD-3-Clause
//
// PacketEngine towards the driver: which buffers a frame gets, and how much of
// it goes into each.

#include <algorithm>
#include <cstring>
#include <utility>

#include "backend_sim/packet_engine.h"

namespace backend_sim {

using virtio_user::ChainToken;
using virtio_user::DescriptorChain;
using virtio_user::DeviceBuffer;

namespace {

inline constexpr size_t kHeaderNumBuffers = 10;
// Frames that get their buffers together, at most.
inline constexpr size_t kMostFrames = 8;
inline constexpr size_t kMostBuffers = 16;

size_t RoomOf(const DescriptorChain& chain) {
  size_t total = 0;
  for (const DeviceBuffer& buffer : chain.writable) total += buffer.bytes;
  return total;
}

// Writes `from` over the buffers of `chain`.
void Scatter(const BackendMemory& memory, const DescriptorChain& chain,
             std::span<const std::byte> from) {
  for (const DeviceBuffer& buffer : chain.writable) {
    const size_t count = std::min<size_t>(buffer.bytes, from.size());
    if (count == 0) continue;
    const auto to = memory.FromGuest(buffer.addr.value, buffer.bytes);
    if (!to) return;  // The region was taken away since the chain was read.
    std::memcpy(to->data(), from.data(), count);
    from = from.subspan(count);
  }
}

}  // namespace

// Brings frames that wait to the driver, the first ones first; how many of
// them are gone, delivered or dropped.
size_t PacketEngine::Deliver(RingModel& rx, Pair& pair) {
  const size_t waiting = pair.waiting.size();
  if (waiting == 0) return 0;
  if (!host_.Serving(rx) || !rx.enabled()) {
    // Ring states: disabled, no packet is delivered.
    pair.counters.dropped += waiting;
    pair.waiting.clear();
    return waiting;
  }
  for (size_t round = 0; round < waiting; ++round) {
    const std::vector<Share> shares = ShareOut(rx, pair);
    if (shares.empty()) break;
    for (const size_t i : Assign(pair, shares)) {
      Frame frame = std::move(pair.waiting.front());
      pair.waiting.pop_front();
      Write(rx, pair, shares[i], std::move(frame));
    }
    const size_t used = shares.back().first + shares.back().count;
    pair.held.erase(pair.held.begin(),
                    pair.held.begin() + static_cast<std::ptrdiff_t>(used));
  }
  return waiting - pair.waiting.size();
}

// Held chains for as many frames as there are chains for.
std::vector<PacketEngine::Share> PacketEngine::ShareOut(RingModel& rx,
                                                        Pair& pair) {
  std::vector<Share> shares;
  size_t first = 0;
  const size_t most = Shuffles() ? kMostFrames : 1;
  while (shares.size() < std::min(most, pair.waiting.size())) {
    const size_t bytes = pair.waiting[shares.size()].size();
    const std::optional<size_t> least = Enough(rx, pair, first, bytes);
    if (!least) return shares;
    if (*least == 0) {  // It fits nowhere, ever.
      pair.waiting.erase(pair.waiting.begin() +
                         static_cast<std::ptrdiff_t>(shares.size()));
      ++pair.counters.dropped;
      continue;
    }
    const size_t count = Spread(rx, pair, {first, *least}, bytes);
    shares.push_back({first, count});
    first += count;
  }
  return shares;
}

// How many chains from held[first] on `bytes` need; takes them from the ring.
// 0: however many, they will not do. Nothing: they are not there yet.
std::optional<size_t> PacketEngine::Enough(RingModel& rx, Pair& pair,
                                           size_t first, size_t bytes) {
  const bool mergeable = host_.session().Has(kBitMrgRxbuf);
  const size_t limit = mergeable ? rx.num() : 1;
  size_t room = 0;
  for (size_t count = 1; count <= limit; ++count) {
    if (first + count > pair.held.size()) {
      DescriptorChain chain;
      if (!Take(rx, chain)) return std::nullopt;
      pair.held.push_back(std::move(chain));
    }
    room += RoomOf(pair.held[first + count - 1]);
    if (room >= bytes) return count;
  }
  return 0;
}

// How many chains a frame gets that needs `least`; takes more of them.
size_t PacketEngine::Spread(RingModel& rx, Pair& pair, Share least,
                            size_t bytes) {
  const RingBehaviour& behaviour = host_.personality().rings;
  if (!host_.session().Has(kBitMrgRxbuf)) return least.count;
  const size_t packet = bytes - host_.net_header_bytes();
  size_t wanted = least.count;
  if (behaviour.spread == FrameSpread::kMost) {
    wanted = kMostBuffers;
  } else if (behaviour.piece_bytes != 0) {
    wanted = (packet + behaviour.piece_bytes - 1) / behaviour.piece_bytes;
  }
  wanted = std::min({wanted, packet, size_t{rx.num()}});
  size_t count = least.count;
  while (count < wanted) {
    if (least.first + count == pair.held.size()) {
      DescriptorChain chain;
      if (!Take(rx, chain)) break;
      pair.held.push_back(std::move(chain));
    }
    ++count;
  }
  return count;
}

// Which share each of the first frames gets: another one than its own where
// chains are shuffled and every frame just fits into what it gets.
std::vector<size_t> PacketEngine::Assign(const Pair& pair,
                                         std::span<const Share> shares) {
  std::vector<size_t> order = Order(shares.size());
  const auto fits = [&](size_t frame) {
    const Share& share = shares[order[frame]];
    size_t room = 0;
    for (size_t i = 0; i + 1 < share.count; ++i) {
      room += RoomOf(pair.held[share.first + i]);
    }
    const size_t last = RoomOf(pair.held[share.first + share.count - 1]);
    const size_t bytes = pair.waiting[frame].size();
    return room < bytes && bytes <= room + last;
  };
  for (size_t i = 0; i < order.size(); ++i) {
    if (order[i] == i || fits(i)) continue;
    std::ranges::sort(order);
    break;
  }
  return order;
}

// How many of `bytes` go into each chain of a share, which has the room.
std::vector<size_t> PacketEngine::Portions(const Pair& pair, Share share,
                                           size_t bytes) const {
  const RingBehaviour& behaviour = host_.personality().rings;
  const size_t header = host_.net_header_bytes();
  size_t room_behind = 0;
  for (size_t i = 0; i < share.count; ++i) {
    room_behind += RoomOf(pair.held[share.first + i]);
  }
  std::vector<size_t> portions;
  for (size_t i = 0; i < share.count; ++i) {
    const size_t room = RoomOf(pair.held[share.first + i]);
    const size_t chains_behind = share.count - i - 1;
    room_behind -= room;
    size_t portion = room;
    const size_t ahead = i == 0 ? header : 0;  // The header is in one piece.
    if (behaviour.spread == FrameSpread::kMost) {
      portion = ahead + (bytes - ahead) / (chains_behind + 1);
    } else if (behaviour.piece_bytes != 0) {
      portion = ahead + behaviour.piece_bytes;
    }
    // Something is left for each, and nothing beyond the last one.
    portion = std::min(portion, bytes - std::min(bytes, chains_behind));
    portion = std::max(portion, bytes - std::min(bytes, room_behind));
    portion = std::min({portion, room, bytes});
    portions.push_back(portion);
    bytes -= portion;
  }
  return portions;
}

void PacketEngine::Write(RingModel& rx, Pair& pair, Share share, Frame frame) {
  const size_t header = host_.net_header_bytes();
  if (header > kHeaderNumBuffers) {
    const uint16_t said = NumBuffers(pair, share.count);
    frame[kHeaderNumBuffers] = static_cast<std::byte>(said & 0xff);
    frame[kHeaderNumBuffers + 1] = static_cast<std::byte>(said >> 8);
  }
  const std::vector<size_t> portions = Portions(pair, share, frame.size());
  std::vector<ChainToken> tokens;
  std::span<const std::byte> left = frame;
  bool full = true;
  for (size_t i = 0; i < share.count; ++i) {
    const DescriptorChain& chain = pair.held[share.first + i];
    Scatter(host_.memory(), chain, left.first(portions[i]));
    left = left.subspan(portions[i]);
    tokens.push_back(chain.token);
    full = full && (i + 1 == share.count || portions[i] == RoomOf(chain));
  }
  if (!rx.queue()->broken()) PutFrame(rx, pair, tokens, portions, full);
  ++pair.rx.unpublished;
  const auto packet = std::span<const std::byte>(frame).subspan(header);
  ++pair.counters.delivered;
  pair.counters.delivered_bytes += packet.size();
  trace_.Add({.kind = TraceKind::kPacketOut,
              .ring = rx.index(),
              .size = static_cast<uint32_t>(packet.size()),
              .words = {Digest(packet), share.count}});
  // A frame's buffers are used together (virtio: "Processing of Incoming
  // Packets").
  if (pair.rx.unpublished >= host_.personality().rings.flush_frames) {
    Publish(rx, pair, pair.rx);
  }
}

// `full`: all but the last chain are, as those that a used element skips must
// be.
void PacketEngine::PutFrame(RingModel& rx, Pair& pair,
                            std::span<const ChainToken> tokens,
                            std::span<const size_t> portions, bool full) {
  if (Batches() && full) {
    rx.queue()->PutBatch(tokens, static_cast<uint32_t>(portions.back()));
  } else {
    for (size_t i = 0; i < tokens.size(); ++i) {
      PutUsed(rx, pair, tokens[i], static_cast<uint32_t>(portions[i]));
    }
  }
  for (const ChainToken& token : tokens) rx.Give(token.id);
}

}  // namespace backend_sim
