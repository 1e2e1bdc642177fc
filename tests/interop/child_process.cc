// SPDX-License-Identifier: BSD-3-Clause

#include "tests/interop/child_process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <thread>

namespace interop {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kPause(10);
constexpr milliseconds kGrace(2000);

int OpenOutput(const std::string& path) {
  return ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

// In the child: only calls that are safe between fork and exec.
[[noreturn]] void Become(char* const* arguments, int input, int output,
                         int error) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::dup2(input, STDIN_FILENO);
  ::dup2(output, STDOUT_FILENO);
  ::dup2(error, STDERR_FILENO);
  ::execv(arguments[0], arguments);
  ::_exit(127);
}

}  // namespace

std::unique_ptr<ChildProcess> ChildProcess::Start(const ChildOptions& options) {
  std::vector<char*> arguments;
  for (const std::string& each : options.arguments) {
    // execv's argument is an older sort of const.
    arguments.push_back(const_cast<char*>(each.c_str()));
  }
  arguments.push_back(nullptr);
  // Not a pipe: what is typed into a program that just ended must not raise
  // SIGPIPE here.
  int input[2] = {-1, -1};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, input) != 0) {
    return nullptr;
  }
  const int output = OpenOutput(options.output_path);
  const int error = OpenOutput(options.error_path.empty() ? options.output_path
                                                          : options.error_path);
  const pid_t pid = ::fork();
  if (pid == 0) Become(arguments.data(), input[0], output, error);
  ::close(input[0]);
  ::close(output);
  ::close(error);
  if (pid < 0) {
    ::close(input[1]);
    return nullptr;
  }
  return std::unique_ptr<ChildProcess>(new ChildProcess(pid, input[1]));
}

ChildProcess::~ChildProcess() {
  ::close(input_);
  if (!Wait(milliseconds(0))) ::kill(pid_, SIGTERM);
  if (!Wait(kGrace)) Kill();
}

bool ChildProcess::Type(std::string_view text) {
  if (Wait(milliseconds(0))) return false;
  return ::send(input_, text.data(), text.size(), MSG_NOSIGNAL) ==
         static_cast<ssize_t>(text.size());
}

std::optional<int> ChildProcess::Wait(milliseconds patience) {
  const auto deadline = steady_clock::now() + patience;
  while (!exit_code_) {
    int status = 0;
    if (::waitpid(pid_, &status, WNOHANG) == pid_) {
      exit_code_ =
          WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    } else if (steady_clock::now() >= deadline) {
      break;
    } else {
      std::this_thread::sleep_for(kPause);
    }
  }
  return exit_code_;
}

void ChildProcess::Kill() {
  if (exit_code_) return;
  ::kill(pid_, SIGKILL);
  Wait(kGrace);
}

void ChildProcess::Signal(int number) {
  if (!exit_code_) ::kill(pid_, number);
}

void ChildProcess::Freeze() {
  Signal(SIGSTOP);
  siginfo_t ignored;
  if (!exit_code_) {
    ::waitid(P_PID, static_cast<id_t>(pid_), &ignored,
             WSTOPPED | WEXITED | WNOWAIT);
  }
}

std::string FindProgram(const std::string& name) {
  const char* const path = std::getenv("PATH");
  std::istringstream folders(path == nullptr ? "" : path);
  for (std::string folder; std::getline(folders, folder, ':');) {
    const std::string candidate = folder + "/" + name;
    if (::access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return "";
}

std::string ReadFile(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace interop
