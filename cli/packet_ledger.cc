// SPDX-License-Identifier: BSD-3-Clause

#include "cli/packet_ledger.h"

#include <fmt/format.h>

namespace virtio_user::cli {
namespace {

std::string Name(PacketId id) {
  return fmt::format("packet {} of pair {}", id.sequence, id.pair);
}

}  // namespace

PacketLedger::PacketLedger(const PacketPattern& pattern, uint16_t pairs,
                           Routing routing)
    : pattern_(pattern), routing_(routing), pairs_(pairs) {}

void PacketLedger::Sent(uint16_t pair) {
  Pair& mine = pairs_[pair];
  mine.counts.sent_bytes += pattern_.SizeOf(Next(pair));
  ++mine.counts.sent;
  ++mine.missing;
  mine.returned.push_back(false);
}

std::optional<std::string> PacketLedger::Echoed(
    uint16_t pair, std::span<const std::byte> bytes) {
  const std::optional<PacketId> id = pattern_.Identify(bytes);
  if (!id) {
    return fmt::format("pair {}: {} bytes came that this run did not send",
                       pair, bytes.size());
  }
  if (id->pair >= pairs_.size() ||
      id->sequence >= pairs_[id->pair].counts.sent) {
    return fmt::format("pair {}: {} came, which was never sent", pair,
                       Name(*id));
  }
  return CheckArrival(pair, *id, bytes);
}

std::optional<std::string> PacketLedger::CheckArrival(
    uint16_t pair, PacketId id, std::span<const std::byte> bytes) {
  Pair& origin = pairs_[id.pair];
  if (origin.returned[id.sequence]) {
    return fmt::format("pair {}: {} came twice", pair, Name(id));
  }
  // Whatever is wrong with it, it is not missing.
  origin.returned[id.sequence] = true;
  if (id.sequence >= origin.written_off && origin.missing > 0) {
    --origin.missing;
  }
  if (id.pair != pair && routing_ == Routing::kOwnPair) {
    return fmt::format("pair {}: {} came back here, misrouted", pair, Name(id));
  }
  const size_t size = pattern_.SizeOf(id);
  if (bytes.size() != size) {
    return fmt::format("pair {}: {} came back with {} bytes, {} were sent",
                       pair, Name(id), bytes.size(), size);
  }
  if (const auto at = pattern_.FirstDifference(id, bytes)) {
    return fmt::format(
        "pair {}: packet {} came back with byte {} of {} = {:#04x}, not "
        "{:#04x}",
        pair, id.sequence, *at, size, std::to_integer<unsigned>(bytes[*at]),
        std::to_integer<unsigned>(pattern_.ByteAt(id, *at)));
  }
  Received(id.pair, bytes.size());
  return {};
}

void PacketLedger::Received(uint16_t pair, size_t bytes) {
  ++pairs_[pair].counts.received;
  pairs_[pair].counts.received_bytes += bytes;
}

std::string PacketLedger::DescribeMissing(uint16_t pair,
                                          std::string_view advice) const {
  const Pair& mine = pairs_[pair];
  if (mine.counts.received == 0) {
    return fmt::format("pair {}: sent {}, none came back; {}", pair,
                       mine.counts.sent, advice);
  }
  std::string lost;
  int named = 0;
  for (uint64_t i = 0; i < mine.counts.sent && named < 4; ++i) {
    if (mine.returned[i]) continue;
    lost += fmt::format("{}{}", named == 0 ? "" : ", ", i);
    ++named;
  }
  return fmt::format("pair {}: sent {}, {} did not come back: number {}{}",
                     pair, mine.counts.sent, mine.missing, lost,
                     mine.missing > 4 ? ", ..." : "");
}

}  // namespace virtio_user::cli
