// SPDX-License-Identifier: BSD-3-Clause
//
// Mistakes of the past in the order of messages.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "tests/fakes/recording_rig.h"
#include "tests/fakes/sim_rig.h"

namespace virtio_user {
namespace {

using backend_sim::Bit;
using backend_sim::Personality;
using testing::IsSupersetOf;
using testing_support::RecordingRig;
using testing_support::SimRig;

// What a back-end knows in the end to which SET_FEATURES is a new beginning.
// Of each message its name and its first number.
std::set<std::string> KnownAtTheEnd(const std::vector<std::string>& messages) {
  std::set<std::string> known;
  for (const std::string& message : messages) {
    if (message.starts_with("FEATURES")) known.clear();
    known.insert(message.substr(0, message.find(' ', message.find(' ') + 1)));
  }
  return known;
}

TEST(HistoryTest, F01_NoFeaturesComeAfterWhatARingIsMadeOf) {
  RecordingRig rig;
  ASSERT_TRUE(rig.Prepare(2));

  ASSERT_TRUE(rig.device->Start());

  const std::set<std::string> known = KnownAtTheEnd(rig.backend->Take());
  for (const std::string ring : {"0", "1", "2", "3"}) {
    EXPECT_THAT(known, IsSupersetOf({"NUM " + ring, "BASE " + ring,
                                     "ADDR " + ring, "KICK " + ring}));
  }
  EXPECT_THAT(known, IsSupersetOf({"ENABLE 0", "ENABLE 1"}));
}

TEST(HistoryTest, F02_PairZeroIsEnabledWithoutMq) {
  Personality single = Personality::Conforming();
  single.features &= ~Bit(backend_sim::kBitMq);
  single.protocol_features &= ~Bit(backend_sim::kProtocolMq);
  SimRig rig(single);

  ASSERT_TRUE(rig.Run(1));

  ASSERT_FALSE(rig.device->accepted().Has(Feature::kNetMq));
  for (const size_t ring : {0, 1}) {
    EXPECT_TRUE(rig.ring(ring).started()) << ring;
    EXPECT_TRUE(rig.ring(ring).enabled()) << ring;
  }
}

// A driver that resets the device writes 0 to its status, which is Stop here.
TEST(HistoryTest, F04_AResetStopsEveryRingBeforeTheNextStart) {
  SimRig rig;
  ASSERT_TRUE(rig.Run(2));
  ASSERT_EQ(rig.driver->SetPairs(2), kCtrlAckOk);
  const size_t fds = rig.device_fds();
  const FeatureSet accepted = rig.device->accepted();

  ASSERT_TRUE(rig.device->Stop());

  for (size_t ring = 0; ring < 4; ++ring) {
    EXPECT_FALSE(rig.ring(ring).started()) << ring;
  }
  ASSERT_TRUE(rig.device->Negotiate(accepted));
  ASSERT_TRUE(rig.device->Start());
  EXPECT_EQ(rig.device_fds(), fds);
  EXPECT_EQ(rig.Complaints(), "");
}

TEST(HistoryTest, F18_APeerThatGoesAndComesBeforeRingsExistTouchesNone) {
  SimRig rig;
  ASSERT_TRUE(rig.Create(SimRig::Options(2)));
  ASSERT_TRUE(rig.device->Negotiate(rig.device->offered()));
  rig.world.channel().PeerCloses();
  EXPECT_TRUE(rig.device->Poll().needs_reset);
  rig.world.channel().PeerConnects();

  ASSERT_TRUE(rig.device->Reattach());

  EXPECT_EQ(rig.device->state(), DeviceState::kNegotiated);
  ASSERT_TRUE(rig.driver->ConfigurePairs(2));
  EXPECT_TRUE(rig.device->Start());
  EXPECT_TRUE(rig.ring(0).enabled());
}

}  // namespace
}  // namespace virtio_user
