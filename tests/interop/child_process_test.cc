// SPDX-License-Identifier: BSD-3-Clause

#include "tests/interop/child_process.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>
#include <string>

#include "tests/support/fd_balance.h"
#include "tests/support/stopwatch.h"
#include "tests/support/temp_dir.h"

namespace interop {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class ChildProcessTest : public testing_support::FdBalanceTest {
 protected:
  std::unique_ptr<ChildProcess> Shell(const std::string& script) {
    return ChildProcess::Start({.arguments = {"/bin/sh", "-c", script},
                                .output_path = output_,
                                .error_path = error_});
  }

  testing_support::TempDir dir_;
  const std::string output_ = dir_.Join("output");
  const std::string error_ = dir_.Join("error");
};

TEST_F(ChildProcessTest, ItsOutputsAndItsExitCodeAreKept) {
  const auto child = Shell("echo said; echo complained >&2; exit 7");

  EXPECT_EQ(child->Wait(seconds(20)), 7);
  EXPECT_EQ(child->Wait(seconds(0)), 7);
  EXPECT_EQ(ReadFile(output_), "said\n");
  EXPECT_EQ(ReadFile(error_), "complained\n");
}

TEST_F(ChildProcessTest, WhatIsTypedIsRead) {
  const auto child = Shell("read line; echo got $line");

  EXPECT_TRUE(child->Type("this\n"));
  EXPECT_EQ(child->Wait(seconds(20)), 0);
  EXPECT_EQ(ReadFile(output_), "got this\n");
  EXPECT_FALSE(child->Type("more\n"));
}

TEST_F(ChildProcessTest, OneThatRunsOnHasNoExitCodeYet) {
  const auto child = Shell("exec sleep 60");

  EXPECT_EQ(child->Wait(milliseconds(30)), std::nullopt);
  child->Kill();
  EXPECT_EQ(child->Wait(seconds(0)), 128 + SIGKILL);
}

TEST_F(ChildProcessTest, OneThatIgnoresEverythingEndsWithItsOwner) {
  const testing_support::Stopwatch watch;

  Shell("trap '' TERM; while :; do sleep 1; done").reset();

  EXPECT_LT(watch.elapsed(), seconds(20));
}

TEST_F(ChildProcessTest, AProgramThatDoesNotExistIs127) {
  const auto child = ChildProcess::Start(
      {.arguments = {"/no/such/program"}, .output_path = output_});

  EXPECT_EQ(child->Wait(seconds(20)), 127);
}

TEST_F(ChildProcessTest, AProgramIsFoundInThePath) {
  EXPECT_TRUE(FindProgram("sh").ends_with("/sh"));
  EXPECT_EQ(FindProgram("no-such-program-anywhere"), "");
}

TEST_F(ChildProcessTest, AFileThatIsNotThereIsEmpty) {
  EXPECT_EQ(ReadFile(dir_.Join("nothing")), "");
}

}  // namespace
}  // namespace interop
