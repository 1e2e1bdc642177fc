// SPDX-License-Identifier: BSD-3-Clause

#include "cli/sequence_model.h"

#include <algorithm>
#include <set>
#include <utility>

#include "cli/sequence_rows.h"

namespace virtio_user::cli {
namespace {

using backend_sim::kNoRing;
using backend_sim::TraceRecord;

// A hostile message can name any ring; these have a place in the picture.
constexpr uint16_t kMostRings = 300;

std::vector<uint16_t> RingsOf(std::span<const TraceRecord> records) {
  std::set<uint16_t> rings;
  for (size_t i = 0; i < records.size(); ++i) {
    // What a note and a change of memory have there is no ring.
    const backend_sim::TraceKind kind = records[i].kind;
    if (kind == backend_sim::TraceKind::kNote ||
        kind == backend_sim::TraceKind::kMemory) {
      continue;
    }
    const uint16_t ring = RingOf(records.subspan(i));
    if (ring < kMostRings) rings.insert(ring);
  }
  return {rings.begin(), rings.end()};
}

SequenceBand BandOf(size_t number, const RecordedOperation& recorded) {
  return {.number = number,
          .operation = recorded.operation,
          .before = recorded.before,
          .after = recorded.after,
          .result = recorded.result,
          .why = recorded.why};
}

void Place(SequenceModel& model, SequenceBand band) {
  const bool joins = band.idle() && !model.groups.empty() &&
                     model.groups.back().bands.back().idle();
  if (!joins) model.groups.push_back({});
  model.groups.back().bands.push_back(std::move(band));
}

}  // namespace

SequenceModel MakeSequence(const RecordedRun& run) {
  SequenceModel model;
  model.rings = RingsOf(run.records);
  SequenceRows rows(model.rings);
  const auto fill = [&rows](SequenceBand& band,
                            std::span<const TraceRecord> records) {
    band.rows = rows.Rows(records);
    band.connected = rows.connected();
    band.looks = rows.looks();
  };
  for (size_t i = 0; i < run.operations.size(); ++i) {
    SequenceBand band = BandOf(i, run.operations[i]);
    fill(band, run.RecordsOf(run.operations[i]));
    Place(model, std::move(band));
  }
  if (run.last_phase) {
    SequenceBand band{.number = run.operations.size(), .operation = {}};
    if (!run.operations.empty()) band.before = run.operations.back().after;
    fill(band, run.LastRecords());
    model.last_phase = std::move(band);
  }
  return model;
}

}  // namespace virtio_user::cli
