// SPDX-License-Identifier: BSD-3-Clause

#ifndef BENCH_SYSCALL_COUNTER_H_
#define BENCH_SYSCALL_COUNTER_H_

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <vector>

namespace virtio_user::bench {

// System calls by number.
using SyscallCounts = std::map<uint64_t, uint64_t>;

uint64_t Total(const SyscallCounts& counts);

// Separates two sections; itself a system call that is not counted.
void MarkSection();

// Runs `work` in a child process under ptrace and counts the system calls of
// each section between two MarkSection calls; nothing where the child failed
// (`work` returned false) or may not be traced.
std::optional<std::vector<SyscallCounts>> CountSyscalls(
    const std::function<bool()>& work);

}  // namespace virtio_user::bench

#endif  // BENCH_SYSCALL_COUNTER_H_
