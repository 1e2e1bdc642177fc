// SPDX-License-Identifier: BSD-3-Clause

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "backend_sim/fault_plan.h"
#include "backend_sim/violation.h"
#include "backend_sim/wire.h"
#include "backend_sim/wire_request.h"
#include "cli/sequence_model.h"

namespace virtio_user::cli {
namespace {

using backend_sim::Direction;
using backend_sim::FaultKind;
using backend_sim::LifeState;
using backend_sim::OpKind;
using backend_sim::OpResult;
using backend_sim::Rule;
using backend_sim::TraceKind;
using backend_sim::TraceRecord;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::vector<TraceRecord> Message(Direction direction, uint32_t request,
                                 uint32_t flags, uint64_t word, uint32_t bytes,
                                 uint64_t fds = 0) {
  return {{.kind = TraceKind::kMessage,
           .detail = static_cast<uint8_t>(direction),
           .size = bytes,
           .words = {request, flags, fds}},
          {.kind = TraceKind::kPayload, .size = bytes, .words = {word}}};
}

std::vector<TraceRecord> Kick(uint16_t ring) {
  return Message(Direction::kToBackend, backend_sim::kReqSetVringKick,
                 backend_sim::kWireVersion | backend_sim::kWireNeedReply, ring,
                 8, 1);
}

std::vector<TraceRecord> KickAck(uint64_t value) {
  return Message(Direction::kToFrontend, backend_sim::kReqSetVringKick,
                 backend_sim::kWireAnswerFlags, value, 8);
}

// A run that is put together by hand.
class Made {
 public:
  Made& Operation(OpKind kind, OpResult result, LifeState after,
                  std::vector<std::vector<TraceRecord>> records = {}) {
    RecordedOperation operation{.operation = {.kind = kind}, .before = state_};
    operation.first_record = run_.records.size();
    for (const auto& some : records) {
      run_.records.insert(run_.records.end(), some.begin(), some.end());
    }
    operation.end_record = run_.records.size();
    operation.result = result;
    operation.after = state_ = after;
    run_.operations.push_back(operation);
    return *this;
  }
  SequenceModel Model() { return MakeSequence(run_); }
  // The rows of an only operation.
  std::vector<SequenceRow> Rows() {
    return Model().groups.front().bands.front().rows;
  }

 private:
  RecordedRun run_;
  LifeState state_ = LifeState::kNone;
};

Made Started(std::vector<std::vector<TraceRecord>> records) {
  return Made().Operation(OpKind::kStart, OpResult::kDone, LifeState::kRunning,
                          std::move(records));
}

std::vector<TraceRecord> Event(TraceRecord record) { return {record}; }

TEST(SequenceModel, AMessageHasNameFieldsAndItsRing) {
  const SequenceModel model = Started({Kick(5)}).Model();

  EXPECT_THAT(model.rings, ElementsAre(5));
  const SequenceRow& row = model.groups.front().bands.front().rows.front();
  EXPECT_EQ(row.kind, RowKind::kMessage);
  EXPECT_EQ(row.name, "SET_VRING_KICK");
  EXPECT_EQ(row.details, "index=5, 1 fd");
  EXPECT_TRUE(row.need_reply);
  EXPECT_THAT(row.marks, ElementsAre(RingMark{0, MarkKind::kMeant}));
}

TEST(SequenceModel, AnAckThatFollowsItsMessageHasNoRow) {
  const auto rows = Started({Kick(0), KickAck(0)}).Rows();

  ASSERT_EQ(rows.size(), 1u);
  EXPECT_TRUE(rows[0].acked);
}

TEST(SequenceModel, ARefusalHasARow) {
  const auto rows = Started({Kick(0), KickAck(1)}).Rows();

  ASSERT_EQ(rows.size(), 2u);
  EXPECT_FALSE(rows[0].acked);
  EXPECT_EQ(rows[1].kind, RowKind::kAnswer);
  EXPECT_TRUE(rows[1].refused);
}

TEST(SequenceModel, AnAckBehindSomethingElseHasARow) {
  const auto rows =
      Started({Kick(0), Event({.kind = TraceKind::kRingStart, .ring = 0}),
               KickAck(0)})
          .Rows();

  ASSERT_EQ(rows.size(), 3u);
  EXPECT_FALSE(rows[0].acked);
  EXPECT_FALSE(rows[2].refused);
}

TEST(SequenceModel, AnAckOfZeroWithStrangeFlagsIsShownAndNotRefused) {
  const auto rows =
      Started({Kick(0), Message(Direction::kToFrontend,
                                backend_sim::kReqSetVringKick, 6, 0, 8)})
          .Rows();

  ASSERT_EQ(rows.size(), 2u);
  EXPECT_FALSE(rows[1].refused);
  EXPECT_THAT(rows[1].details, HasSubstr("flags=0x6"));
}

TEST(SequenceModel, AnAnswerMarksTheRingThatItNames) {
  const auto rows =
      Started(
          {Message(Direction::kToFrontend, backend_sim::kReqGetVringBase,
                   backend_sim::kWireAnswerFlags, 3 | uint64_t{7} << 32, 8)})
          .Rows();

  EXPECT_EQ(rows.front().details, "index=3 num=7");
  EXPECT_THAT(rows.front().marks, ElementsAre(RingMark{0, MarkKind::kMeant}));
}

TEST(SequenceModel, ARingNumberOutOfAllReasonGetsNoColumn) {
  const SequenceModel model =
      Started({Message(Direction::kToFrontend, backend_sim::kReqGetVringBase,
                       backend_sim::kWireAnswerFlags, 0xfffffffc, 8)})
          .Model();

  EXPECT_THAT(model.rings, IsEmpty());
}

TEST(SequenceModel, RingsLookAsTheyAreFromRowToRow) {
  const SequenceModel model =
      Started({Event({.kind = TraceKind::kRingStart, .ring = 1}),
               Event({.kind = TraceKind::kRingStart, .ring = 0}),
               Event({.kind = TraceKind::kRingBroken, .ring = 0}),
               Event({.kind = TraceKind::kRingStop, .ring = 1})})
          .Model();

  const SequenceBand& band = model.groups.front().bands.front();
  ASSERT_EQ(band.rows.size(), 4u);
  EXPECT_THAT(band.rows[0].looks,
              ElementsAre(RingLook::kStopped, RingLook::kStarted));
  EXPECT_THAT(band.rows[1].looks,
              ElementsAre(RingLook::kStarted, RingLook::kStarted));
  EXPECT_THAT(band.rows[2].looks,
              ElementsAre(RingLook::kBroken, RingLook::kStarted));
  EXPECT_THAT(band.looks, ElementsAre(RingLook::kBroken, RingLook::kStopped));
}

TEST(SequenceModel, AConnectionLastsUntilItIsClosed) {
  const SequenceModel model =
      Started({Event({.kind = TraceKind::kAttach}), Kick(0),
               Event({.kind = TraceKind::kClose, .detail = 1})})
          .Model();

  const SequenceBand& band = model.groups.front().bands.front();
  EXPECT_EQ(band.rows[0].kind, RowKind::kAttach);
  EXPECT_TRUE(band.rows[1].connected);
  EXPECT_EQ(band.rows[2].kind, RowKind::kCloseByBackend);
  EXPECT_FALSE(band.connected);
}

TEST(SequenceModel, PacketsOfOneRunAreSummedUp) {
  const auto rows =
      Started({Event({.kind = TraceKind::kKick, .ring = 1, .words = {2}}),
               Event({.kind = TraceKind::kPacketIn, .ring = 1, .size = 60}),
               Event({.kind = TraceKind::kPacketIn, .ring = 1, .size = 100}),
               Event({.kind = TraceKind::kPacketOut, .ring = 0, .size = 60}),
               Event({.kind = TraceKind::kCall, .ring = 0})})
          .Rows();

  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].kind, RowKind::kPackets);
  EXPECT_THAT(rows[0].details, HasSubstr("ring 0: gives 1 packet (60 bytes)"));
  EXPECT_THAT(rows[0].details, HasSubstr("takes 2 packets (160 bytes)"));
  EXPECT_THAT(rows[0].marks, ElementsAre(RingMark{0, MarkKind::kGiven},
                                         RingMark{0, MarkKind::kInterrupt},
                                         RingMark{1, MarkKind::kKick},
                                         RingMark{1, MarkKind::kTaken}));
}

TEST(SequenceModel, FaultsAndBreachesAreNamed) {
  const auto rows =
      Started({Event({.kind = TraceKind::kFault,
                      .detail = static_cast<uint8_t>(FaultKind::kStall)}),
               Event({.kind = TraceKind::kViolation,
                      .detail = static_cast<uint8_t>(Rule::kRingBase)})})
          .Rows();

  EXPECT_EQ(rows[0].kind, RowKind::kFault);
  EXPECT_EQ(rows[0].name, FaultName(FaultKind::kStall));
  EXPECT_EQ(rows[1].kind, RowKind::kViolation);
  EXPECT_EQ(rows[1].name, RuleName(Rule::kRingBase));
  EXPECT_EQ(rows[1].details, ClauseOf(Rule::kRingBase));
}

TEST(SequenceModel, NeighboursThatDidNothingAreOneGroup) {
  Made made;
  made.Operation(OpKind::kPoll, OpResult::kNothing, LifeState::kNone)
      .Operation(OpKind::kTransmit, OpResult::kNothing, LifeState::kNone)
      .Operation(OpKind::kCreate, OpResult::kDone, LifeState::kCreated)
      .Operation(OpKind::kServe, OpResult::kNothing, LifeState::kCreated,
                 {Event({.kind = TraceKind::kKick, .ring = 1})})
      .Operation(OpKind::kServe, OpResult::kNothing, LifeState::kCreated);

  const SequenceModel model = made.Model();

  ASSERT_EQ(model.groups.size(), 4u);
  ASSERT_EQ(model.groups[0].bands.size(), 2u);
  EXPECT_EQ(model.groups[0].bands[1].number, 1u);
  EXPECT_EQ(model.groups[1].bands.size(), 1u);
  // Something is to be seen in this one.
  EXPECT_EQ(model.groups[2].bands.size(), 1u);
  EXPECT_EQ(model.groups[3].bands.size(), 1u);
}

TEST(SequenceModel, ARunWithoutAnythingIsEmpty) {
  const SequenceModel model = MakeSequence({});

  EXPECT_THAT(model.groups, IsEmpty());
  EXPECT_THAT(model.rings, IsEmpty());
  EXPECT_FALSE(model.last_phase.has_value());
}

}  // namespace
}  // namespace virtio_user::cli
