// SPDX-License-Identifier: BSD-3-Clause
//
// Each rule of framing is seen when it is broken.

#include "backend_sim/model_checks.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/sim/model_session.h"
#include "tests/sim/raw_client.h"

namespace {

using ::backend_sim::Rule;
using ::sim_test::kNeedReply;
using ::sim_test::Payload;
using ::sim_test::RawMessage;
using ::sim_test::State;
using ::sim_test::U64;

using FramingChecksTest = ::sim_test::ModelSession;
using LegacyFramingChecksTest = ::sim_test::LegacySession;

TEST_F(FramingChecksTest, SeesAWrongVersion) {
  ExpectClose({.request = 1, .flags = 2}, Rule::kHeaderVersion);
}

TEST_F(FramingChecksTest, SeesReservedHeaderFlags) {
  ExpectClose({.request = 1, .flags = 0x11}, Rule::kHeaderFlags);
}

TEST_F(FramingChecksTest, SeesTheReplyFlagInARequest) {
  ExpectClose({.request = 1, .flags = 0x5}, Rule::kHeaderFlags);
}

TEST_F(FramingChecksTest, SeesARequestThatDoesNotExist) {
  Negotiate();
  ExpectNack({.request = 45}, Rule::kUnknownRequest);
  ExpectNack({.request = 0x80000000}, Rule::kUnknownRequest);
}

TEST_F(FramingChecksTest, SeesARequestThatNetworkDevicesDoNotHave) {
  const int fd = *world_.fds().CreateEvent();
  ExpectClose({.request = 33, .fds = {fd}}, Rule::kNotServed);
  world_.fds().Close(fd);
}

TEST_F(FramingChecksTest, SeesAPayloadOfTheWrongSize) {
  Negotiate();
  ExpectNack({.request = 2, .payload = Payload().U32(0)}, Rule::kPayloadSize);
  ExpectNack({.request = 3, .payload = U64(0)}, Rule::kPayloadSize);
  ExpectNack({.request = 5, .payload = State(2, 0)}, Rule::kPayloadSize);
}

TEST_F(FramingChecksTest, SeesDescriptorsTooManyAndTooFew) {
  Negotiate();
  const int fd = *world_.fds().CreateEvent();
  ExpectNack({.request = 3, .fds = {fd}}, Rule::kFdCount);
  ExpectNack({.request = 13, .payload = U64(0)}, Rule::kFdCount);
  ExpectNack({.request = 13, .payload = U64(0x100), .fds = {fd}},
             Rule::kFdCount);
  ExpectNack({.request = 13, .payload = U64(0), .fds = {fd, fd}},
             Rule::kFdCount);
  RawMessage table = client_.MemTable();
  table.fds.pop_back();
  ExpectNack(table, Rule::kFdCount);
  world_.fds().Close(fd);
}

TEST_F(FramingChecksTest, SeesAMessageWhoseProtocolFeatureWasNotNegotiated) {
  ExpectClose({.request = 17}, Rule::kGate);
}

TEST_F(FramingChecksTest, SeesEnableBeforeBit30WasAccepted) {
  Negotiate(1ull << 32);
  ExpectNack({.request = 18, .payload = State(0, 1)}, Rule::kGate);
}

TEST_F(LegacyFramingChecksTest, SeesProtocolFeaturesThatWereNeverOffered) {
  ExpectClose({.request = 15}, Rule::kGate);
}

TEST_F(FramingChecksTest, SeesNeedReplyBeforeReplyAck) {
  ExpectClose({.request = 3, .flags = kNeedReply}, Rule::kNeedReplyGate);
}

}  // namespace
