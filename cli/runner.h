// SPDX-License-Identifier: BSD-3-Clause

#ifndef CLI_RUNNER_H_
#define CLI_RUNNER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "cli/capture_ledger.h"
#include "cli/console.h"
#include "cli/environment.h"
#include "cli/ledger.h"
#include "cli/net_driver.h"
#include "cli/progress.h"
#include "cli/run_plan.h"
#include "cli/run_result.h"
#include "cli/traffic.h"
#include "virtio_user/device/device.h"

namespace virtio_user::cli {

// One run from open to end: brings the device up, carries out the plan and
// writes down what happened. A failure ends it where it is met; the device is
// taken down in any case.
class Runner {
 public:
  // All borrowed.
  Runner(const RunOptions& options, Environment& environment,
         const Console& console, Progress& progress);

  RunResult Run();

 private:
  using Work = std::function<std::optional<Failure>()>;

  // Runs one phase and notes its time; whether it went well.
  bool Phase(const std::string& name, uint64_t packets, const Work& work);

  std::optional<Failure> Open();
  std::optional<Failure> SetUpDriver();
  uint32_t Burst() const;
  std::optional<Failure> CheckRoom() const;
  std::optional<Failure> CheckFrames() const;
  void OpenLedger();
  void NoteFeatures();
  void NotePath();
  bool CarryOut();
  // Carries the step out, however often the back-end goes away meanwhile, if
  // that is allowed.
  std::optional<Failure> DoSteadily(Step step);
  // Whether a failed step is due to nothing else.
  bool HasLostBackend();
  std::optional<Failure> Restore();
  void NoteArrival(const Traffic& traffic);
  std::optional<Failure> Do(const Step& step);
  std::optional<Failure> DoTraffic(const Step& step);
  std::string Advice() const;
  std::optional<Failure> SetPairs(uint16_t pairs);
  std::optional<Failure> AddRegion();
  std::optional<Failure> RemoveRegion();
  std::optional<Failure> TakeDown();
  void NotePackets();

  Failure Interruption(const std::string& phase) const;
  // A failed call, or trouble that shows only in the device's events.
  std::optional<Failure> Judge(const Result<void>& result);
  Failure Fatal(const Error& error) const;

  const RunOptions options_;
  Environment& environment_;
  const Console& console_;
  Progress& progress_;
  RunResult result_;

  std::unique_ptr<Device> device_;
  std::unique_ptr<NetDriver> driver_;
  std::unique_ptr<Ledger> ledger_;
  const CaptureLedger* capture_ledger_ = nullptr;  // ledger_, if it is one.
  std::span<std::byte> region_;                    // The one that was added.
  // What the packets have shown, in words: it stands beside an interruption.
  std::string packet_problems_;
  uint64_t packets_left_ = 0;  // Of a stretch that ended early.
  Duration restored_at_{0};    // The last time that the back-end came back,
  Duration last_progress_{0};  // that packets came, or that a step began.
};

}  // namespace virtio_user::cli

#endif  // CLI_RUNNER_H_
