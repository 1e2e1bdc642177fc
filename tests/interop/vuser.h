// SPDX-License-Identifier: BSD-3-Clause

#ifndef TESTS_INTEROP_VUSER_H_
#define TESTS_INTEROP_VUSER_H_

#include <chrono>
#include <csignal>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/interop/child_process.h"

namespace interop {

// The project's own command, as a process.
class Vuser {
 public:
  // `folder` is for its outputs.
  static std::unique_ptr<Vuser> Start(const std::string& folder,
                                      std::vector<std::string> arguments);

  // None where it hangs.
  std::optional<int> Wait(std::chrono::seconds patience) {
    return child_->Wait(patience);
  }
  std::string Output() const { return ReadFile(output_path_); }
  std::string Progress() const { return ReadFile(error_path_); }
  std::string LastLine() const;
  // As if somebody had pressed Ctrl-C.
  void Interrupt() { child_->Signal(SIGINT); }
  // Descriptors that it has open.
  size_t DescriptorCount() const;

 private:
  Vuser() = default;

  std::unique_ptr<ChildProcess> child_;
  std::string output_path_;
  std::string error_path_;
};

}  // namespace interop

#endif  // TESTS_INTEROP_VUSER_H_
