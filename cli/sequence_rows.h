// SPDX-License-Identifier: BSD-3-Clause

#ifndef CLI_SEQUENCE_ROWS_H_
#define CLI_SEQUENCE_ROWS_H_

#include <cstdint>
#include <span>
#include <vector>

#include "backend_sim/trace.h"
#include "cli/sequence_model.h"

namespace virtio_user::cli {

// Turns records into rows, in the order of the run: what is connected and which
// rings run is carried on from call to call.
class SequenceRows {
 public:
  // `rings` as in SequenceModel; outlives it.
  explicit SequenceRows(const std::vector<uint16_t>& rings);

  std::vector<SequenceRow> Rows(
      std::span<const backend_sim::TraceRecord> records);
  bool connected() const { return connected_; }
  const std::vector<RingLook>& looks() const { return looks_; }

 private:
  using Records = std::span<const backend_sim::TraceRecord>;

  // The row that the first of `records` begins, and how many of them it takes.
  SequenceRow Row(Records records, size_t& taken);
  SequenceRow Message(Records records, size_t& taken);
  SequenceRow Packets(Records records, size_t& taken);
  SequenceRow Event(const backend_sim::TraceRecord& record);
  SequenceRow RingEvent(const backend_sim::TraceRecord& record);
  std::vector<RingMark> MarkOf(uint16_t ring, MarkKind kind) const;

  const std::vector<uint16_t>& rings_;
  std::vector<RingLook> looks_;
  bool connected_ = false;
};

// The ring that the message or event of the first record is about, or kNoRing.
uint16_t RingOf(std::span<const backend_sim::TraceRecord> records);

}  // namespace virtio_user::cli

#endif  // CLI_SEQUENCE_ROWS_H_
