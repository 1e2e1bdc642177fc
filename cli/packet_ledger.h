// SPDX-License-Identifier: BSD-3-Clause

#ifndef CLI_PACKET_LEDGER_H_
#define CLI_PACKET_LEDGER_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/ledger.h"
#include "cli/packet_pattern.h"

namespace virtio_user::cli {

// The account of frames that follow a pattern, and so need not be kept: finds
// those that come back altered, cut, on another pair, twice, though never sent,
// or not at all.
class PacketLedger final : public Ledger {
 public:
  PacketLedger(const PacketPattern& pattern, uint16_t pairs,
               Routing routing = Routing::kOwnPair);

  // The packet to send next on `pair`.
  PacketId Next(uint16_t pair) const {
    return {.pair = pair, .sequence = pairs_[pair].counts.sent};
  }
  const PacketPattern& pattern() const { return pattern_; }

  size_t max_frame_bytes() const override { return pattern_.sizes().max; }
  size_t Write(uint16_t pair, uint64_t ahead,
               std::span<std::byte> out) const override {
    const PacketId next = Next(pair);
    return pattern_.Write({next.pair, next.sequence + ahead}, out);
  }
  void Sent(uint16_t pair) override;
  bool IsStranger(std::span<const std::byte> bytes) const override {
    return routing_ == Routing::kAnyPair && !pattern_.Identify(bytes);
  }
  std::optional<std::string> Echoed(uint16_t pair,
                                    std::span<const std::byte> bytes) override;
  void Received(uint16_t pair, size_t bytes) override;
  uint64_t Missing(uint16_t pair) const override {
    return pairs_[pair].missing;
  }
  // "pair 0: sent 10, 2 did not come back: number 3, 7"; or "pair 2: sent 128,
  // none came back; does the ...".
  std::string DescribeMissing(uint16_t pair,
                              std::string_view advice) const override;
  void WriteOff(uint16_t pair) override {
    pairs_[pair].missing = 0;
    pairs_[pair].written_off = pairs_[pair].counts.sent;
  }
  uint16_t pairs() const override {
    return static_cast<uint16_t>(pairs_.size());
  }
  const PairCounts& counts(uint16_t pair) const override {
    return pairs_[pair].counts;
  }

 private:
  struct Pair {
    PairCounts counts;
    uint64_t missing = 0;
    uint64_t written_off = 0;    // Numbers below: nobody waits for them.
    std::vector<bool> returned;  // By sequence number.
  };

  std::optional<std::string> CheckArrival(uint16_t pair, PacketId id,
                                          std::span<const std::byte> bytes);

  const PacketPattern pattern_;
  const Routing routing_;
  std::vector<Pair> pairs_;
};

}  // namespace virtio_user::cli

#endif  // CLI_PACKET_LEDGER_H_
