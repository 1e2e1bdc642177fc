// SPDX-License-Identifier: BSD-3-Clause
//
// Explorations that crash, hang or are interrupted, and what is said of them.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <memory>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "backend_sim/channel_handle.h"
#include "backend_sim/explore/fault_explorer.h"
#include "backend_sim/explore/sequence_explorer.h"
#include "backend_sim/sim_world.h"
#include "cli/explore_guard.h"
#include "cli/explore_line.h"
#include "tests/cli_process_support.h"
#include "virtio_user/vhost_user/vhost_user_backend.h"

namespace virtio_user::cli {
namespace {

using backend_sim::ExploreCount;
using backend_sim::ExploreOptions;
using backend_sim::ObservedCase;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

using Work = std::function<void(const ExploreOptions&, const TellLine&)>;

struct Guard {
  GuardedEnd Run(const Work& work) {
    return ExploreGuarded(
        {.work = work,
         .on_line = [&](const std::string& line) { lines.push_back(line); },
         .again = [](const std::string& name) { return "again " + name; },
         .patience = patience},
        {.jobs = jobs, .interrupted = nullptr}, console);
  }

  std::ostringstream out;
  unsigned jobs = 2;
  std::chrono::seconds patience{60};
  Console console{.out = out, .err = out};
  std::vector<std::string> lines;
};

// Parts are cases; two threads do them.
void DoParts(const ExploreOptions& options,
             const std::function<void(int)>& one) {
  (void)InParallel(40, options, [&] {
    return [&](size_t part) {
      ObservedCase observed(options.observer, "part");
      observed.Add(" " + std::to_string(part));
      one(static_cast<int>(part));
      return ExploreCount();
    };
  });
}

TEST(ExploreGuard, WhatIsToldArrives) {
  Guard guard;
  const GuardedEnd end =
      guard.Run([](const ExploreOptions& options, const TellLine& tell) {
        DoParts(options, [](int) {});
        tell("one");
        tell("two");
      });

  EXPECT_FALSE(end.failure);
  EXPECT_FALSE(end.interrupted);
  EXPECT_THAT(guard.lines, ElementsAre("one", "two"));
}

TEST(ExploreGuard, ACrashIsNamedByItsCase) {
  DieQuietly();
  for (const int number : {SIGSEGV, SIGABRT, SIGILL}) {
    Guard guard;
    const GuardedEnd end =
        guard.Run([&](const ExploreOptions& options, const TellLine& tell) {
          tell("so far");
          DoParts(options, [&](int part) {
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
            if (part == 7) raise(number);
          });
        });

    ASSERT_TRUE(end.failure);
    EXPECT_EQ(end.failure->code, ExitCode::kCrash);
    EXPECT_THAT(end.failure->text,
                StartsWith("crash: signal " + std::to_string(number) + " ("));
    EXPECT_THAT(end.failure->text,
                EndsWith(") in part 7 (again: again part 7)"));
    EXPECT_THAT(guard.lines, ElementsAre("so far"));
  }
}

// One that is not sent: the instruction is done again after the word is left.
TEST(ExploreGuard, AFaultOfAnInstructionIsNamedToo) {
  DieQuietly();
  Guard guard;
  const GuardedEnd end =
      guard.Run([&](const ExploreOptions& options, const TellLine&) {
        DoParts(options, [&](int part) {
          if (part == 3) __builtin_trap();
        });
      });

  ASSERT_TRUE(end.failure);
  EXPECT_EQ(end.failure->code, ExitCode::kCrash);
  EXPECT_THAT(end.failure->text, HasSubstr(" in part 3 ("));
}

TEST(ExploreGuard, AnExitNamesWhatItWasAt) {
  Guard guard;
  const GuardedEnd end =
      guard.Run([](const ExploreOptions& options, const TellLine&) {
        ObservedCase observed(options.observer, "the only one");
        _exit(3);
      });

  EXPECT_EQ(end.failure->text,
            "crash: exit code 3 in the only one (again: again the only one)");
}

TEST(ExploreGuard, ACaseThatDoesNotEndIsNamed) {
  Guard guard;
  guard.patience = std::chrono::seconds(1);
  const GuardedEnd end =
      guard.Run([](const ExploreOptions& options, const TellLine&) {
        DoParts(options, [](int part) {
          while (part == 5) pause();
        });
      });

  ASSERT_TRUE(end.failure);
  EXPECT_EQ(end.failure->code, ExitCode::kLiveness);
  EXPECT_EQ(end.failure->text,
            "liveness: no end after 1 s of part 5 (again: again part 5)");
}

// More than --timeout in all, and less in each.
TEST(ExploreGuard, ManyCasesMayTakeLonger) {
  Guard guard;
  guard.patience = std::chrono::seconds(1);
  const GuardedEnd end =
      guard.Run([](const ExploreOptions& options, const TellLine&) {
        DoParts(options, [](int) {
          std::this_thread::sleep_for(std::chrono::milliseconds(80));
        });
      });

  EXPECT_FALSE(end.failure);
}

TEST(ExploreGuard, AnInterruptionEndsItWithWhatThereIs) {
  Guard guard;
  SharedValue<std::atomic<bool>> interrupted;
  guard.console.interrupted = interrupted.get();
  const GuardedEnd end =
      guard.Run([&](const ExploreOptions& options, const TellLine& tell) {
        *interrupted = true;
        while (!options.Interrupted())
          std::this_thread::sleep_for(std::chrono::milliseconds(1));
        tell("so far");
      });

  EXPECT_TRUE(end.interrupted);
  EXPECT_FALSE(end.failure);
  EXPECT_THAT(guard.lines, ElementsAre("so far"));
}

TEST(ExploreGuard, WhoDoesNotListenIsKilled) {
  Guard guard;
  const std::atomic<bool> interrupted{true};
  guard.console.interrupted = &interrupted;
  const GuardedEnd end = guard.Run([](const ExploreOptions&, const TellLine&) {
    for (;;) pause();
  });

  EXPECT_TRUE(end.interrupted);
}

TEST(ExploreGuard, ItDiesWithItsParent) {
  SharedValue<std::atomic<bool>> running;
  ForkedGroup group([&] {
    Guard guard;
    (void)guard.Run([&](const ExploreOptions& options, const TellLine&) {
      DoParts(options, [&](int) {
        *running = true;
        for (;;) pause();
      });
    });
    return 0;
  });
  ASSERT_TRUE(SoonTrue([&] { return running.get()->load(); }));

  group.KillLeader();

  EXPECT_TRUE(group.AllGone());
}

TEST(ExploreGuard, ATimeInWhichAllAreStoppedIsNoHang) {
  SharedValue<std::atomic<bool>> running;
  ForkedGroup group([&] {
    Guard guard;
    guard.patience = std::chrono::seconds(3);
    const GuardedEnd end =
        guard.Run([&](const ExploreOptions& options, const TellLine&) {
          ObservedCase observed(options.observer, "one");
          *running = true;
          WorkForAWhile();
        });
    return end.failure ? 1 : 0;
  });
  ASSERT_TRUE(SoonTrue([&] { return running.get()->load(); }));

  group.Send(SIGSTOP);
  std::this_thread::sleep_for(std::chrono::milliseconds(3500));
  group.Send(SIGCONT);

  EXPECT_EQ(group.ExitCode(), 0);
}

// --- Real explorations
// --------------------------------------------------------

// Plants a mistake: a front-end that dies of a connection that is gone.
class FragileChannel final : public backend_sim::ChannelHandle {
 public:
  using ChannelHandle::ChannelHandle;
  virtio_user::Result<virtio_user::Received> Receive(
      std::span<std::byte> into) override {
    auto received = ChannelHandle::Receive(into);
    if (!received &&
        received.error().code() == virtio_user::ErrorCode::kDisconnected) {
      raise(SIGSEGV);
    }
    return received;
  }
};

TEST(ExploreGuard, AFaultThatKillsIsNamed) {
  DieQuietly();
  Guard guard;
  guard.jobs = 1;
  const backend_sim::FaultExplorerOptions what{
      .pairs = 1, .make_backend = [](backend_sim::SimWorld& world) {
        return std::make_unique<virtio_user::VhostUserBackend>(
            std::make_unique<FragileChannel>(world.channel()));
      }};
  const GuardedEnd end =
      guard.Run([&](const ExploreOptions& options, const TellLine& tell) {
        tell(ToLine(ExploreFaults(what, options)));
      });

  ASSERT_TRUE(end.failure);
  EXPECT_EQ(end.failure->code, ExitCode::kCrash);
  EXPECT_THAT(end.failure->text,
              StartsWith("crash: signal 11 (Segmentation fault) in pairs 1, "
                         "faults refused@0,closed-before@1 (again: "));
}

TEST(ExploreLine, FaultsAreTheSameAfterwards) {
  backend_sim::FaultExploration faults;
  faults.pairs = 3;
  faults.calls = 40;
  faults.two = {.name = "two",
                .must = 5,
                .tried = 4,
                .wrong = 1,
                .first_wrong = "pairs 3:\n\"x\""};

  const auto got = FaultsFromLine(ToLine(faults));

  EXPECT_EQ(got.pairs, 3u);
  EXPECT_EQ(got.calls, 40u);
  EXPECT_EQ(got.two.name, "two");
  EXPECT_EQ(got.two.must, 5u);
  EXPECT_EQ(got.two.tried, 4u);
  EXPECT_EQ(got.two.wrong, 1u);
  EXPECT_EQ(got.two.first_wrong, "pairs 3:\n\"x\"");
  EXPECT_EQ(got.single.name, "");
}

TEST(ExploreLine, SequencesAndStatesAreTheSameAfterwards) {
  backend_sim::SequenceReport sequences{
      .sequences = 7, .steps = 9, .failing = {}, .finding = ""};
  EXPECT_FALSE(SequencesFromLine(ToLine(sequences)).failing);
  sequences.failing = backend_sim::Script();
  sequences.failing->operations = {{.kind = backend_sim::OpKind::kStop}};
  backend_sim::StateReport states;
  states.levels = {{.depth = 1, .transitions = 12, .new_states = 4}};
  states.closed = true;

  EXPECT_EQ(SequencesFromLine(ToLine(sequences)).failing, sequences.failing);
  EXPECT_EQ(SequencesFromLine(ToLine(sequences)).steps, 9u);
  EXPECT_EQ(StatesFromLine(ToLine(states)).levels[0].new_states, 4u);
  EXPECT_TRUE(StatesFromLine(ToLine(states)).closed);
}

}  // namespace
}  // namespace virtio_user::cli
