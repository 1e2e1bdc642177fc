// SPDX-License-Identifier: BSD-3-Clause

#ifndef TESTS_INTEROP_TESTPMD_H_
#define TESTS_INTEROP_TESTPMD_H_

#include <chrono>
#include <csignal>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/interop/child_process.h"
#include "tests/interop/log_check.h"

namespace interop {

// Whether testpmd listens at the socket, or connects to it (`client=1`).
enum class TestpmdRole : uint8_t { kListens, kConnects };

// Where testpmd's own packet buffers lie. The front-end's memory, which it
// maps, does not depend on it.
enum class TestpmdMemory : uint8_t { kOrdinary, kHugepages };

struct TestpmdOptions {
  std::string folder{};  // For its log and what it leaves behind.
  std::string socket{};
  TestpmdRole role = TestpmdRole::kListens;
  TestpmdMemory memory = TestpmdMemory::kOrdinary;
  int queues = 1;         // Pairs that its port has.
  int served_queues = 0;  // Pairs that it forwards on; 0: all.
};

// DPDK's testpmd with one net_vhost port whose packets it sends back as they
// are: an independent vhost-user back-end.
class Testpmd {
 public:
  // Why none can run here; none where one can.
  static std::optional<std::string> WhyNot(TestpmdMemory memory);

  // Started, and at its prompt within `patience`; null otherwise, and then
  // `log` is what it said.
  static std::unique_ptr<Testpmd> Start(const TestpmdOptions& options,
                                        std::chrono::seconds patience,
                                        std::string& log);

  std::string Log() const { return ReadFile(log_path_); }
  // Lines of trouble in the log, less what is known to be none.
  std::vector<std::string> Trouble() const;
  // How often all rings of the first pair became usable.
  size_t ReadyCount() const;
  // "quit", and its exit code; none where it hangs.
  std::optional<int> Quit(std::chrono::seconds patience);
  void Kill() { child_->Kill(); }
  // SIGSTOP and SIGCONT.
  void Freeze() { child_->Freeze(); }
  void Thaw() { child_->Signal(SIGCONT); }
  // Its exit code; none while it runs on after `patience`.
  std::optional<int> Wait(std::chrono::milliseconds patience) {
    return child_->Wait(patience);
  }

 private:
  Testpmd(std::unique_ptr<ChildProcess> child, std::string log_path,
          TestpmdRole role)
      : child_(std::move(child)), log_path_(std::move(log_path)), role_(role) {}

  std::unique_ptr<ChildProcess> child_;
  const std::string log_path_;
  const TestpmdRole role_;
};

}  // namespace interop

#endif  // TESTS_INTEROP_TESTPMD_H_
