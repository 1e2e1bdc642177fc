// SPDX-License-Identifier: BSD-3-Clause

#include "fuzz/send_rule.h"

#include "fuzz/finding.h"
#include "fuzz/sent_header.h"
#include "virtio_user/base/check.h"

namespace fuzz {

using virtio_user::BufferPool;
using virtio_user::Feature;
using virtio_user::Packet;

namespace {

// As many as a slot of scratch memory has room for (NetQueueOptions).
constexpr size_t kTableEntries = 16;

}  // namespace

void SendRule::Made(const Packet& packet, uint32_t rest_bytes) {
  VU_CHECK(packet.buffer < kMost);
  rest_bytes_[packet.buffer] = rest_bytes;
}

std::optional<uint16_t> SendRule::DescriptorsFor(const BufferPool& pool,
                                                 const Packet& packet) const {
  const bool asked =
      HeaderToSend(pool.offload(packet), packet.bytes, terms_.accepted)
          .has_value();
  if (packet.bytes == 0 || !asked) return std::nullopt;
  const bool first = packet.bytes != rest_bytes_[packet.buffer];
  const bool in_front = packet.offset >= terms_.header_bytes;
  if (!in_front && !terms_.scratch) return std::nullopt;
  // "Legacy Interface: Framing Requirements": the header by itself, without
  // VERSION_1 and ANY_LAYOUT.
  const bool together =
      in_front &&
      terms_.accepted.HasAny({Feature::kVersion1, Feature::kAnyLayout});
  const size_t parts =
      packet.buffer_count + (first && !together ? size_t{1} : 0);
  if (parts > terms_.num) return std::nullopt;
  const bool table = terms_.scratch &&
                     terms_.accepted.Has(Feature::kIndirectDesc) && parts > 1 &&
                     parts <= kTableEntries;
  return table ? uint16_t{1} : static_cast<uint16_t>(parts);
}

bool SendRule::TakeBack(ChainsInFlight& chains) {
  std::array<ChainsInFlight::Used, ChainsInFlight::kMost> used;
  const size_t count = chains.Take(used);
  if (chains.may_break()) dropped_before_ = dropped_;
  return count != 0;
}

void SendRule::Broke() {
  sent_ = 0;
  bytes_ = 0;
  dropped_ = dropped_before_;
}

void SendRule::Foresee(ChainsInFlight& chains, const BufferPool& pool,
                       std::span<const Packet> packets, SentFrames& frames) {
  VU_CHECK(packets.size() <= kMost);
  sent_ = dropped_ = 0;
  bytes_ = 0;
  if (chains.free_descriptors() < packets.size()) TakeBack(chains);
  if (chains.broken()) return;
  size_t room = chains.free_descriptors();
  for (size_t i = 0; i < packets.size() && room != 0; ++i) {
    const auto descriptors = DescriptorsFor(pool, packets[i]);
    if (!descriptors) {
      ++dropped_;
      continue;
    }
    if (*descriptors > room && sent_ == 0) {
      // As often as something comes back.
      while (*descriptors > room && TakeBack(chains) && !chains.broken()) {
        room = chains.free_descriptors();
      }
    }
    if (*descriptors > room || chains.broken()) return;
    room -= *descriptors;
    bytes_ += packets[i].bytes;
    frames.Add(pool, packets[i]);
    sent_packets_[sent_++] = {.descriptors = *descriptors,
                              .buffers = packets[i].buffer_count};
  }
}

void SendRule::Check(std::span<ChainsInFlight::Chain> chains) const {
  Expect(chains.size() == sent_, "offered", "not each packet that is sent");
  for (size_t i = 0; i < sent_; ++i) {
    Expect(chains[i].descriptors == sent_packets_[i].descriptors, "offered",
           "in another number of descriptors");
    chains[i].buffers = sent_packets_[i].buffers;
  }
}

}  // namespace fuzz
