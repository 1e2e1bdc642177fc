// SPDX-License-Identifier: BSD-3-Clause
//
// Mistakes that front-ends have made, later ones: how a device on a vhost-user
// back-end comes to life, starts and stops. docs/history.md tells each.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "tests/fakes/outcome.h"
#include "tests/fakes/recording_rig.h"
#include "tests/fakes/sim_rig.h"
#include "virtio_user/spec/net.h"

namespace virtio_user {
namespace {

using backend_sim::Bit;
using backend_sim::FdCall;
using backend_sim::Personality;
using backend_sim::SimWorldOptions;
using testing::Contains;
using testing::HasSubstr;
using testing::Not;
using testing_support::CodeOf;
using testing_support::RecordingRig;
using testing_support::SimRig;
using testing_support::TextOf;

constexpr uint64_t kInitialPackedBase = 0x80008000;

RingLayout NewRing(SimRig& rig, RingFormat format, uint16_t num) {
  const size_t bytes = RingLayout::BytesFor(format, num);
  const auto memory = rig.world.memory().Allocate(bytes, RingLayout::kAlign);
  return *RingLayout::PlaceIn(*memory, format, num);
}

// A running device of one pair, whose rings are of `format`.
void RunOn(SimRig& rig, RingFormat format, uint16_t num) {
  const bool packed = format == RingFormat::kPacked;
  ASSERT_TRUE(rig.Create({.queue_size = num, .packed = packed}));
  ASSERT_TRUE(rig.device->Negotiate(rig.device->offered()));
  ASSERT_EQ(rig.device->ring_format(), format);
  for (const uint16_t vring : {uint16_t{0}, uint16_t{1}}) {
    ASSERT_TRUE(rig.device->ConfigureRing(vring, NewRing(rig, format, num)));
  }
  ASSERT_TRUE(rig.device->Start());
}

// The peer goes and another one comes, which the device is attached to.
void ChangePeer(SimRig& rig, Personality next = Personality::Conforming()) {
  rig.world.channel().PeerCloses();
  (void)rig.device->Poll();
  rig.world.server().SetPersonality(std::move(next));
  rig.world.channel().PeerConnects();
}

bool IsZeroed(const RingLayout& ring) {
  const auto zero = [](const std::byte* at, size_t bytes) {
    return std::all_of(at, at + bytes,
                       [](std::byte byte) { return byte == std::byte{0}; });
  };
  return zero(ring.desc, ring.DescBytes()) &&
         zero(ring.driver, ring.DriverBytes()) &&
         zero(ring.device, ring.DeviceBytes());
}

// --- Descriptors -------------------------------------------------------------

TEST(HistoryTest, F33_AnyEventThatCannotBeMadeUnwindsExactlyWhatExists) {
  constexpr uint64_t kEvents = 8;  // A kick and a call for each of four rings.
  for (uint64_t nth = 1; nth <= kEvents; ++nth) {
    SCOPED_TRACE(nth);
    SimRig rig;
    rig.world.fds().FailCall(FdCall::kCreateEvent, nth);

    EXPECT_FALSE(rig.Create(SimRig::Options(2)));

    EXPECT_EQ(rig.world.fds().Balance(), "");
    EXPECT_EQ(rig.device_fds(), 0u);  // What is others' is still open.
    EXPECT_EQ(rig.Complaints(), "");
    EXPECT_EQ(rig.world.memory().listener_count(), 0u);
  }
}

TEST(HistoryTest, F48_TheInterruptOfAPairIsThatOfItsReceiveRing) {
  RecordingRig rig;
  ASSERT_TRUE(rig.Run(4));

  const InterruptMap map = rig.device->interrupt_map();

  ASSERT_EQ(map.rx_call_fds.size(), 4u);
  for (uint16_t pair = 0; pair < 4; ++pair) {
    const VringState& rx = rig.device->vring(RxVring(pair));
    EXPECT_EQ(map.rx_call_fds[pair], rx.call.get()) << pair;
  }
  EXPECT_EQ(map.vector_count, 5u);
}

// --- A new back-end ----------------------------------------------------------

TEST(HistoryTest, F34_RingsOfEitherFormatStartAfreshOnANewBackEnd) {
  for (const RingFormat format : {RingFormat::kSplit, RingFormat::kPacked}) {
    SimRig rig;
    RunOn(rig, format, 8);
    // As after some packets: places, indexes and descriptors.
    VringState& tx = rig.device->vring(1);
    tx.ring.published = {.index = 5, .wrap = false};
    tx.base = {.avail = 5, .used = 5, .avail_wrap = false, .used_wrap = false};
    std::memset(tx.ring.layout.desc, 0x5a, tx.ring.layout.DescBytes());
    ChangePeer(rig);

    ASSERT_TRUE(rig.device->Reattach());

    EXPECT_EQ(tx.ring.published, RingPosition{});
    EXPECT_EQ(tx.base, VringBase{});
    EXPECT_TRUE(IsZeroed(tx.ring.layout));
    ASSERT_TRUE(rig.device->Start());
    const bool packed = format == RingFormat::kPacked;
    EXPECT_EQ(rig.ring(1).base(), packed ? kInitialPackedBase : 0);
    EXPECT_EQ(rig.Complaints(), "");
  }
}

TEST(HistoryTest, F34_AReattachBeforeThereAreRingsHarmsNothing) {
  SimRig rig;
  ASSERT_TRUE(rig.Create(SimRig::Options(1)));
  ChangePeer(rig);
  ASSERT_TRUE(rig.device->Reattach());
  ASSERT_EQ(rig.device->state(), DeviceState::kCreated);
  ASSERT_TRUE(rig.device->Negotiate(rig.device->offered()));
  ChangePeer(rig);
  ASSERT_TRUE(rig.device->Reattach());
  ASSERT_TRUE(rig.driver->SetUp(1));

  EXPECT_TRUE(rig.device->Start());

  EXPECT_EQ(rig.Complaints(), "");
}

TEST(HistoryTest, F40_ANewBackEndIsToldTheWholeStatusAgain) {
  SimRig rig;
  ASSERT_TRUE(rig.Run(1));
  ASSERT_TRUE(rig.world.model().Serving(rig.ring(0)));
  ChangePeer(rig);
  ASSERT_TRUE(rig.device->Reattach());
  ASSERT_EQ(rig.world.model().session().status, 0);

  ASSERT_TRUE(rig.device->Start());

  EXPECT_EQ(
      rig.world.model().session().status,
      kStatusAcknowledge | kStatusDriver | kStatusFeaturesOk | kStatusDriverOk);
  EXPECT_TRUE(rig.world.model().Serving(rig.ring(0)));
  EXPECT_EQ(rig.Complaints(), "");
}

Personality WithoutPackedRings() {
  Personality personality = Personality::Conforming();
  personality.features &= ~Bit(backend_sim::kBitRingPacked);
  return personality;
}

TEST(HistoryTest, F42_PackedRingsThatWereAskedForNeedABackEndThatHasThem) {
  SimWorldOptions options;
  options.channel.server_mode = true;
  options.personality = WithoutPackedRings();
  SimRig rig(options);

  ASSERT_TRUE(rig.Create({.queue_size = 8, .packed = true}));

  EXPECT_FALSE(rig.device->offered().Has(Feature::kRingPacked));
  ASSERT_TRUE(rig.driver->SetUp(1));
  EXPECT_EQ(rig.device->ring_format(), RingFormat::kSplit);
  EXPECT_TRUE(rig.device->Start());
  EXPECT_EQ(rig.Complaints(), "");
}

TEST(HistoryTest, F42_ANewBackEndWithoutPackedRingsIsNoneForTheseRings) {
  SimRig rig;
  RunOn(rig, RingFormat::kPacked, 8);
  ChangePeer(rig, WithoutPackedRings());

  const Result<void> again = rig.device->Reattach();

  EXPECT_EQ(CodeOf(again), ErrorCode::kUnsupported);
  EXPECT_THAT(TextOf(again), HasSubstr("VIRTIO_F_RING_PACKED"));
  EXPECT_EQ(rig.device->state(), DeviceState::kNeedsReset);
}

// --- Status ------------------------------------------------------------------

TEST(HistoryTest, F37_TheLinksStatusHasNothingOfTheDevicesStatus) {
  SimRig rig;
  ASSERT_TRUE(rig.Prepare(1));
  ASSERT_TRUE(rig.device->accepted().HasAll(
      {Feature::kNetStatus, Feature::kNetGuestAnnounce}));
  EXPECT_EQ(rig.device->config_status(), kNetStatusLinkUp);

  ASSERT_TRUE(rig.device->Start());

  EXPECT_EQ(rig.device->config_status(), kNetStatusLinkUp);
  EXPECT_FALSE(rig.device->Poll().announce_asked);
  ASSERT_TRUE(rig.device->Stop());
  EXPECT_EQ(rig.device->config_status(), kNetStatusLinkUp);
}

TEST(HistoryTest, F51_AStartThatFailsDoesNotSayDriverOk) {
  constexpr size_t kTable = 5;  // After 2 calls, features, status, its reading.
  RecordingRig rig;
  ASSERT_TRUE(rig.Prepare(1));
  rig.backend->FailWhenSent(kTable, Error::Make(ErrorCode::kRefused, "no"));

  EXPECT_EQ(CodeOf(rig.device->Start()), ErrorCode::kRefused);

  EXPECT_THAT(rig.backend->sent(), Contains(HasSubstr("TABLE")));
  EXPECT_THAT(rig.backend->sent(), Not(Contains("STATUS 0xf")));
  EXPECT_THAT(rig.backend->sent(), Contains("STATUS 0x0"));
  EXPECT_EQ(rig.device->state(), DeviceState::kNegotiated);
}

TEST(HistoryTest, F61_WhatIsToBeAnnouncedStandsInTheConfigurationsStatus) {
  SimRig rig;
  ASSERT_TRUE(rig.Run(1));
  ChangePeer(rig);
  ASSERT_TRUE(rig.device->Reattach());

  ASSERT_TRUE(rig.device->Start());

  EXPECT_TRUE(rig.device->Poll().announce_asked);
  EXPECT_EQ(rig.device->config_status(), kNetStatusLinkUp | kNetStatusAnnounce);
  EXPECT_EQ(rig.driver->Command(CtrlClass::kAnnounce, kCtrlAnnounceAck, {}),
            kCtrlAckOk);
  EXPECT_EQ(rig.device->config_status(), kNetStatusLinkUp);
}

// --- Rings -------------------------------------------------------------------

TEST(HistoryTest, F58_AllThreeAddressesOfARingAreItsOwn) {
  for (const RingFormat format : {RingFormat::kSplit, RingFormat::kPacked}) {
    for (const uint16_t num : {uint16_t{8}, uint16_t{256}, uint16_t{1024}}) {
      SCOPED_TRACE(num);
      SimRig rig;
      RunOn(rig, format, num);
      for (const uint16_t vring : {uint16_t{0}, uint16_t{1}}) {
        const RingLayout& ring = rig.device->vring(vring).ring.layout;
        uint64_t own[3] = {};
        rig.world.memory().WithTable([&](const MemoryTable& table) {
          own[0] = table.ToDevice(ring.desc, ring.DescBytes())->value;
          own[1] = table.ToDevice(ring.driver, ring.DriverBytes())->value;
          own[2] = table.ToDevice(ring.device, ring.DeviceBytes())->value;
        });
        const auto told = rig.ring(vring).addresses();
        ASSERT_TRUE(told);
        EXPECT_EQ(told->desc, own[0]);
        EXPECT_EQ(told->avail, own[1]);
        EXPECT_EQ(told->used, own[2]);
      }
      EXPECT_EQ(rig.Complaints(), "");
    }
  }
}

TEST(HistoryTest, F60_RingsGoOnUntouchedAfterAStopAndAStart) {
  RecordingRig rig;
  ASSERT_TRUE(rig.Run(1));
  VringState& tx = rig.device->vring(1);
  tx.ring.published.index = 5;
  std::memset(tx.ring.layout.desc, 0x5a, tx.ring.layout.DescBytes());
  rig.backend->base_answers[1] = 5;

  ASSERT_TRUE(rig.device->Stop());
  (void)rig.backend->Take();
  ASSERT_TRUE(rig.device->Start());

  EXPECT_THAT(rig.backend->sent(), Contains("BASE 1 = 5"));
  EXPECT_EQ(tx.ring.published.index, 5);
  EXPECT_EQ(tx.ring.layout.desc[0], std::byte{0x5a});
}

TEST(HistoryTest, F60_GoingBackToOnePairIsSaidToTheBackEnd) {
  SimRig rig;
  ASSERT_TRUE(rig.Run(4));
  ASSERT_EQ(rig.driver->SetPairs(4), kCtrlAckOk);
  ASSERT_TRUE(rig.ring(7).enabled());

  ASSERT_EQ(rig.driver->SetPairs(1), kCtrlAckOk);

  for (size_t ring = 0; ring < 8; ++ring) {
    EXPECT_EQ(rig.ring(ring).enabled(), ring < 2) << ring;
  }
}

TEST(HistoryTest, F62_AConfigurationThatFailsTakesNoQueueAway) {
  SimRig rig;
  ASSERT_TRUE(rig.Prepare(2));
  const FeatureSet accepted = rig.device->accepted();
  const RingLayout other_size = NewRing(rig, RingFormat::kSplit, 16);

  EXPECT_FALSE(rig.device->Negotiate({Feature::kVersion1, Feature::kNetRss}));
  EXPECT_FALSE(rig.device->ConfigureRing(1, other_size));
  EXPECT_FALSE(rig.device->ConfigureRing(4, other_size));

  EXPECT_EQ(rig.device->accepted(), accepted);
  for (uint16_t vring = 0; vring < 4; ++vring) {
    EXPECT_TRUE(rig.device->vring(vring).configured()) << vring;
  }
  ASSERT_TRUE(rig.device->Start());
  EXPECT_EQ(rig.driver->SetPairs(2), kCtrlAckOk);
}

}  // namespace
}  // namespace virtio_user
