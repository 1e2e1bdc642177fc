// SPDX-License-Identifier: BSD-3-Clause

#ifndef TESTS_SUPPORT_SYSCALL_COUNT_H_
#define TESTS_SUPPORT_SYSCALL_COUNT_H_

#include <functional>
#include <map>
#include <optional>

namespace testing_support {

// How often each system call, by number, was made.
using SyscallCounts = std::map<long, int>;

// Runs `body` in a child process under ptrace and counts the system calls that
// it makes; `meanwhile` runs in a thread of this process. None where ptrace is
// forbidden. Where `body` returns false, the test fails.
std::optional<SyscallCounts> CountSyscalls(
    const std::function<bool()>& body,
    const std::function<void()>& meanwhile = [] {});

}  // namespace testing_support

#endif  // TESTS_SUPPORT_SYSCALL_COUNT_H_
