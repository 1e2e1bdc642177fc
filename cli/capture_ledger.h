// SPDX-License-Identifier: BSD-3-Clause

#ifndef CLI_CAPTURE_LEDGER_H_
#define CLI_CAPTURE_LEDGER_H_

#include <cstdint>
#include <deque>
#include <vector>

#include "cli/capture.h"
#include "cli/ledger.h"

namespace virtio_user::cli {

// The account of a capture's packets, which go out in its order, on whichever
// pair has its turn. They say nothing about themselves, so they are told by
// their bytes: each that comes back must be one that is on its way.
class CaptureLedger final : public Ledger {
 public:
  // `capture` is borrowed.
  CaptureLedger(const Capture& capture, uint16_t pairs,
                Routing routing = Routing::kOwnPair);

  size_t max_frame_bytes() const override { return capture_.max_bytes(); }
  size_t Write(uint16_t pair, uint64_t ahead,
               std::span<std::byte> out) const override;
  void Sent(uint16_t pair) override;
  // Told by its bytes alone: a packet that comes back altered is one too, and
  // missing.
  bool IsStranger(std::span<const std::byte> bytes) const override;
  std::optional<std::string> Echoed(uint16_t pair,
                                    std::span<const std::byte> bytes) override;
  void Received(uint16_t pair, size_t bytes) override;
  uint64_t Missing(uint16_t pair) const override {
    return pairs_[pair].missing;
  }
  std::string DescribeMissing(uint16_t pair,
                              std::string_view advice) const override;
  void WriteOff(uint16_t pair) override { pairs_[pair].missing = 0; }
  uint16_t pairs() const override {
    return static_cast<uint16_t>(pairs_.size());
  }
  const PairCounts& counts(uint16_t pair) const override {
    return pairs_[pair].counts;
  }

  // The packets that came back as they were sent, in the capture's order.
  std::vector<size_t> Returned() const;

 private:
  struct Pair {
    PairCounts counts;
    std::deque<size_t> on_their_way;  // As they went out.
    uint64_t missing = 0;
  };

  // Takes the first packet with these bytes off the pair's account; its index.
  std::optional<size_t> TakeOff(Pair& pair, std::span<const std::byte> bytes);
  // The first packet on its way with these bytes.
  static std::deque<size_t>::const_iterator Find(
      const Capture& capture, const Pair& pair,
      std::span<const std::byte> bytes);
  // What is wrong with bytes that no packet on its way has.
  std::string Explain(uint16_t pair, std::span<const std::byte> bytes);

  const Capture& capture_;
  const Routing routing_;
  std::vector<Pair> pairs_;
  std::vector<bool> returned_;  // By index.
  size_t next_ = 0;
};

}  // namespace virtio_user::cli

#endif  // CLI_CAPTURE_LEDGER_H_
