// SPDX-License-Identifier: BSD-3-Clause
//
// Sessions with each server, with a packet in each direction; each message by
// itself in a session that has begun; messages in pieces.

#include <algorithm>
#include <cstdint>
#include <utility>

#include "backend_sim/inflight_notes.h"
#include "backend_sim/personality.h"
#include "backend_sim/wire.h"
#include "backend_sim/wire_request.h"
#include "fuzz/front_end_input.h"
#include "fuzz/reader.h"
#include "fuzz/seeds.h"

namespace fuzz {

using backend_sim::Personality;

namespace {

constexpr uint8_t kVersion = backend_sim::kWireVersion;
constexpr uint8_t kNeedReply = backend_sim::kWireNeedReply;
// One descriptor each.
constexpr uint8_t kOneMemory = 0x01;
constexpr uint8_t kOneEvent = 0x11;
constexpr uint8_t kOneSmallFile = 0x21;
constexpr uint8_t kOneSocket = 0x31;

// The region: all but the first page of the file.
constexpr uint64_t kUser = 0x7700'0000'0000;
constexpr uint64_t kGuest = 0x4000'0000;
constexpr uint64_t kOffset = 0x1000;
constexpr uint64_t kRegionBytes = kFrontEndBytes - kOffset;
// In it: a page a ring, with its parts, and then buffers.
constexpr uint64_t kRingBytes = 0x1000;
constexpr uint64_t kAvailAt = 0x400;
constexpr uint64_t kUsedAt = 0x800;
constexpr uint64_t kBuffersAt = 0x4000;
constexpr uint64_t kBufferBytes = 256;
constexpr uint16_t kRingSize = 16;

Bytes U64(uint64_t value) {
  Bytes bytes;
  Append(bytes, value, 8);
  return bytes;
}

Bytes State(uint32_t index, uint32_t num) {
  Bytes bytes;
  Append(bytes, index, 4);
  Append(bytes, num, 4);
  return bytes;
}

Bytes Region() {
  Bytes bytes;
  for (const uint64_t word : {kGuest, kRegionBytes, kUser, kOffset}) {
    Append(bytes, word, 8);
  }
  return bytes;
}

Bytes Joined(Bytes front, const Bytes& back) {
  front.insert(front.end(), back.begin(), back.end());
  return front;
}

Bytes Addresses(uint32_t ring) {
  const uint64_t at = kUser + ring * kRingBytes;
  Bytes bytes = State(ring, 0);
  for (const uint64_t word : {at, at + kUsedAt, at + kAvailAt, uint64_t{0}}) {
    Append(bytes, word, 8);
  }
  return bytes;
}

// For two queues.
Bytes Inflight(uint64_t mmap_bytes) {
  Bytes bytes = Joined(U64(mmap_bytes), U64(0));
  Append(bytes, 2, 2);
  Append(bytes, kRingSize, 2);
  Append(bytes, 0, 4);
  return bytes;
}

// One input, put together.
class Writer {
 public:
  explicit Writer(uint16_t server) : server_(ServerFor(server)) {
    Append(bytes_, server, 2);
  }

  void Send(uint8_t request, const Bytes& payload = {}, uint8_t fds = 0) {
    Append(bytes_, request, 1);
    Append(bytes_, acks_ ? kVersion | kNeedReply : kVersion, 1);
    Append(bytes_, fds, 1);
    Chunk(payload);
  }
  void SendRaw(const Bytes& bytes) {
    Append(bytes_, kRaw, 1);
    Append(bytes_, 0, 1);
    Chunk(bytes);
  }
  // At `at` in the region.
  void Put(uint64_t at, const Bytes& bytes) {
    Append(bytes_, kMemory, 1);
    Append(bytes_, kOffset + at, 2);
    Chunk(bytes);
  }
  void Does(uint8_t what) { Append(bytes_, what, 1); }

  void Open(bool packed);
  void SetMemory(uint8_t fds) {
    Send(backend_sim::kReqSetMemTable, Joined(State(1, 0), Region()), fds);
  }
  void StartRing(uint32_t ring, uint32_t num = kRingSize);
  void OfferSplit(uint32_t ring, uint16_t flags, uint16_t head = 0);
  void OfferPacked(uint32_t ring, uint16_t flags);
  void StopRing(uint32_t ring) {
    Send(backend_sim::kReqGetVringBase, State(ring, 0));
  }
  const Personality& server() const { return server_; }
  Bytes Take() { return std::move(bytes_); }

 private:
  void Chunk(const Bytes& bytes) {
    Append(bytes_, bytes.size(), 1);
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
  }

  const Personality server_;
  bool packed_ = false;
  bool acks_ = false;
  Bytes bytes_;
};

// Everything up to the memory table.
void Writer::Open(bool packed) {
  packed_ = packed;
  Send(backend_sim::kReqSetOwner);
  Send(backend_sim::kReqGetFeatures);
  uint64_t features =
      server_.features & ~backend_sim::Bit(backend_sim::kBitLogAll);
  if (!packed) features &= ~backend_sim::Bit(backend_sim::kBitRingPacked);
  const bool extended =
      backend_sim::HasBit(features, backend_sim::kBitProtocolFeatures);
  if (extended) {
    Send(backend_sim::kReqGetProtocolFeatures);
    Send(backend_sim::kReqSetProtocolFeatures, U64(server_.protocol_features));
  }
  const auto speaks = [&](unsigned bit) {
    return extended && backend_sim::HasBit(server_.protocol_features, bit);
  };
  acks_ = speaks(backend_sim::kProtocolReplyAck);
  if (speaks(backend_sim::kProtocolMq)) Send(backend_sim::kReqGetQueueNum);
  Send(backend_sim::kReqSetFeatures, U64(features));
  if (speaks(backend_sim::kProtocolStatus)) {
    Send(backend_sim::kReqSetStatus, U64(0x0b));
    Send(backend_sim::kReqGetStatus);
  }
  if (speaks(backend_sim::kProtocolInflight)) {
    Send(backend_sim::kReqGetInflightFd, Inflight(0));
    // In the page that is in no region.
    Send(backend_sim::kReqSetInflightFd,
         Inflight(2 * backend_sim::QueueNotesBytes(kRingSize)), kOneMemory);
  }
  SetMemory(kOneMemory);
}

void Writer::StartRing(uint32_t ring, uint32_t num) {
  Send(backend_sim::kReqSetVringCall, U64(ring), kOneEvent);
  Send(backend_sim::kReqSetVringNum, State(ring, num));
  Send(backend_sim::kReqSetVringBase, State(ring, packed_ ? 0x80008000 : 0));
  Send(backend_sim::kReqSetVringAddr, Addresses(ring));
  Send(backend_sim::kReqSetVringKick, U64(ring), kOneEvent);
  if (backend_sim::HasBit(server_.features,
                          backend_sim::kBitProtocolFeatures)) {
    Send(backend_sim::kReqSetVringEnable, State(ring, 1));
  }
}

// One chain of one buffer.
void Writer::OfferSplit(uint32_t ring, uint16_t flags, uint16_t head) {
  Bytes descriptor = U64(kGuest + kBuffersAt + ring * kBufferBytes);
  Append(descriptor, kBufferBytes, 4);
  Append(descriptor, flags, 2);
  Append(descriptor, 0, 2);
  Put(ring * kRingBytes + head * descriptor.size(), descriptor);
  Bytes available;
  for (const uint16_t word : {uint16_t{0}, uint16_t{1}, head}) {
    Append(available, word, 2);
  }
  Put(ring * kRingBytes + kAvailAt, available);
}

void Writer::OfferPacked(uint32_t ring, uint16_t flags) {
  constexpr uint16_t kAvailable = 1 << 7;
  Bytes descriptor = U64(kGuest + kBuffersAt + ring * kBufferBytes);
  Append(descriptor, kBufferBytes, 4);
  Append(descriptor, 0, 2);
  Append(descriptor, flags | kAvailable, 2);
  Put(ring * kRingBytes, descriptor);
}

constexpr uint16_t kWritable = 2;

Bytes Session(uint16_t server, bool packed) {
  Writer writer(server);
  writer.Open(packed);
  for (const uint32_t ring : {0u, 1u}) writer.StartRing(ring);
  if (backend_sim::HasBit(writer.server().protocol_features,
                          backend_sim::kProtocolStatus)) {
    writer.Send(backend_sim::kReqSetStatus, U64(0x0f));
  }
  for (const uint32_t ring : {0u, 1u}) {
    const uint16_t flags = ring == 0 ? kWritable : 0;
    packed ? writer.OfferPacked(ring, flags) : writer.OfferSplit(ring, flags);
  }
  for (const uint8_t what : {kKick, kServe, kServe}) writer.Does(what);
  for (const uint32_t ring : {0u, 1u}) writer.StopRing(ring);
  writer.Does(kReconnect);
  writer.Send(backend_sim::kReqGetFeatures);
  return writer.Take();
}

// The plainest payload that this one can have.
Bytes PayloadOf(backend_sim::Layout layout) {
  for (const size_t bytes : {0u, 8u, 40u, 12u, 24u, 16u, 32u}) {
    if (backend_sim::SizeFits(layout, Bytes(bytes))) return Bytes(bytes);
  }
  return Bytes(8);
}

Bytes Alone(const backend_sim::RequestRule& rule) {
  constexpr uint8_t kFds[] = {0, kOneMemory, kOneEvent, kOneSocket};
  Writer writer(0);
  writer.Open(false);
  for (const uint8_t fds : kFds) {
    writer.Send(static_cast<uint8_t>(rule.number), PayloadOf(rule.payload),
                fds);
  }
  return writer.Take();
}

Bytes InPieces(size_t piece) {
  Bytes messages;
  for (const uint32_t request :
       {backend_sim::kReqSetOwner, backend_sim::kReqGetFeatures,
        backend_sim::kReqGetProtocolFeatures}) {
    backend_sim::EncodeHeader({request, kVersion, 0}, messages);
  }
  Writer writer(0);
  for (size_t at = 0; at < messages.size(); at += piece) {
    const auto part = std::span(messages).subspan(at).first(
        std::min(piece, messages.size() - at));
    writer.SendRaw(Bytes(part.begin(), part.end()));
  }
  return writer.Take();
}

// Memory for notes of fewer descriptors than the ring then has.
Bytes InflightTakenBack() {
  uint16_t server = 0;
  while (ServerFor(server).name != "inflight") ++server;
  Writer writer(server);
  writer.Open(false);
  writer.Send(backend_sim::kReqSetProtocolFeatures,
              U64(writer.server().protocol_features &
                  ~backend_sim::Bit(backend_sim::kProtocolInflight)));
  for (const uint32_t ring : {0u, 1u}) writer.StartRing(ring, 64);
  writer.Send(backend_sim::kReqSetStatus, U64(0x0f));
  writer.OfferSplit(1, 0, 40);
  for (const uint8_t what : {kKick, kServe}) writer.Does(what);
  return writer.Take();
}

// Most of the region lies behind the end of its file.
Bytes ShortFile() {
  Writer writer(0);
  writer.Open(false);
  writer.SetMemory(kOneSmallFile);
  for (const uint32_t ring : {0u, 1u}) writer.StartRing(ring);
  writer.Send(backend_sim::kReqSetStatus, U64(0x0f));
  writer.OfferSplit(1, 0);
  for (const uint8_t what : {kKick, kServe}) writer.Does(what);
  return writer.Take();
}

// Three descriptors of most of the region each.
Bytes LongPacket() {
  Writer writer(0);
  writer.Open(false);
  for (const uint32_t ring : {0u, 1u}) writer.StartRing(ring);
  writer.Send(backend_sim::kReqSetStatus, U64(0x0f));
  writer.OfferSplit(1, 0);
  Bytes chain;
  for (const uint16_t next : {1, 2, 0}) {
    Append(chain, kGuest, 8);
    Append(chain, kRegionBytes, 4);
    Append(chain, next == 0 ? 0 : 1, 2);
    Append(chain, next, 2);
  }
  writer.Put(kRingBytes, chain);
  for (const uint8_t what : {kKick, kServe}) writer.Does(what);
  return writer.Take();
}

// Nobody waits for the payload that it announces.
Bytes TooLong() {
  Bytes header;
  backend_sim::EncodeHeader({backend_sim::kReqSetOwner, kVersion, 0xffffffff},
                            header);
  Writer writer(0);
  writer.SendRaw(header);
  return writer.Take();
}

}  // namespace

std::vector<Seed> VhostUserServerSeeds() {
  std::vector<Seed> seeds;
  for (uint16_t server = 0; server < ServerCount(); ++server) {
    const Personality personality = ServerFor(server);
    const std::string name =
        personality.name + "_" + std::to_string(server) + "_";
    seeds.push_back({name + "split", Session(server, false)});
    if (backend_sim::HasBit(personality.features,
                            backend_sim::kBitRingPacked)) {
      seeds.push_back({name + "packed", Session(server, true)});
    }
  }
  for (const auto& rule : backend_sim::RequestRules()) {
    seeds.push_back({"alone_" + std::string(rule.name), Alone(rule)});
  }
  for (const size_t piece : {1, 2, 5, 13, 36}) {
    seeds.push_back({"pieces_of_" + std::to_string(piece), InPieces(piece)});
  }
  seeds.push_back({"too_long", TooLong()});
  seeds.push_back({"inflight_taken_back", InflightTakenBack()});
  seeds.push_back({"long_packet", LongPacket()});
  seeds.push_back({"short_file", ShortFile()});
  return seeds;
}

}  // namespace fuzz
