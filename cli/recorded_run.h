// SPDX-License-Identifier: BSD-3-Clause
//
// Everything about a simulated run that can be shown, and how it comes out of
// the process that does the run.

#ifndef CLI_RECORDED_RUN_H_
#define CLI_RECORDED_RUN_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "backend_sim/simulation/checker.h"
#include "backend_sim/simulation/run_observer.h"
#include "backend_sim/simulation/script.h"
#include "backend_sim/simulation/simulation.h"
#include "backend_sim/trace.h"

namespace virtio_user::cli {

struct RecordedOperation {
  backend_sim::Operation operation;
  backend_sim::LifeState before = backend_sim::LifeState::kNone;
  backend_sim::LifeState after = backend_sim::LifeState::kNone;
  // Nothing: the process ended in it.
  std::optional<backend_sim::OpResult> result = {};
  std::string why = {};  // A call in it failed.
  // In `records`; its note is not among them.
  size_t first_record = 0;
  size_t end_record = 0;
};

struct RecordedRun {
  backend_sim::Scenario scenario;
  std::vector<RecordedOperation> operations;
  std::vector<backend_sim::TraceRecord> records;
  // Where the records after the last operation begin, if it came so far.
  std::optional<size_t> last_phase = {};
  std::vector<backend_sim::Finding> findings;
  // Of the run; empty if it did not end.
  std::string hash;
  // Of the same script run once more; empty if that did not end.
  std::string second_hash;

  // As far as it came.
  backend_sim::Script script() const;
  std::span<const backend_sim::TraceRecord> RecordsOf(
      const RecordedOperation& operation) const {
    return std::span(records).subspan(
        operation.first_record, operation.end_record - operation.first_record);
  }
  // Behind the last operation.
  std::span<const backend_sim::TraceRecord> LastRecords() const {
    return std::span(records).subspan(last_phase.value_or(records.size()));
  }
};

// In the child: a run as bytes in a pipe.
class RunWriter final : public backend_sim::RunObserver {
 public:
  // `fd` is borrowed.
  explicit RunWriter(int fd) : fd_(fd) {}

  void OnScenario(const backend_sim::Scenario& scenario) override;
  void OnOperation(const backend_sim::Operation& operation) override;
  void OnFailure(std::string_view why) override;
  void OnLastPhase() override;
  void OnRecord(const backend_sim::TraceRecord& record) override;
  void Finish(const backend_sim::RunReport& report);
  // It was run once more.
  void FinishAgain(const backend_sim::RunReport& report);

 private:
  void Write(uint32_t tag, std::span<const std::byte> bytes);

  const int fd_;
};

// In the parent: the bytes, in pieces of any size, as a run.
class RunReader {
 public:
  void OnBytes(std::span<const std::byte> bytes);
  // Nothing comes any more.
  RecordedRun Take();

 private:
  void OnItem(uint32_t tag, std::span<const std::byte> bytes);
  void OnOperation(const backend_sim::Operation& operation);
  void OnRecord(const backend_sim::TraceRecord& record);

  RecordedRun run_;
  std::vector<std::byte> partial_;
};

}  // namespace virtio_user::cli

#endif  // CLI_RECORDED_RUN_H_
