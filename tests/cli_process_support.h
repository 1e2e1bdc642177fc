// SPDX-License-Identifier: BSD-3-Clause
//
// Processes that tests fork, stop and kill.

#ifndef TESTS_CLI_PROCESS_SUPPORT_H_
#define TESTS_CLI_PROCESS_SUPPORT_H_

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <functional>
#include <new>
#include <thread>

namespace virtio_user::cli {

// From here on a deadly signal kills, in this process and its children: a core
// file of a death that was wanted helps nobody, nor does a sanitizer's report.
inline void DieQuietly() {
  const rlimit none{.rlim_cur = 0, .rlim_max = 0};
  setrlimit(RLIMIT_CORE, &none);
  for (const int number : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP}) {
    signal(number, SIG_DFL);
  }
}

inline void DieBy(int number) {
  DieQuietly();
  raise(number);
}

// A T that this process and those that it forks share.
template <typename T>
class SharedValue {
 public:
  SharedValue()
      : value_(new(mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0)) T{}) {}
  ~SharedValue() { munmap(value_, sizeof(T)); }
  SharedValue(const SharedValue&) = delete;
  SharedValue& operator=(const SharedValue&) = delete;

  T& operator*() { return *value_; }
  T* get() { return value_; }

 private:
  T* value_;
};

// A process of the test's, in a group with all that it forks.
class ForkedGroup {
 public:
  // `body` gives the exit code.
  explicit ForkedGroup(const std::function<int()>& body) {
    if (pipe2(ends_.data(), 0) != 0) return;
    leader_ = fork();
    if (leader_ == 0) {
      setpgid(0, 0);
      close(ends_[0]);
      _exit(body());
    }
    setpgid(leader_, leader_);
    close(ends_[1]);
  }
  ~ForkedGroup() {
    kill(-leader_, SIGKILL);
    if (!reaped_) waitpid(leader_, nullptr, 0);
    close(ends_[0]);
  }
  ForkedGroup(const ForkedGroup&) = delete;
  ForkedGroup& operator=(const ForkedGroup&) = delete;

  void Send(int number) { kill(-leader_, number); }
  void KillLeader() { kill(leader_, SIGKILL); }
  int ExitCode() {
    int status = 0;
    waitpid(leader_, &status, 0);
    reaped_ = true;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  // Whether nobody is left who has the other end of the pipe, within a time
  // that is far more than it takes.
  bool AllGone() {
    pollfd ended{.fd = ends_[0], .events = 0, .revents = 0};
    return poll(&ended, 1, 10'000) == 1 && (ended.revents & POLLHUP) != 0;
  }

 private:
  std::array<int, 2> ends_{-1, -1};
  pid_t leader_ = -1;
  bool reaped_ = false;
};

inline bool SoonTrue(const std::function<bool()>& condition) {
  for (int i = 0; i < 20'000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return false;
}

// Work that takes half a second if its process runs, in pieces.
inline void WorkForAWhile() {
  for (int i = 0; i < 5; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
}

}  // namespace virtio_user::cli

#endif  // TESTS_CLI_PROCESS_SUPPORT_H_
