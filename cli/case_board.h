// SPDX-License-Identifier: BSD-3-Clause
//
// Which cases a process is at, in memory that it shares with the one that
// watches it.

#ifndef CLI_CASE_BOARD_H_
#define CLI_CASE_BOARD_H_

#include <atomic>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "backend_sim/explore/case_observer.h"

namespace virtio_user::cli {

// Made before the fork. A thread is at one case at a time; what
// threads beyond the 1024th do is not seen.
class CaseBoard final : public backend_sim::CaseObserver {
 public:
  CaseBoard();
  ~CaseBoard() override;
  CaseBoard(const CaseBoard&) = delete;
  CaseBoard& operator=(const CaseBoard&) = delete;

  // Whether there was memory for it.
  bool valid() const { return shared_ != nullptr; }

  // --- In the process that is watched ----------------------------------------

  void Begin(std::string_view name) override;
  void Add(std::string_view name) override;
  void End() override;
  // From here on a signal that kills the process leaves word of the thread that
  // it came from.
  void MarkDeaths();
  // Set once it is asked to end.
  const std::atomic<bool>* stop() const;

  // --- In the one that watches -----------------------------------------------

  void AskToEnd();
  // The case that takes longer than `patience`, if there is one. In the time of
  // `stall` nobody did anything.
  std::optional<std::string> Overdue(std::chrono::nanoseconds patience,
                                     std::chrono::nanoseconds stall);
  // When the process is dead: what it died of, or else what it was at.
  std::vector<std::string> Last() const;

 private:
  struct Shared;

  Shared* shared_ = nullptr;
};

}  // namespace virtio_user::cli

#endif  // CLI_CASE_BOARD_H_
