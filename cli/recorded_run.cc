// SPDX-License-Identifier: BSD-3-Clause

#include "cli/recorded_run.h"

#include <array>
#include <cstring>
#include <type_traits>
#include <utility>

#include "cli/guarded_child.h"

namespace virtio_user::cli {

using backend_sim::Finding;
using backend_sim::LifeState;
using backend_sim::Operation;
using backend_sim::TraceKind;
using backend_sim::TraceRecord;

namespace {

// Both ends are the same program, so values go as they lie in memory.
enum Tag : uint32_t {
  kScenario,   // Text.
  kOperation,  // Operation.
  kRecord,     // TraceRecord.
  kLastPhase,
  kFindingOf,  // FindingHead; its text follows,
  kFindingText,
  kHash,        // Text.
  kSecondHash,  // Text.
  kFailure,     // Text.
};

struct ItemHead {
  uint32_t tag = 0;
  uint32_t bytes = 0;
};

struct FindingHead {
  uint64_t step = 0;
  uint64_t checker = 0;
};

static_assert(std::is_trivially_copyable_v<Operation>);
static_assert(std::is_trivially_copyable_v<TraceRecord>);

std::span<const std::byte> BytesOf(const std::string& text) {
  return std::as_bytes(std::span(text));
}
template <typename T>
std::span<const std::byte> BytesOf(const T& value) {
  return std::as_bytes(std::span(&value, 1));
}

std::string TextOf(std::span<const std::byte> bytes) {
  std::string text(bytes.size(), '\0');
  if (!bytes.empty()) std::memcpy(text.data(), bytes.data(), bytes.size());
  return text;
}
template <typename T>
T ValueOf(std::span<const std::byte> bytes) {
  T value{};
  std::memcpy(&value, bytes.data(), std::min(bytes.size(), sizeof(value)));
  return value;
}

}  // namespace

backend_sim::Script RecordedRun::script() const {
  backend_sim::Script script{.scenario = scenario, .operations = {}};
  for (const RecordedOperation& recorded : operations) {
    script.operations.push_back(recorded.operation);
  }
  return script;
}

// --- The child's end ---------------------------------------------------------

void RunWriter::Write(uint32_t tag, std::span<const std::byte> bytes) {
  const ItemHead head{.tag = tag, .bytes = static_cast<uint32_t>(bytes.size())};
  std::vector<std::byte> item(sizeof(head) + bytes.size());
  std::memcpy(item.data(), &head, sizeof(head));
  if (!bytes.empty()) {
    std::memcpy(item.data() + sizeof(head), bytes.data(), bytes.size());
  }
  WriteToPipe(fd_, item);
}

void RunWriter::OnScenario(const backend_sim::Scenario& scenario) {
  Write(kScenario, BytesOf(ToText(scenario)));
}

void RunWriter::OnOperation(const Operation& operation) {
  Write(kOperation, BytesOf(operation));
}

void RunWriter::OnFailure(std::string_view why) {
  Write(kFailure, BytesOf(std::string(why)));
}

void RunWriter::OnLastPhase() { Write(kLastPhase, {}); }

void RunWriter::OnRecord(const TraceRecord& record) {
  Write(kRecord, BytesOf(record));
}

void RunWriter::Finish(const backend_sim::RunReport& report) {
  for (const Finding& finding : report.findings) {
    Write(kFindingOf, BytesOf(FindingHead{
                          .step = finding.step,
                          .checker = static_cast<uint64_t>(finding.checker)}));
    Write(kFindingText, BytesOf(finding.text));
  }
  Write(kHash, BytesOf(report.hash));
}

void RunWriter::FinishAgain(const backend_sim::RunReport& report) {
  Write(kSecondHash, BytesOf(report.hash));
}

// --- The parent's ------------------------------------------------------------

void RunReader::OnBytes(std::span<const std::byte> bytes) {
  partial_.insert(partial_.end(), bytes.begin(), bytes.end());
  std::span<const std::byte> left = partial_;
  while (left.size() >= sizeof(ItemHead)) {
    const auto head = ValueOf<ItemHead>(left);
    if (left.size() - sizeof(head) < head.bytes) break;
    OnItem(head.tag, left.subspan(sizeof(head), head.bytes));
    left = left.subspan(sizeof(head) + head.bytes);
  }
  partial_.erase(partial_.begin(),
                 partial_.end() - static_cast<std::ptrdiff_t>(left.size()));
}

void RunReader::OnItem(uint32_t tag, std::span<const std::byte> bytes) {
  switch (tag) {
    case kScenario:
      if (const auto script = backend_sim::ScriptFromText(TextOf(bytes))) {
        run_.scenario = script->scenario;
      }
      break;
    case kOperation:
      OnOperation(ValueOf<Operation>(bytes));
      break;
    case kRecord:
      OnRecord(ValueOf<TraceRecord>(bytes));
      break;
    case kFailure:
      if (!run_.operations.empty() && !run_.last_phase) {
        run_.operations.back().why = TextOf(bytes);
      }
      break;
    case kLastPhase:
      run_.last_phase = run_.records.size();
      break;
    case kFindingOf: {
      const auto head = ValueOf<FindingHead>(bytes);
      run_.findings.push_back(
          {.checker = static_cast<backend_sim::CheckerId>(head.checker),
           .step = head.step,
           .text = {}});
      break;
    }
    case kFindingText:
      if (!run_.findings.empty()) run_.findings.back().text = TextOf(bytes);
      break;
    case kHash:
      run_.hash = TextOf(bytes);
      break;
    case kSecondHash:
      run_.second_hash = TextOf(bytes);
      break;
    default:
      break;
  }
}

void RunReader::OnOperation(const Operation& operation) {
  const LifeState before =
      run_.operations.empty() ? LifeState::kNone : run_.operations.back().after;
  const size_t first = run_.operations.empty() || !run_.operations.back().result
                           ? run_.records.size()
                           : run_.operations.back().end_record + 1;
  run_.operations.push_back({.operation = operation,
                             .before = before,
                             .after = before,
                             .first_record = first,
                             .end_record = run_.records.size()});
}

// The note of an operation is what became of it, and closes it.
void RunReader::OnRecord(const TraceRecord& record) {
  run_.records.push_back(record);
  if (run_.operations.empty() || run_.last_phase) return;
  RecordedOperation& now = run_.operations.back();
  if (record.kind != TraceKind::kNote) {
    if (!now.result) now.end_record = run_.records.size();
    return;
  }
  now.result = static_cast<backend_sim::OpResult>(record.detail);
  now.after = static_cast<LifeState>(record.ring);
}

RecordedRun RunReader::Take() { return std::move(run_); }

}  // namespace virtio_user::cli
