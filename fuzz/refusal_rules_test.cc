// SPDX-License-Identifier: BSD-3-Clause

#include "fuzz/refusal_rules.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <set>
#include <span>
#include <string>

#include "fuzz/answering_channel.h"
#include "fuzz/call_arguments.h"
#include "fuzz/call_results.h"
#include "fuzz/known_back_end.h"
#include "fuzz/reader.h"
#include "tests/fakes/vhost_requests.h"

namespace fuzz {
namespace {

using enum BackEndCall;
using virtio_user::ErrorCode;
using virtio_user::Fail;
using virtio_user::Result;

constexpr uint64_t kEverything = ~uint64_t{0};
constexpr ErrorCode kOwn[] = {ErrorCode::kInvalidArgument,
                              ErrorCode::kWrongState, ErrorCode::kUnsupported,
                              ErrorCode::kSystem};
// Two regions of a page, the same with a third, the first of two pages, the
// first of another file, and nine of a page each.
constexpr unsigned kTwo = 0;
constexpr unsigned kThree = 5;
constexpr unsigned kGrown = 2;
constexpr unsigned kOtherFile = 4;
constexpr unsigned kNine = 6;
constexpr unsigned kUnnamedRing = 6;

KnownBackEnd Agreed(uint64_t protocol, uint64_t slots = 0, bool bit = true) {
  KnownBackEnd known;
  known.Attach();
  known.Agree({.protocol_bit = bit, .protocol = protocol, .slots = slots});
  return known;
}

Result<void> Ended(ErrorCode code) { return Fail(code, "as the test has it"); }

// Names of what a call may be refused with, "must " in front if it has to be.
std::set<std::string> Names(const Causes& causes) {
  std::set<std::string> names;
  if (causes.certain()) names.insert("must");
  for (const ErrorCode code : kOwn) {
    if (causes.Has(code)) names.emplace(virtio_user::ToString(code));
  }
  return names;
}

std::set<std::string> Of(const KnownBackEnd& known, BackEndCall call,
                         unsigned argument = 0, bool attached = true) {
  return Names(CausesOf(known, {.call = call,
                                .argument = argument,
                                .attached = attached,
                                .has_notes = true}));
}

const std::set<std::string> kNothing;
const std::set<std::string> kUnsupported = {"must", "unsupported"};
const std::set<std::string> kInvalid = {"must", "invalid argument"};
const std::set<std::string> kWrongState = {"must", "wrong state"};

TEST(RefusalRulesTest, ACallThatNobodyAgreedTo_IsUnsupported) {
  const struct {
    BackEndCall call;
    uint64_t needs;
  } calls[] = {{kGetStatus, 1 << 16},   {kSetStatus, 1 << 16},
               {kGetConfig, 1 << 9},    {kSetConfig, 1 << 9},
               {kSetMtu, 1 << 4},       {kSendRarp, 1 << 2},
               {kResetDevice, 1 << 13}, {kGetInflight, 1 << 12},
               {kSetInflight, 1 << 12}};
  for (const auto& [call, needs] : calls) {
    EXPECT_EQ(Of(Agreed(needs), call), kNothing) << int(call);
    EXPECT_EQ(Of(Agreed(kEverything & ~needs), call), kUnsupported)
        << int(call);
  }
  EXPECT_EQ(Of(Agreed(0), kSetVringEnable), kNothing);
  EXPECT_EQ(Of(Agreed(0, 0, false), kSetVringEnable), kUnsupported);
  EXPECT_EQ(Of(Agreed(kEverything), kLacking), kUnsupported);
}

TEST(RefusalRulesTest, WhatHasAnAnswer_IsNotForABatch) {
  KnownBackEnd known = Agreed(kEverything, 32);
  for (const BackEndCall call : {kOpen, kGetFeatures, kGetVringBases, kStop,
                                 kGetStatus, kGetConfig, kGetInflight}) {
    EXPECT_EQ(Of(known, call), kNothing) << int(call);
  }
  known.BeginBatch();
  for (const BackEndCall call : {kOpen, kGetFeatures, kGetVringBases, kStop,
                                 kGetStatus, kGetConfig, kGetInflight}) {
    EXPECT_EQ(Of(known, call), kWrongState) << int(call);
  }
  for (const BackEndCall call : {kSetStatus, kSetOwner, kSetConfig, kSetMtu,
                                 kSetMemTable, kSetVringKick, kStart}) {
    EXPECT_EQ(Of(known, call), kNothing) << int(call);
  }
  known.Discard();
  EXPECT_EQ(Of(known, kGetStatus), kNothing);
}

TEST(RefusalRulesTest, WhatNoMessageCarries_IsAnInvalidArgument) {
  const KnownBackEnd known = Agreed(kEverything, 32);
  for (const BackEndCall call :
       {kSetVringNum, kSetVringBase, kSetVringAddr, kSetVringCall,
        kSetVringKick, kSetVringEnable, kGetVringBases}) {
    EXPECT_EQ(Of(known, call, 5), kNothing) << int(call);
    EXPECT_EQ(Of(known, call, kUnnamedRing), kInvalid) << int(call);
  }
  for (const BackEndCall call : {kGetConfig, kSetConfig}) {
    EXPECT_EQ(Of(known, call, 4), kNothing) << "256 bytes";
    EXPECT_EQ(Of(known, call, 6), kInvalid) << "no bytes";
    EXPECT_EQ(Of(known, call, 7), kInvalid) << "257 bytes";
  }
  EXPECT_EQ(Of(known, kSetFeatures, 2), kNothing);
  EXPECT_EQ(Of(known, kSetFeatures, 3), kUnsupported) << "above bit 63";
}

TEST(RefusalRulesTest, NineRegions_NeedSlotsAndRingsThatAreStopped) {
  EXPECT_EQ(Of(Agreed(kEverything, 9), kSetMemTable, kNine), kNothing);
  EXPECT_EQ(Of(Agreed(kEverything, 9), kStart, kNine), kNothing);
  EXPECT_EQ(Of(Agreed(kEverything, 8), kSetMemTable, kNine), kInvalid);
  EXPECT_EQ(Of(Agreed(kEverything, 7), kSetMemTable, kNine), kInvalid);
  EXPECT_EQ(Of(Agreed(0), kSetMemTable, kNine), kInvalid);
  EXPECT_EQ(Of(Agreed(0), kSetMemTable, kThree), kNothing);

  KnownBackEnd known = Agreed(kEverything, 9);
  known.Kick(0, {});
  EXPECT_EQ(Of(known, kSetMemTable, kNine), kInvalid);
  known.Kick(1, {});
  constexpr uint16_t kRings[] = {0, 1};
  known.GetBases(std::span(kRings).first(1), {});
  EXPECT_EQ(Of(known, kSetMemTable, kNine),
            std::set<std::string>{"invalid argument"});
  known.GetBases(kRings, {});
  EXPECT_EQ(Of(known, kSetMemTable, kNine), kNothing);
}

TEST(RefusalRulesTest, AForgottenBatch_StartsNoRing) {
  KnownBackEnd known = Agreed(kEverything, 9);
  known.BeginBatch();
  known.Kick(0, {});
  EXPECT_EQ(Of(known, kSetMemTable, kNine), kInvalid);
  known.Discard();
  EXPECT_EQ(Of(known, kSetMemTable, kNine), kNothing);
}

TEST(RefusalRulesTest, AChangeOfMemory_CutsNoRegionAndFitsTheSlots) {
  KnownBackEnd known = Agreed(kEverything, 9);
  EXPECT_EQ(Of(Agreed(0), kChangeMemTable, kTwo), kUnsupported);
  known.SetMemTable(TableOf(kTwo), {});
  EXPECT_EQ(Of(known, kChangeMemTable, kThree), kNothing);
  EXPECT_EQ(Of(known, kChangeMemTable, kGrown), kNothing);
  EXPECT_EQ(Of(known, kChangeMemTable, kNine), kNothing);
  EXPECT_EQ(Of(known, kChangeMemTable, kOtherFile), kUnsupported);
  known.ChangeMemTable(TableOf(kGrown), {});
  EXPECT_EQ(Of(known, kChangeMemTable, kTwo), kNothing) << "a piece goes";
  known.SetMemTable(TableOf(kGrown), {});
  EXPECT_EQ(Of(known, kChangeMemTable, kTwo), kUnsupported) << "half of one";
  EXPECT_EQ(Of(known, kChangeMemTable, kNine), kInvalid) << "nor at once";

  KnownBackEnd small = Agreed(kEverything, 8);
  small.SetMemTable(TableOf(kTwo), {});
  EXPECT_EQ(Of(small, kChangeMemTable, kNine), kInvalid);
}

TEST(RefusalRulesTest, WhatARefusalHasLeft_IsUnknown) {
  KnownBackEnd known = Agreed(kEverything, 9);
  const std::set<std::string> maybe = {"unsupported"};
  known.ChangeMemTable(TableOf(kTwo), Ended(ErrorCode::kInvalidArgument));
  EXPECT_EQ(Of(known, kChangeMemTable, kTwo), kNothing);
  known.ChangeMemTable(TableOf(kTwo), Ended(ErrorCode::kRefused));
  EXPECT_EQ(Of(known, kChangeMemTable, kTwo), maybe);
  known.SetMemTable(TableOf(kTwo), {});
  EXPECT_EQ(Of(known, kChangeMemTable, kTwo), kNothing);
  EXPECT_EQ(Of(known, kChangeMemTable, kTwo, false), maybe) << "detached";
  known.BeginBatch();
  known.SetMemTable(TableOf(kThree), {});
  EXPECT_EQ(Of(known, kChangeMemTable, kTwo), maybe) << "in one batch";
  known.Commit({});
  EXPECT_EQ(Of(known, kChangeMemTable, kTwo), kNothing);
}

TEST(RefusalRulesTest, WhatWasAgreedWithALostBackEnd_MayBeAnything) {
  KnownBackEnd known = Agreed(kEverything, 9);
  known.LoseAgreement();
  const std::set<std::string> maybe = {"unsupported"};
  EXPECT_EQ(Of(known, kSetStatus, 0, false), maybe);
  EXPECT_EQ(Of(known, kSetVringEnable, 0, false), maybe);
  known.Attach();
  EXPECT_EQ(Of(known, kSetStatus), kUnsupported) << "nothing is agreed yet";
}

// How a call ended, with or without a cause to refuse it as kUnsupported.
void Judge(bool cause, bool attached, const Result<void>& done) {
  Reader nothing({});
  AnsweringChannel channel(nothing);
  if (attached) (void)channel.Attach();
  CallBegin begin;
  begin.attached = attached;
  if (cause) begin.causes.Add(ErrorCode::kUnsupported, Truth::kYes);
  JudgeCall(channel, begin, done);
}

TEST(RefusalRulesDeathTest, ARefusalWithoutItsCause_IsAFinding) {
  for (const ErrorCode code : kOwn) {
    EXPECT_DEATH(Judge(false, true, Ended(code)), "finding: refusals");
  }
  EXPECT_DEATH(Judge(true, true, Ended(ErrorCode::kWrongState)),
               "finding: refusals");
  Judge(true, true, Ended(ErrorCode::kUnsupported));
}

TEST(RefusalRulesDeathTest, ACallThatHasToBeRefused_IsNotMade) {
  EXPECT_DEATH(Judge(true, true, {}), "finding: refusals.*is done");
  EXPECT_DEATH(Judge(true, true, Ended(ErrorCode::kDeadline)),
               "finding: refusals.*is tried");
  Judge(true, false, Ended(ErrorCode::kDisconnected));
  Judge(false, true, {});
}

}  // namespace
}  // namespace fuzz
