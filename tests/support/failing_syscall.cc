// SPDX-License-Identifier: BSD-3-Clause

#include "tests/support/failing_syscall.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstddef>
#include <thread>
#include <vector>

namespace testing_support {
namespace {

sock_filter Load(size_t offset) {
  return BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<uint32_t>(offset));
}

// Goes on if the loaded word is `value`, otherwise skips `skipped`.
sock_filter Unless(uint32_t value, uint8_t skipped) {
  return BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, skipped);
}

sock_filter Return(uint32_t action) {
  return BPF_STMT(BPF_RET | BPF_K, action);
}

bool Install(const FailingSyscall& failing) {
  const bool argument = failing.second_argument.has_value();
  std::vector<sock_filter> program;
  program.push_back(Load(offsetof(seccomp_data, nr)));
  program.push_back(
      Unless(static_cast<uint32_t>(failing.number), argument ? 3 : 1));
  if (argument) {
    program.push_back(Load(offsetof(seccomp_data, args) + sizeof(uint64_t)));
    program.push_back(Unless(*failing.second_argument, 1));
  }
  program.push_back(
      Return(SECCOMP_RET_ERRNO | static_cast<uint32_t>(failing.sys_errno)));
  program.push_back(Return(SECCOMP_RET_ALLOW));
  sock_fprog all{static_cast<unsigned short>(program.size()), program.data()};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &all) == 0;
}

}  // namespace

bool WithFailingSyscall(const FailingSyscall& failing,
                        const std::function<void()>& body) {
  bool installed = false;
  std::thread thread([&] {
    installed = Install(failing);
    if (installed) body();
  });
  thread.join();
  return installed;
}

}  // namespace testing_support
