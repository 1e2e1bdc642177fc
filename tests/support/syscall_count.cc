// SPDX-License-Identifier: BSD-3-Clause

#include "tests/support/syscall_count.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

namespace testing_support {
namespace {

constexpr int kFailed = 1;

[[noreturn]] void RunTraced(const std::function<bool()>& body) {
  if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) ::_exit(kFailed);
  ::raise(SIGSTOP);
  ::_exit(body() ? 0 : kFailed);
}

// Whether it was followed to its end.
bool Follow(pid_t child, SyscallCounts& counts) {
  bool entering = true;
  for (;;) {
    if (::ptrace(PTRACE_SYSCALL, child, nullptr, nullptr) != 0) return false;
    int status = 0;
    if (::waitpid(child, &status, 0) != child) return false;
    if (WIFEXITED(status)) {
      EXPECT_EQ(WEXITSTATUS(status), 0) << "what was to be counted failed";
      return true;
    }
    if (!WIFSTOPPED(status)) return false;
    if (WSTOPSIG(status) != (SIGTRAP | 0x80)) continue;
    if (entering) {
      user_regs_struct registers{};
      ::ptrace(PTRACE_GETREGS, child, nullptr, &registers);
      ++counts[static_cast<long>(registers.orig_rax)];
    }
    entering = !entering;
  }
}

}  // namespace

std::optional<SyscallCounts> CountSyscalls(
    const std::function<bool()>& body, const std::function<void()>& meanwhile) {
  const pid_t child = ::fork();
  if (child < 0) return std::nullopt;
  if (child == 0) RunTraced(body);
  int status = 0;
  ::waitpid(child, &status, 0);
  if (!WIFSTOPPED(status)) return std::nullopt;
  ::ptrace(PTRACE_SETOPTIONS, child, nullptr,
           PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
  std::thread other(meanwhile);
  SyscallCounts counts;
  const bool followed = Follow(child, counts);
  if (!followed && ::kill(child, SIGKILL) == 0) ::waitpid(child, &status, 0);
  other.join();
  if (!followed) return std::nullopt;
  return counts;
}

}  // namespace testing_support
