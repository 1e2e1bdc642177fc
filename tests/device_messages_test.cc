// SPDX-License-Identifier: BSD-3-Clause
//
// What a device's messages say on the wire, as the back-end reads them.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "backend_sim/trace.h"
#include "backend_sim/wire_request.h"
#include "tests/fakes/outcome.h"
#include "tests/fakes/sim_rig.h"

namespace virtio_user {
namespace {

using backend_sim::Bit;
using backend_sim::Personality;
using backend_sim::TraceKind;
using backend_sim::TraceRecord;
using testing::Each;
using testing::SizeIs;
using testing_support::CodeOf;
using testing_support::SimRig;

// One message of the front-end.
struct Seen {
  uint64_t request = 0;
  uint64_t flags = 0;
  uint64_t fd_count = 0;
  uint64_t first_word = 0;  // Of its payload.
};

std::vector<Seen> MessagesOf(SimRig& rig) {
  std::vector<Seen> seen;
  const std::vector<TraceRecord> records = rig.world.trace().records();
  for (size_t i = 0; i < records.size(); ++i) {
    const TraceRecord& record = records[i];
    const auto to_backend =
        static_cast<uint8_t>(backend_sim::Direction::kToBackend);
    if (record.kind != TraceKind::kMessage || record.detail != to_backend) {
      continue;
    }
    const bool has_payload =
        i + 1 < records.size() && records[i + 1].kind == TraceKind::kPayload;
    seen.push_back({.request = record.words[0],
                    .flags = record.words[1],
                    .fd_count = record.words[2],
                    .first_word = has_payload ? records[i + 1].words[0] : 0});
  }
  return seen;
}

std::vector<Seen> MessagesOf(SimRig& rig, uint64_t request) {
  std::vector<Seen> seen = MessagesOf(rig);
  std::erase_if(seen, [&](const Seen& one) { return one.request != request; });
  return seen;
}

TEST(DeviceMessages, S15_H17_GetVringBaseCarriesAnIndexAndZeros) {
  SimRig rig;
  ASSERT_TRUE(rig.Run(2));
  ASSERT_TRUE(rig.device->Stop());

  const auto asked = MessagesOf(rig, backend_sim::kReqGetVringBase);

  ASSERT_THAT(asked, SizeIs(4));
  for (size_t i = 0; i < asked.size(); ++i) {
    EXPECT_EQ(asked[i].first_word, i);  // num is the upper half.
  }
}

TEST(DeviceMessages, F14_AConnectionHasOneOwnerHoweverOftenTheDeviceStarts) {
  SimRig rig;
  ASSERT_TRUE(rig.Run(1));
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(rig.device->Stop());
    ASSERT_TRUE(rig.device->Start());
  }

  EXPECT_THAT(MessagesOf(rig, backend_sim::kReqSetOwner), SizeIs(1));
  EXPECT_THAT(MessagesOf(rig, backend_sim::kReqResetOwner), SizeIs(0));
}

TEST(DeviceMessages, S06_Bit30IsAcknowledgedWhereItWasOffered) {
  for (const bool offered : {true, false}) {
    SimRig rig(offered ? Personality::Conforming() : Personality::Legacy());
    ASSERT_TRUE(rig.Run(1));

    const auto set = MessagesOf(rig, backend_sim::kReqSetFeatures);

    ASSERT_THAT(set, SizeIs(1));
    EXPECT_EQ((set[0].first_word >> 30) & 1, offered ? 1u : 0u);
    EXPECT_EQ(MessagesOf(rig, backend_sim::kReqSetVringEnable).empty(),
              !offered);
  }
}

TEST(DeviceMessages, S10_EveryMessageFromFeaturesOnAsksForItsAck) {
  SimRig rig;
  ASSERT_TRUE(rig.Run(2));

  std::vector<uint64_t> need_reply;
  for (const Seen& message : MessagesOf(rig)) {
    const bool setup = message.request == backend_sim::kReqSetVringCall ||
                       message.request == backend_sim::kReqSetFeatures ||
                       message.request == backend_sim::kReqAddMemReg ||
                       message.request == backend_sim::kReqSetStatus ||
                       message.request == backend_sim::kReqSetVringKick;
    if (setup) need_reply.push_back((message.flags >> 3) & 1);
  }

  EXPECT_THAT(need_reply, SizeIs(13));
  EXPECT_THAT(need_reply, Each(1u));
}

TEST(DeviceMessages, WithoutReplyAckNothingAsksForOne) {
  Personality personality = Personality::Conforming();
  personality.protocol_features &= ~Bit(backend_sim::kProtocolReplyAck);
  SimRig rig(personality);
  ASSERT_TRUE(rig.Run(2));
  ASSERT_TRUE(rig.device->Stop());

  for (const Seen& message : MessagesOf(rig)) {
    EXPECT_EQ((message.flags >> 3) & 1, 0u) << message.request;
  }
  EXPECT_EQ(rig.Complaints(), "");
}

TEST(DeviceMessages, S08_MqIsForwardedSoThatBackendsKeepTheRings) {
  SimRig rig;
  ASSERT_TRUE(rig.Run(2));

  const auto set = MessagesOf(rig, backend_sim::kReqSetFeatures);

  ASSERT_THAT(set, SizeIs(1));
  EXPECT_EQ((set[0].first_word >> backend_sim::kBitMq) & 1, 1u);
  EXPECT_EQ((set[0].first_word >> backend_sim::kBitCtrlVq) & 1, 0u);
}

// Packed rings and what else is not implemented cannot be negotiated.
TEST(DeviceMessages, S76_F07_OnlyWhatIsImplementedIsEverAccepted) {
  Personality generous = Personality::Conforming();
  generous.features = ~uint64_t{0} & ~Bit(backend_sim::kBitLogAll);
  SimRig rig(generous);
  ASSERT_TRUE(rig.Run(1));

  EXPECT_FALSE(rig.device->offered().Has(Feature::kRingPacked));
  EXPECT_FALSE(rig.device->offered().Has(Feature::kEventIdx));
  EXPECT_EQ(CodeOf(rig.device->Negotiate({Feature::kRingPacked})),
            ErrorCode::kWrongState);
  const auto set = MessagesOf(rig, backend_sim::kReqSetFeatures);
  ASSERT_THAT(set, SizeIs(1));
  const FeatureSet sent = FeatureSet::FromWords(set[0].first_word);
  EXPECT_TRUE((kImplementedFeatures | FeatureSet{Feature::kProtocolFeatures})
                  .HasAll(sent));
}

TEST(DeviceMessages, DescriptorsTravelWithCallKickAndMemoryAlone) {
  SimRig rig;
  ASSERT_TRUE(rig.Run(2));
  ASSERT_TRUE(rig.device->Stop());

  for (const Seen& message : MessagesOf(rig)) {
    const bool one = message.request == backend_sim::kReqSetVringCall ||
                     message.request == backend_sim::kReqSetVringKick ||
                     message.request == backend_sim::kReqSetBackendReqFd;
    const bool adds = message.request == backend_sim::kReqAddMemReg;
    EXPECT_EQ(message.fd_count, one || adds ? 1u : 0u) << message.request;
  }
}

}  // namespace
}  // namespace virtio_user
