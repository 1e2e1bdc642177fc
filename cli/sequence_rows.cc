// SPDX-License-Identifier: BSD-3-Clause

#include "cli/sequence_rows.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <map>
#include <string>
#include <string_view>

#include "backend_sim/fault_plan.h"
#include "backend_sim/transcript.h"
#include "backend_sim/violation.h"
#include "backend_sim/wire.h"

namespace virtio_user::cli {

using backend_sim::kNoRing;
using backend_sim::Layout;
using backend_sim::TraceKind;
using backend_sim::TraceRecord;

namespace {

bool IsPacket(TraceKind kind) {
  return kind == TraceKind::kKick || kind == TraceKind::kCall ||
         kind == TraceKind::kPacketIn || kind == TraceKind::kPacketOut;
}

// The message that begins here, with its payload.
std::span<const TraceRecord> WholeMessage(
    std::span<const TraceRecord> records) {
  size_t count = 1;
  while (count < records.size() && records[count].kind == TraceKind::kPayload) {
    ++count;
  }
  return records.first(count);
}

// Takes `ending` off the end of `text`, if it is there.
bool TakeEnding(std::string& text, std::string_view ending) {
  if (!text.ends_with(ending)) return false;
  text.resize(text.size() - ending.size());
  return true;
}

// The transcript's line without arrow, indentation and end.
std::string LineOf(std::span<const TraceRecord> records) {
  std::string line = Transcript(records, {.packets = true});
  line = line.substr(0, line.find('\n'));
  const size_t begin = std::min<size_t>(3, line.size());
  return line.substr(begin);
}

bool IsAnswer(const TraceRecord& record) {
  return record.kind == TraceKind::kMessage &&
         record.detail ==
             static_cast<uint8_t>(backend_sim::Direction::kToFrontend);
}

constexpr std::string_view kAckOfZero = "ack value=0x0";

// Such a pair is drawn as one.
bool IsAckOf(const SequenceRow& answer, const SequenceRow& message) {
  return answer.kind == RowKind::kAnswer && answer.details == kAckOfZero &&
         message.kind == RowKind::kMessage && message.name == answer.name &&
         message.need_reply && !message.acked;
}

// What the rings of one row of packets had.
struct RingSum {
  uint64_t kicks = 0;
  uint64_t taken = 0;
  uint64_t taken_bytes = 0;
  uint64_t given = 0;
  uint64_t given_bytes = 0;
  uint64_t interrupts = 0;

  void Add(const TraceRecord& record) {
    switch (record.kind) {
      case TraceKind::kKick:
        kicks += record.words[0];
        break;
      case TraceKind::kCall:
        ++interrupts;
        break;
      case TraceKind::kPacketIn:
        ++taken;
        taken_bytes += record.size;
        break;
      default:
        ++given;
        given_bytes += record.size;
        break;
    }
  }
};

std::string Times(std::string_view what, uint64_t count) {
  return fmt::format("{}{}", what,
                     count == 1 ? "" : fmt::format(" \u00d7{}", count));
}

std::string Packets(std::string_view what, uint64_t count, uint64_t bytes) {
  return fmt::format("{} {} packet{} ({} bytes)", what, count,
                     count == 1 ? "" : "s", bytes);
}

std::string TextOf(const RingSum& sum) {
  std::vector<std::string> parts;
  if (sum.kicks != 0) parts.push_back(Times("kick", sum.kicks));
  if (sum.taken != 0) {
    parts.push_back(Packets("takes", sum.taken, sum.taken_bytes));
  }
  if (sum.given != 0) {
    parts.push_back(Packets("gives", sum.given, sum.given_bytes));
  }
  if (sum.interrupts != 0) {
    parts.push_back(Times("interrupt", sum.interrupts));
  }
  return fmt::format("{}", fmt::join(parts, ", "));
}

}  // namespace

uint16_t RingOf(std::span<const TraceRecord> records) {
  const TraceRecord& first = records.front();
  if (first.kind != TraceKind::kMessage) return first.ring;
  const auto* const rule =
      backend_sim::FindRequest(static_cast<uint32_t>(first.words[0]));
  if (rule == nullptr || records.size() < 2 ||
      records[1].kind != TraceKind::kPayload) {
    return kNoRing;
  }
  const bool answer = IsAnswer(first);
  // An ack says nothing of a ring.
  if (answer && !rule->has_answer) return kNoRing;
  const uint64_t word = records[1].words[0];
  switch (answer ? rule->answer : rule->payload) {
    case Layout::kRingFd:
      return static_cast<uint16_t>(word & backend_sim::kRingFdIndex);
    case Layout::kVringState:
    case Layout::kVringAddr: {
      const auto index = static_cast<uint32_t>(word);
      return index < kNoRing ? static_cast<uint16_t>(index) : kNoRing;
    }
    default:
      return kNoRing;
  }
}

SequenceRows::SequenceRows(const std::vector<uint16_t>& rings)
    : rings_(rings), looks_(rings.size(), RingLook::kStopped) {}

std::vector<SequenceRow> SequenceRows::Rows(Records records) {
  std::vector<SequenceRow> rows;
  while (!records.empty()) {
    const TraceKind kind = records.front().kind;
    if (kind == TraceKind::kPayload || kind == TraceKind::kNote) {
      records = records.subspan(1);
      continue;
    }
    size_t taken = 1;
    SequenceRow row = Row(records, taken);
    records = records.subspan(taken);
    if (!rows.empty() && IsAckOf(row, rows.back())) {
      rows.back().acked = true;
      continue;
    }
    row.connected = connected_;
    row.looks = looks_;
    rows.push_back(std::move(row));
  }
  return rows;
}

SequenceRow SequenceRows::Row(Records records, size_t& taken) {
  const TraceRecord& record = records.front();
  if (record.kind == TraceKind::kMessage) return Message(records, taken);
  if (IsPacket(record.kind)) return Packets(records, taken);
  if (record.kind == TraceKind::kRingStart ||
      record.kind == TraceKind::kRingStop ||
      record.kind == TraceKind::kRingBroken) {
    return RingEvent(record);
  }
  return Event(record);
}

std::vector<RingMark> SequenceRows::MarkOf(uint16_t ring, MarkKind kind) const {
  const auto at = std::ranges::find(rings_, ring);
  if (at == rings_.end()) return {};
  return {{.column = static_cast<size_t>(at - rings_.begin()), .kind = kind}};
}

SequenceRow SequenceRows::Message(Records records, size_t& taken) {
  const Records message = WholeMessage(records);
  taken = message.size();
  const bool answer = IsAnswer(message.front());
  const std::string line = LineOf(message);
  const size_t space = std::min(line.find(' '), line.size());
  SequenceRow row{.kind = answer ? RowKind::kAnswer : RowKind::kMessage,
                  .name = line.substr(0, space),
                  .details = line.substr(std::min(space + 1, line.size())),
                  .marks = MarkOf(RingOf(message), MarkKind::kMeant)};
  // "SET_OWNER, need_reply"
  if (row.name.ends_with(',')) {
    row.name.pop_back();
    row.details.insert(0, ", ");
  }
  row.need_reply = TakeEnding(row.details, ", need_reply") ||
                   TakeEnding(row.details, "need_reply");
  if (row.details.starts_with("ack value=")) {
    const std::string value = row.details.substr(0, row.details.find(','));
    row.refused = value != kAckOfZero;
  }
  if (row.details.starts_with(", ")) row.details.erase(0, 2);
  return row;
}

SequenceRow SequenceRows::Packets(Records records, size_t& taken) {
  std::map<uint16_t, RingSum> sums;
  for (taken = 0; taken < records.size() && IsPacket(records[taken].kind);
       ++taken) {
    sums[records[taken].ring].Add(records[taken]);
  }
  SequenceRow row{.kind = RowKind::kPackets, .name = {}, .details = {}};
  const auto mark = [&](uint16_t ring, MarkKind kind, uint64_t count) {
    if (count == 0) return;
    std::ranges::copy(MarkOf(ring, kind), std::back_inserter(row.marks));
  };
  for (const auto& [ring, sum] : sums) {
    if (!row.details.empty()) row.details += "; ";
    row.details += fmt::format("ring {}: {}", ring, TextOf(sum));
    mark(ring, MarkKind::kKick, sum.kicks);
    mark(ring, MarkKind::kTaken, sum.taken);
    mark(ring, MarkKind::kGiven, sum.given);
    mark(ring, MarkKind::kInterrupt, sum.interrupts);
  }
  return row;
}

SequenceRow SequenceRows::RingEvent(const TraceRecord& record) {
  // "ring 3: starts, size 8, base 0"
  const std::string line = LineOf(std::span(&record, 1));
  const size_t colon = std::min(line.find(": "), line.size());
  SequenceRow row{.kind = RowKind::kRing,
                  .name = line.substr(0, colon),
                  .details = line.substr(std::min(colon + 2, line.size()))};
  const bool starts = record.kind == TraceKind::kRingStart;
  const bool stops = record.kind == TraceKind::kRingStop;
  row.marks = MarkOf(record.ring, starts  ? MarkKind::kStarts
                                  : stops ? MarkKind::kStops
                                          : MarkKind::kBreaks);
  for (const RingMark& mark : row.marks) {
    looks_[mark.column] = starts  ? RingLook::kStarted
                          : stops ? RingLook::kStopped
                                  : RingLook::kBroken;
  }
  return row;
}

SequenceRow SequenceRows::Event(const TraceRecord& record) {
  SequenceRow row;
  switch (record.kind) {
    case TraceKind::kAttach:
      connected_ = true;
      row = {.kind = RowKind::kAttach, .name = "connected", .details = {}};
      break;
    case TraceKind::kClose: {
      connected_ = false;
      const bool ours =
          record.detail == static_cast<uint8_t>(backend_sim::Closer::kFrontend);
      row.kind = ours ? RowKind::kCloseByFrontend : RowKind::kCloseByBackend;
      row.name = ours ? "closed by the front-end" : "closed by the back-end";
      break;
    }
    case TraceKind::kFault:
      row.kind = RowKind::kFault;
      row.name = FaultName(static_cast<backend_sim::FaultKind>(record.detail));
      if (record.words[1] != 0) row.details = std::to_string(record.words[1]);
      break;
    case TraceKind::kViolation: {
      const auto rule = static_cast<backend_sim::Rule>(record.detail);
      row.kind = RowKind::kViolation;
      row.name = RuleName(rule);
      row.details = ClauseOf(rule);
      break;
    }
    default:
      row = {.kind = RowKind::kMemory,
             .name = "memory",
             .details = LineOf(std::span(&record, 1))};
      break;
  }
  return row;
}

}  // namespace virtio_user::cli
