// SPDX-License-Identifier: BSD-3-Clause

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <sstream>
#include <stdexcept>
#include <string>

#include "cli/guarded_child.h"

namespace virtio_user::cli {
namespace {

using ::testing::HasSubstr;
using How = ChildEnd::How;

void Say(int pipe, const std::string& text) {
  WriteToPipe(pipe, std::as_bytes(std::span(text)));
}

struct Ended {
  ChildEnd end;
  std::string said;
};

Ended RunWork(const std::function<void(int)>& work,
              std::chrono::milliseconds timeout = std::chrono::seconds(30),
              const std::atomic<bool>* interrupted = nullptr) {
  std::ostringstream out;
  std::ostringstream err;
  const Console console{.out = out, .err = err, .interrupted = interrupted};
  Ended ended;
  ended.end = RunGuarded({.work = work,
                          .on_bytes =
                              [&ended](std::span<const std::byte> bytes) {
                                for (const std::byte b : bytes) {
                                  ended.said += static_cast<char>(b);
                                }
                              },
                          .timeout = timeout},
                         console);
  return ended;
}

// A core file of a death that was wanted helps nobody.
void DieBy(int number) {
  const rlimit none{.rlim_cur = 0, .rlim_max = 0};
  setrlimit(RLIMIT_CORE, &none);
  signal(number, SIG_DFL);
  raise(number);
}

TEST(GuardedChild, WhatItWritesArrives) {
  const std::string much(300'000, 'x');

  const Ended ended = RunWork([&](int pipe) {
    Say(pipe, "a");
    Say(pipe, much);
  });

  EXPECT_EQ(ended.end.how, How::kFinished);
  EXPECT_EQ(ended.said, "a" + much);
}

TEST(GuardedChild, ASignalIsNamedAndWhatWasWrittenBeforeArrives) {
  const Ended ended = RunWork([](int pipe) {
    Say(pipe, "so far");
    DieBy(SIGSEGV);
  });

  EXPECT_EQ(ended.end.how, How::kDied);
  EXPECT_THAT(ended.end.text, HasSubstr("signal 11"));
  EXPECT_EQ(ended.said, "so far");
}

TEST(GuardedChild, AnExitThatIsNotItsEndIsADeath) {
  const Ended ended = RunWork([](int) { _exit(3); });

  EXPECT_EQ(ended.end.how, How::kDied);
  EXPECT_EQ(ended.end.text, "exit code 3");
}

TEST(GuardedChild, AnExceptionDoesNotReachTheParent) {
  const Ended ended = RunWork([](int) {
    const rlimit none{.rlim_cur = 0, .rlim_max = 0};
    setrlimit(RLIMIT_CORE, &none);
    throw std::runtime_error("nobody catches this");
  });

  EXPECT_EQ(ended.end.how, How::kDied);
}

TEST(GuardedChild, AHangEndsWithItsTime) {
  const Ended ended = RunWork(
      [](int pipe) {
        Say(pipe, "here");
        for (;;) pause();
      },
      std::chrono::milliseconds(200));

  EXPECT_EQ(ended.end.how, How::kTimedOut);
  EXPECT_EQ(ended.said, "here");
}

TEST(GuardedChild, AnInterruptionEndsIt) {
  const std::atomic<bool> interrupted{true};

  const Ended ended = RunWork(
      [](int) {
        for (;;) pause();
      },
      std::chrono::seconds(30), &interrupted);

  EXPECT_EQ(ended.end.how, How::kInterrupted);
}

}  // namespace
}  // namespace virtio_user::cli
