// SPDX-License-Identifier: BSD-3-Clause
//
// Makes the kernel refuse a system call, for the errors that cannot be brought
// about otherwise.

#ifndef TESTS_SUPPORT_FAILING_SYSCALL_H_
#define TESTS_SUPPORT_FAILING_SYSCALL_H_

#include <cstdint>
#include <functional>
#include <optional>

namespace testing_support {

struct FailingSyscall {
  long number = 0;    // SYS_...
  int sys_errno = 0;  // What the caller gets.
  // Only calls whose second argument is this; without it, all of them.
  std::optional<uint32_t> second_argument = std::nullopt;
};

// Runs `body` in a thread of its own, in which a seccomp filter answers the
// system call; other threads are not affected. False: this kernel or sandbox
// has no seccomp filters, and `body` did not run.
bool WithFailingSyscall(const FailingSyscall& failing,
                        const std::function<void()>& body);

}  // namespace testing_support

#endif  // TESTS_SUPPORT_FAILING_SYSCALL_H_
