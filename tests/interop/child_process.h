// SPDX-License-Identifier: BSD-3-Clause

#ifndef TESTS_INTEROP_CHILD_PROCESS_H_
#define TESTS_INTEROP_CHILD_PROCESS_H_

#include <sys/types.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace interop {

struct ChildOptions {
  std::vector<std::string> arguments{};  // The program's path is the first.
  std::string output_path{};             // Both of its outputs go here...
  std::string error_path{};              // ... unless this names another file.
};

// A program that this test started, and ends by its process id whatever
// becomes of the test: it dies with the test's thread.
class ChildProcess {
 public:
  // Null where it cannot be started; a program that does not exist ends with
  // exit code 127.
  static std::unique_ptr<ChildProcess> Start(const ChildOptions& options);
  // SIGTERM; SIGKILL after two seconds.
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  // Types `text` into its standard input. False where it is gone.
  bool Type(std::string_view text);
  // Its exit code, or 128 and the signal that ended it; none while it runs on
  // after `patience`.
  std::optional<int> Wait(std::chrono::milliseconds patience);
  void Kill();
  void Signal(int number);
  // SIGSTOP; returns once every thread of it stands still.
  void Freeze();
  pid_t pid() const { return pid_; }

 private:
  ChildProcess(pid_t pid, int input) : pid_(pid), input_(input) {}

  const pid_t pid_;
  const int input_;  // The other end of its standard input.
  std::optional<int> exit_code_;
};

// The file of that name in one of $PATH's folders; empty where there is none.
std::string FindProgram(const std::string& name);

// All of a file; empty where it cannot be read.
std::string ReadFile(const std::string& path);

}  // namespace interop

#endif  // TESTS_INTEROP_CHILD_PROCESS_H_
