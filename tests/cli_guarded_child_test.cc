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
#include <thread>

#include "cli/guarded_child.h"
#include "tests/cli_process_support.h"

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

TEST(GuardedChild, AskedToEndItEndsByItself) {
  const std::atomic<bool> interrupted{true};
  SharedValue<std::atomic<bool>> asked;
  std::ostringstream out;
  const Console console{.out = out, .err = out, .interrupted = &interrupted};
  std::string said;

  const ChildEnd end = RunGuarded(
      {.work =
           [&](int pipe) {
             while (!asked.get()->load())
               std::this_thread::sleep_for(std::chrono::milliseconds(1));
             Say(pipe, "x");
           },
       .on_bytes =
           [&](std::span<const std::byte> bytes) {
             said.append(bytes.size(), 'x');
           },
       .ask_to_end = [&] { *asked = true; },
       .grace = std::chrono::seconds(60)},
      console);

  EXPECT_EQ(end.how, How::kInterrupted);
  EXPECT_EQ(said, "x");
}

TEST(GuardedChild, ItDiesWithItsParent) {
  SharedValue<std::atomic<bool>> running;
  ForkedGroup group([&] {
    (void)RunWork([&](int) {
      *running = true;
      for (;;) pause();
    });
    return 0;
  });
  ASSERT_TRUE(SoonTrue([&] { return running.get()->load(); }));

  group.KillLeader();

  EXPECT_TRUE(group.AllGone());
}

TEST(GuardedChild, ATimeInWhichAllAreStoppedDoesNotCount) {
  SharedValue<std::atomic<bool>> running;
  ForkedGroup group([&] {
    const Ended ended = RunWork(
        [&](int) {
          *running = true;
          WorkForAWhile();
        },
        std::chrono::seconds(3));
    return static_cast<int>(ended.end.how);
  });
  ASSERT_TRUE(SoonTrue([&] { return running.get()->load(); }));

  group.Send(SIGSTOP);
  std::this_thread::sleep_for(std::chrono::milliseconds(3500));
  group.Send(SIGCONT);

  EXPECT_EQ(group.ExitCode(), static_cast<int>(How::kFinished));
}

}  // namespace
}  // namespace virtio_user::cli
