// SPDX-License-Identifier: BSD-3-Clause
//
// The command as a process: what a signal does while it waits for somebody.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/raw_socket.h"
#include "tests/support/stopwatch.h"
#include "tests/support/temp_dir.h"

namespace virtio_user::cli {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;

// Far more than what is asked for and far less than --timeout, so that a busy
// machine fails nothing.
constexpr std::chrono::seconds kPrompt{5};
constexpr std::chrono::seconds kPatience{20};

bool Eventually(const std::function<bool()>& condition) {
  const testing_support::Stopwatch watch;
  while (!condition()) {
    if (watch.elapsed() > kPatience) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

std::string ReadAll(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// Bazel puts it among the test's files.
std::string Program() {
  return std::string(std::getenv("TEST_SRCDIR")) + "/" +
         std::getenv("TEST_WORKSPACE") + "/cli/vuser";
}

class SignalTest : public ::testing::TestWithParam<int> {
 protected:
  void TearDown() override {
    if (running_ && pid_ > 0) {
      kill(pid_, SIGKILL);
      waitpid(pid_, nullptr, 0);
    }
  }

  // `ignored` is a signal that the process has to go on ignoring.
  void Start(std::vector<std::string> arguments, int ignored = 0) {
    arguments.insert(arguments.begin(), Program());
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    sigset_t reset;
    sigemptyset(&reset);
    for (const int number : {SIGINT, SIGTERM, SIGHUP}) {
      if (number != ignored) sigaddset(&reset, number);
    }
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigdefault(&attributes, &reset);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, out_.c_str(),
                                     O_WRONLY | O_CREAT, 0600);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null",
                                     O_WRONLY, 0);
    running_ = posix_spawn(&pid_, argv[0], &actions, &attributes, argv.data(),
                           environ) == 0;
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    ASSERT_TRUE(running_);
  }

  // Whether a line of /proc/PID/status, a mask of signals, has this one.
  bool Has(const std::string& line, int number) const {
    const std::string status =
        ReadAll("/proc/" + std::to_string(pid_) + "/status");
    const size_t at = status.find("\n" + line + ":\t");
    if (at == std::string::npos) return false;
    const size_t value = at + line.size() + 3;
    return (std::stoull(status.substr(value, 16), nullptr, 16) >> (number - 1) &
            1) != 0;
  }
  bool Catches(int number) const { return Has("SigCgt", number); }

  // Its exit code, 128 and the signal that ended it, or -1: it runs on.
  int WaitForEnd() {
    int status = 0;
    const bool ended =
        Eventually([&] { return waitpid(pid_, &status, WNOHANG) == pid_; });
    if (!ended) return -1;
    running_ = false;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

  std::string Output() const { return ReadAll(out_); }

  const testing_support::TempDir dir_;
  const std::string path_ = dir_.Join("v.sock");
  const std::string out_ = dir_.Join("out");
  pid_t pid_ = -1;
  bool running_ = false;
};

TEST_P(SignalTest, WhileNobodyConnects_EndsAndRemovesTheSocketFile) {
  Start({"run", "--backend", path_, "--server", "--timeout", "60"});
  ASSERT_TRUE(Eventually([&] { return std::filesystem::exists(path_); }));
  const testing_support::Stopwatch watch;
  ASSERT_EQ(kill(pid_, GetParam()), 0);
  EXPECT_EQ(WaitForEnd(), 1);
  EXPECT_LT(watch.elapsed(), kPrompt);
  EXPECT_FALSE(std::filesystem::exists(path_));
  EXPECT_THAT(Output(),
              EndsWith("verdict: FAIL (interrupted in phase \"open\")\n"));
}

TEST_P(SignalTest, Twice_EndsNoLessOrderly) {
  Start({"run", "--backend", path_, "--server", "--timeout", "60"});
  ASSERT_TRUE(Eventually([&] { return std::filesystem::exists(path_); }));
  ASSERT_EQ(kill(pid_, GetParam()), 0);
  std::this_thread::sleep_for(std::chrono::milliseconds(5));
  ASSERT_EQ(kill(pid_, GetParam()), 0);
  EXPECT_EQ(WaitForEnd(), 1);
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_P(SignalTest, WhileTheBackendIsSilent_Ends) {
  const auto listener = testing_support::BindAt(path_, 1);
  Start({"run", "--backend", path_, "--timeout", "60"});
  const auto peer = testing_support::AcceptFrom(listener.get());
  const testing_support::Stopwatch watch;
  ASSERT_EQ(kill(pid_, GetParam()), 0);
  EXPECT_EQ(WaitForEnd(), 1);
  EXPECT_LT(watch.elapsed(), kPrompt);
  EXPECT_THAT(Output(), HasSubstr("\nverdict: FAIL (interrupted in phase"));
}

TEST_P(SignalTest, WhileTheBacklogIsFull_Ends) {
  const auto listener = testing_support::BindAt(path_, 0);
  const auto first = testing_support::TryConnect(path_);
  ASSERT_TRUE(first.valid());
  ASSERT_FALSE(testing_support::TryConnect(path_).valid());
  Start({"run", "--backend", path_, "--timeout", "60"});
  ASSERT_TRUE(Eventually([&] { return Catches(GetParam()); }));
  const testing_support::Stopwatch watch;
  ASSERT_EQ(kill(pid_, GetParam()), 0);
  EXPECT_EQ(WaitForEnd(), 1);
  EXPECT_LT(watch.elapsed(), kPrompt);
  EXPECT_THAT(Output(), HasSubstr("\nverdict: FAIL (interrupted in phase"));
}

TEST_P(SignalTest, DuringTraffic_Ends) {
  Start({"run", "--packets", "1000000000"});
  ASSERT_TRUE(Eventually([&] { return Catches(GetParam()); }));
  const testing_support::Stopwatch watch;
  ASSERT_EQ(kill(pid_, GetParam()), 0);
  EXPECT_EQ(WaitForEnd(), 1);
  EXPECT_LT(watch.elapsed(), kPrompt);
  EXPECT_THAT(Output(), HasSubstr("\nverdict: FAIL (interrupted in phase"));
}

TEST_P(SignalTest, WhileProbeWaits_EndsAndRemovesTheSocketFile) {
  Start({"probe", path_, "--server", "--timeout", "60"});
  ASSERT_TRUE(Eventually([&] { return std::filesystem::exists(path_); }));
  ASSERT_EQ(kill(pid_, GetParam()), 0);
  EXPECT_EQ(WaitForEnd(), 1);
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_P(SignalTest, DuringAnExploration_EndsAndSaysNoMoreThanItKnows) {
  for (const char* what : {"faults", "sequences"}) {
    Start({"explore", what});
    ASSERT_TRUE(Eventually([&] { return Catches(GetParam()); }));
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    const testing_support::Stopwatch watch;
    ASSERT_EQ(kill(pid_, GetParam()), 0);
    EXPECT_EQ(WaitForEnd(), 1);
    EXPECT_LT(watch.elapsed(), kPrompt);
    EXPECT_THAT(Output(), EndsWith("verdict: FAIL (interrupted)\n"));
    EXPECT_THAT(Output(), Not(HasSubstr("the last level")));
    std::filesystem::remove(out_);
  }
}

INSTANTIATE_TEST_SUITE_P(Signals, SignalTest,
                         ::testing::Values(SIGINT, SIGTERM, SIGHUP));

// nohup(1) ignores it for the programs that it starts.
using HangUpTest = SignalTest;

TEST_P(HangUpTest, WhereItIsIgnored_StaysIgnored) {
  signal(SIGHUP, SIG_IGN);
  Start({"run", "--backend", path_, "--server", "--timeout", "60"}, SIGHUP);
  ASSERT_TRUE(Eventually([&] { return std::filesystem::exists(path_); }));
  EXPECT_TRUE(Has("SigIgn", SIGHUP));
  EXPECT_FALSE(Catches(SIGHUP));
  ASSERT_EQ(kill(pid_, SIGTERM), 0);
  EXPECT_EQ(WaitForEnd(), 1);
  signal(SIGHUP, SIG_DFL);
}

INSTANTIATE_TEST_SUITE_P(HangUp, HangUpTest, ::testing::Values(SIGHUP));

}  // namespace
}  // namespace virtio_user::cli
