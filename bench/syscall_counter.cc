// SPDX-License-Identifier: BSD-3-Clause

#include "bench/syscall_counter.h"

#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>

namespace virtio_user::bench {
namespace {

// Nothing that is measured asks for its parent.
constexpr uint64_t kMarker = SYS_getppid;

// What the child enters next, or nothing if it stops for another reason.
std::optional<uint64_t> EnteredSyscall(pid_t child) {
  __ptrace_syscall_info info = {};
  if (ptrace(PTRACE_GET_SYSCALL_INFO, child, sizeof(info), &info) <= 0 ||
      info.op != PTRACE_SYSCALL_INFO_ENTRY) {
    return std::nullopt;
  }
  return info.entry.nr;
}

// Follows a child that stands still until it ends; whether it ended well.
bool Follow(pid_t child, std::vector<SyscallCounts>& sections) {
  int signal_number = 0;
  while (ptrace(PTRACE_SYSCALL, child, nullptr, signal_number) == 0) {
    int status = 0;
    if (waitpid(child, &status, 0) != child) return false;
    if (WIFEXITED(status)) return WEXITSTATUS(status) == 0;
    if (!WIFSTOPPED(status)) return false;
    const bool at_syscall = WSTOPSIG(status) == (SIGTRAP | 0x80);
    signal_number = at_syscall ? 0 : WSTOPSIG(status);
    if (!at_syscall) continue;
    const std::optional<uint64_t> entered = EnteredSyscall(child);
    if (!entered) continue;
    if (*entered == kMarker) {
      sections.emplace_back();
    } else if (!sections.empty()) {
      ++sections.back()[*entered];
    }
  }
  return false;
}

}  // namespace

uint64_t Total(const SyscallCounts& counts) {
  uint64_t total = 0;
  for (const auto& [number, count] : counts) total += count;
  return total;
}

void MarkSection() { syscall(SYS_getppid); }

std::optional<std::vector<SyscallCounts>> CountSyscalls(
    const std::function<bool()>& work) {
  const pid_t child = fork();
  if (child == 0) {
    if (ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) _exit(2);
    raise(SIGSTOP);
    _exit(work() ? 0 : 1);
  }
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child || !WIFSTOPPED(status)) {
    return std::nullopt;
  }
  ptrace(PTRACE_SETOPTIONS, child, nullptr,
         PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
  std::vector<SyscallCounts> sections;
  if (!Follow(child, sections)) return std::nullopt;
  return sections;
}

}  // namespace virtio_user::bench
