// SPDX-License-Identifier: BSD-3-Clause

#ifndef TESTS_INTEROP_PMD_TESTPMD_H_
#define TESTS_INTEROP_PMD_TESTPMD_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/interop/child_process.h"

namespace interop {

struct PmdTestpmdOptions {
  std::string folder{};  // For its log and what it leaves behind.
  std::string name{};    // Tells it from the other one in the same folder.
  std::string driver{};  // A driver's file for -d; empty: none.
  std::string device{};  // For --vdev.
  int queues = 1;
  bool auto_start = false;  // Forwards from the beginning.
};

struct PortCounters {
  uint64_t rx_packets = 0;
  uint64_t tx_packets = 0;
  uint64_t rx_errors = 0;
  uint64_t tx_errors = 0;
};

// A testpmd with one port, which sends back what it gets, in ordinary memory
// and on a core of its own.
class PmdTestpmd {
 public:
  // At its prompt within `patience`; null otherwise, and then `log` is what it
  // said.
  static std::unique_ptr<PmdTestpmd> Start(const PmdTestpmdOptions& options,
                                           std::chrono::seconds patience,
                                           std::string& log);

  std::string Log() const { return ReadFile(log_path_); }
  void Type(std::string_view line) { child_->Type(std::string(line) + "\n"); }
  // What "show port stats 0" says; none if it says nothing.
  std::optional<PortCounters> Counters();
  // Asks until at least `packets` were received, or time is up.
  PortCounters WaitForPackets(uint64_t packets, std::chrono::seconds patience);
  // Whether its log has `text` within `patience`.
  bool WaitForText(std::string_view text, std::chrono::seconds patience) const;
  void Kill() { child_->Kill(); }
  // "quit", and its exit code; none where it hangs.
  std::optional<int> Quit(std::chrono::seconds patience);

 private:
  PmdTestpmd(std::unique_ptr<ChildProcess> child, std::string log_path)
      : child_(std::move(child)), log_path_(std::move(log_path)) {}

  std::unique_ptr<ChildProcess> child_;
  const std::string log_path_;
};

}  // namespace interop

#endif  // TESTS_INTEROP_PMD_TESTPMD_H_
