// SPDX-License-Identifier: BSD-3-Clause

#ifndef CLI_PACKET_LEDGER_H_
#define CLI_PACKET_LEDGER_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/packet_pattern.h"

namespace virtio_user::cli {

// What went out on one pair and what came back.
struct PairCounts {
  uint64_t sent = 0;
  uint64_t sent_bytes = 0;
  uint64_t received = 0;  // In echo traffic: as they had been sent.
  uint64_t received_bytes = 0;

  friend bool operator==(const PairCounts&, const PairCounts&) = default;
};

// Keeps account of every packet of a run and finds what is wrong with those
// that come back: altered, cut, on another pair, twice, never sent, or not at
// all.
class PacketLedger {
 public:
  PacketLedger(const PacketPattern& pattern, uint16_t pairs);

  // The packet to send next on `pair`.
  PacketId Next(uint16_t pair) const {
    return {.pair = pair, .sequence = pairs_[pair].counts.sent};
  }
  // It has been handed to the back-end.
  void Sent(uint16_t pair);

  // Checks every byte of a packet that came on `pair` of an echoing back-end.
  // What is wrong with it, or nothing.
  std::optional<std::string> Echoed(uint16_t pair,
                                    std::span<const std::byte> bytes);
  // A packet of unknown contents came on `pair`.
  void Received(uint16_t pair, size_t bytes);

  // Sent on `pair`, and not seen again anywhere.
  uint64_t Missing(uint16_t pair) const { return pairs_[pair].missing; }
  // The missing ones of `pair` in words, naming up to four of them: "pair 0:
  // sent 10, 2 did not come back: number 3, 7". Where none ever came back,
  // `advice` follows: "pair 2: sent 128, none came back; does the ...".
  std::string DescribeMissing(uint16_t pair, std::string_view advice) const;
  // Gives up on what is missing on `pair`: it is not waited for any more.
  void WriteOff(uint16_t pair) { pairs_[pair].missing = 0; }

  uint16_t pairs() const { return static_cast<uint16_t>(pairs_.size()); }
  const PairCounts& counts(uint16_t pair) const { return pairs_[pair].counts; }
  const PacketPattern& pattern() const { return pattern_; }

 private:
  struct Pair {
    PairCounts counts;
    uint64_t missing = 0;
    std::vector<bool> returned;  // By sequence number.
  };

  std::optional<std::string> CheckArrival(uint16_t pair, PacketId id,
                                          std::span<const std::byte> bytes);

  const PacketPattern pattern_;
  std::vector<Pair> pairs_;
};

}  // namespace virtio_user::cli

#endif  // CLI_PACKET_LEDGER_H_
