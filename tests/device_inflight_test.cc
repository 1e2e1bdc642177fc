// SPDX-License-Identifier: BSD-3-Clause
//
// When a device asks for a place for notes of what is in flight, how long it
// keeps it, and on which rings the next back-end goes on.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "tests/fakes/outcome.h"
#include "tests/fakes/recording_rig.h"
#include "virtio_user/ring/shared_memory.h"
#include "virtio_user/spec/ring.h"

namespace virtio_user {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::IsSupersetOf;
using testing_support::CodeOf;
using testing_support::RecordingRig;

// A device whose back-end takes notes; 2 rings of 8.
class DeviceInflightTest : public testing::Test {
 protected:
  void SetUp() override {
    rig_.backend->capabilities.inflight = true;
    ASSERT_TRUE(rig_.Prepare(1));
  }
  void Start() {
    ASSERT_TRUE(rig_.device->Start());
    (void)rig_.backend->Take();
  }
  // The driver has published up to `published`; the device has used so many.
  void Stand(uint16_t vring, uint16_t published, uint16_t used) {
    Ring& ring = rig_.device->vring(vring).ring;
    ring.published = {.index = published};
    StoreRelaxed<uint16_t>(ring.layout.driver + kAvailIdxOffset, published);
    StoreRelaxed<uint16_t>(ring.layout.device + kUsedIdxOffset, used);
  }
  void LosePeer() {
    rig_.backend->Close();
    (void)rig_.device->Poll();
    ASSERT_EQ(rig_.device->state(), DeviceState::kNeedsReset);
  }
  std::optional<RingsAfter> Reattach() {
    const auto after = rig_.device->ReattachKeepingRings();
    (void)rig_.backend->Take();
    return after ? std::optional(*after) : std::nullopt;
  }
  // Lines of the next Start that tell of notes and of bases.
  std::vector<std::string> NotesAndBases() {
    EXPECT_TRUE(rig_.device->Start());
    std::vector<std::string> lines = rig_.backend->Take();
    std::erase_if(lines, [](const std::string& line) {
      return line.find("INFLIGHT") == std::string::npos &&
             !line.starts_with("BASE");
    });
    return lines;
  }
  bool IsZero(uint16_t vring) {
    const RingLayout& layout = rig_.device->vring(vring).ring.layout;
    return LoadRelaxed<uint16_t>(layout.driver + kAvailIdxOffset) == 0 &&
           LoadRelaxed<uint16_t>(layout.device + kUsedIdxOffset) == 0;
  }
  size_t kept_fds() { return rig_.backend->inflight_fds.open_count(); }

  RecordingRig rig_;
};

TEST_F(DeviceInflightTest, AStartAsksForAPlaceAndTellsItBeforeAnyRing) {
  ASSERT_TRUE(rig_.device->Start());
  const auto sent = rig_.backend->Take();
  const auto at = [&](const std::string& line) {
    return std::ranges::find(sent, line) - sent.begin();
  };
  EXPECT_LT(at("GET_STATUS"), at("GET_INFLIGHT 2 x 8"));
  EXPECT_EQ(at("GET_INFLIGHT 2 x 8") + 1, at("SET_INFLIGHT 2 x 8"));
  EXPECT_EQ(at("SET_INFLIGHT 2 x 8") + 1, at("TABLE 2"));
  EXPECT_LT(at("TABLE 2"), at("NUM 0 = 8"));
  EXPECT_EQ(kept_fds(), 1u);
}

TEST_F(DeviceInflightTest, ABackendThatTakesNoNotesIsAskedForNone) {
  rig_.backend->capabilities.inflight = false;
  EXPECT_THAT(NotesAndBases(), ElementsAre("BASE 0 = 0", "BASE 1 = 0"));
}

TEST_F(DeviceInflightTest, ABackendWithoutMemoryForNotesServesWithoutThem) {
  rig_.backend->inflight_bytes = 0;
  EXPECT_THAT(NotesAndBases(),
              ElementsAre("GET_INFLIGHT 2 x 8", "BASE 0 = 0", "BASE 1 = 0"));
  LosePeer();
  EXPECT_EQ(Reattach(), RingsAfter::kAfresh);
}

// As QEMU does. libvhost-user and lib/vhost take notes that begin anew for a
// batch that was not finished, where the used index is not 0.
TEST_F(DeviceInflightTest, AStopKeepsThePlaceSinceTheRingsGoOn) {
  Start();
  ASSERT_TRUE(rig_.device->Stop());
  (void)rig_.backend->Take();
  EXPECT_EQ(kept_fds(), 1u);
  EXPECT_THAT(NotesAndBases(),
              ElementsAre("SET_INFLIGHT 2 x 8", "BASE 0 = 0", "BASE 1 = 0"));
}

TEST_F(DeviceInflightTest, AStartWithoutNotesEndsThePlace) {
  Start();
  ASSERT_TRUE(rig_.device->Stop());
  rig_.backend->capabilities.inflight = false;
  Start();
  EXPECT_EQ(kept_fds(), 0u);
}

TEST_F(DeviceInflightTest, ADriverThatNegotiatesTheSameKeepsRingsAndPlace) {
  Start();
  ASSERT_TRUE(rig_.device->Stop());
  ASSERT_TRUE(rig_.device->Negotiate(rig_.device->accepted()));
  (void)rig_.backend->Take();
  EXPECT_THAT(NotesAndBases(),
              ElementsAre("SET_INFLIGHT 2 x 8", "BASE 0 = 0", "BASE 1 = 0"));
}

TEST_F(DeviceInflightTest, NewRingsGetANewPlace) {
  Start();
  ASSERT_TRUE(rig_.device->Stop());
  ASSERT_TRUE(rig_.driver->ConfigurePairs(1));
  EXPECT_EQ(kept_fds(), 0u);
  (void)rig_.backend->Take();
  EXPECT_THAT(NotesAndBases(),
              ElementsAre("GET_INFLIGHT 2 x 8", "SET_INFLIGHT 2 x 8",
                          "BASE 0 = 0", "BASE 1 = 0"));
}

TEST_F(DeviceInflightTest, KeptRingsGoOnAtTheirUsedIndexes) {
  Start();
  Stand(0, 8, 3);
  Stand(1, 5, 5);
  LosePeer();

  EXPECT_EQ(Reattach(), RingsAfter::kKept);

  EXPECT_EQ(rig_.device->state(), DeviceState::kNegotiated);
  EXPECT_EQ(rig_.device->vring(0).ring.published.index, 8u);
  EXPECT_FALSE(IsZero(0));
  EXPECT_THAT(NotesAndBases(),
              ElementsAre("SET_INFLIGHT 2 x 8", "BASE 0 = 3", "BASE 1 = 5"));
  EXPECT_EQ(rig_.device->vring(0).kick.Drain(), 1u) << "5 buffers wait";
  EXPECT_EQ(rig_.device->vring(1).kick.Drain(), 0u);
}

TEST_F(DeviceInflightTest, IndexesMayHaveGoneRound) {
  Start();
  Stand(0, 2, 65534);
  Stand(1, 4, 65532);  // All 8 are in flight.
  LosePeer();
  EXPECT_EQ(Reattach(), RingsAfter::kKept);
  EXPECT_THAT(NotesAndBases(), ElementsAre("SET_INFLIGHT 2 x 8",
                                           "BASE 0 = 65534", "BASE 1 = 65532"));
}

TEST_F(DeviceInflightTest, AUsedIndexThatCannotBeRightStartsAllRingsAfresh) {
  // Ahead of what was published; and more than a ring behind it.
  for (const uint16_t used : {6, 65532}) {
    Start();
    Stand(0, 8, 3);
    Stand(1, 5, used);
    LosePeer();

    EXPECT_EQ(Reattach(), RingsAfter::kAfresh) << used;

    EXPECT_TRUE(IsZero(0) && IsZero(1));
    EXPECT_EQ(rig_.device->vring(0).ring.published.index, 0u);
    EXPECT_EQ(kept_fds(), 0u);
    EXPECT_THAT(NotesAndBases(),
                ElementsAre("GET_INFLIGHT 2 x 8", "SET_INFLIGHT 2 x 8",
                            "BASE 0 = 0", "BASE 1 = 0"));
  }
}

TEST_F(DeviceInflightTest, ABackendThatTakesNoNotesStartsOnRingsAfresh) {
  Start();
  Stand(0, 8, 3);
  LosePeer();
  rig_.backend->capabilities.inflight = false;

  EXPECT_EQ(Reattach(), RingsAfter::kAfresh);

  EXPECT_TRUE(IsZero(0));
  EXPECT_EQ(kept_fds(), 0u);
  EXPECT_THAT(NotesAndBases(), ElementsAre("BASE 0 = 0", "BASE 1 = 0"));
}

TEST_F(DeviceInflightTest, APlainReattachStartsAfreshAsEver) {
  Start();
  Stand(0, 8, 3);
  LosePeer();

  ASSERT_TRUE(rig_.device->Reattach());

  EXPECT_TRUE(IsZero(0));
  EXPECT_EQ(kept_fds(), 0u);
}

TEST_F(DeviceInflightTest, ThePlaceOutlivesReattachesThatFindNobody) {
  Start();
  Stand(0, 8, 3);
  LosePeer();
  rig_.backend->peer_present = false;
  EXPECT_EQ(Reattach(), std::nullopt);
  rig_.backend->peer_present = true;

  EXPECT_EQ(Reattach(), RingsAfter::kKept);
}

TEST_F(DeviceInflightTest, ABackendThatGoesAgainBeforeItStartedLosesNothing) {
  Start();
  Stand(0, 8, 3);
  LosePeer();
  ASSERT_EQ(Reattach(), RingsAfter::kKept);
  rig_.backend->FailWhenSent(
      7, Error::Make(ErrorCode::kDisconnected, "it went away"));
  ASSERT_FALSE(rig_.device->Start());
  ASSERT_EQ(rig_.device->state(), DeviceState::kNeedsReset);

  EXPECT_EQ(Reattach(), RingsAfter::kKept);
  EXPECT_THAT(NotesAndBases(), IsSupersetOf({"BASE 0 = 3"}));
}

// Where the rings stand nobody knows then: a second try begins anew.
TEST_F(DeviceInflightTest, KeptRingsThatABackendRefusesAreGivenUp) {
  Start();
  Stand(0, 8, 3);
  LosePeer();
  ASSERT_EQ(Reattach(), RingsAfter::kKept);
  // Two calls, features, status, GET_STATUS, then SET_INFLIGHT_FD.
  rig_.backend->FailWhenSent(5, Error::Make(ErrorCode::kRefused, "no"));

  EXPECT_EQ(CodeOf(rig_.device->Start()), ErrorCode::kRefused);

  EXPECT_EQ(rig_.device->state(), DeviceState::kNeedsReset);
  const auto sent = rig_.backend->Take();
  EXPECT_EQ(std::ranges::count(sent, "SET_INFLIGHT 2 x 8"), 1);
  EXPECT_EQ(std::ranges::count(sent, "KICK 0"), 0) << "no ring was told";
  EXPECT_EQ(Reattach(), RingsAfter::kAfresh);
  EXPECT_TRUE(IsZero(0));
}

TEST_F(DeviceInflightTest, KeptRingsAreGivenUpWhateverFollowsTheRefusal) {
  Start();
  Stand(0, 8, 3);
  LosePeer();
  ASSERT_EQ(Reattach(), RingsAfter::kKept);
  // SET_INFLIGHT_FD, and the STATUS 0 that undoes what came before it.
  rig_.backend->FailWhenSent(5, Error::Make(ErrorCode::kRefused, "no"));
  rig_.backend->FailWhenSent(6, Error::Make(ErrorCode::kRefused, "no"));

  EXPECT_EQ(CodeOf(rig_.device->Start()), ErrorCode::kRefused);

  EXPECT_EQ(rig_.device->state(), DeviceState::kNeedsReset);
  EXPECT_EQ(kept_fds(), 0u);
  EXPECT_EQ(Reattach(), RingsAfter::kAfresh);
}

TEST_F(DeviceInflightTest, APlaceThatIsRefusedAtFirstLeavesADeviceToStart) {
  rig_.backend->FailWhenSent(6, Error::Make(ErrorCode::kRefused, "no"));
  EXPECT_EQ(CodeOf(rig_.device->Start()), ErrorCode::kRefused);
  EXPECT_EQ(rig_.device->state(), DeviceState::kNegotiated);
  (void)rig_.backend->Take();
  EXPECT_THAT(NotesAndBases(),
              ElementsAre("SET_INFLIGHT 2 x 8", "BASE 0 = 0", "BASE 1 = 0"));
}

// What was in flight belongs to the driver that was; its rings do as well.
TEST_F(DeviceInflightTest, ADriverThatBeginsAnewForgetsKeptRings) {
  const std::function<void()> ways[] = {
      [&] {
        ASSERT_TRUE(rig_.device->Negotiate(rig_.device->accepted()));
        ASSERT_EQ(CodeOf(rig_.device->Start()), ErrorCode::kWrongState);
        ASSERT_TRUE(rig_.driver->ConfigurePairs(1));
      },
      [&] { ASSERT_TRUE(rig_.driver->ConfigurePairs(1)); }};
  for (const auto& begin_anew : ways) {
    Start();
    Stand(0, 8, 3);
    LosePeer();
    ASSERT_EQ(Reattach(), RingsAfter::kKept);

    begin_anew();

    EXPECT_EQ(kept_fds(), 0u);
    EXPECT_THAT(NotesAndBases(),
                ElementsAre("GET_INFLIGHT 2 x 8", "SET_INFLIGHT 2 x 8",
                            "BASE 0 = 0", "BASE 1 = 0"));
  }
}

TEST_F(DeviceInflightTest, ARingWhoseMemoryHasGoneCannotBeKept) {
  Start();
  Stand(0, 8, 3);
  LosePeer();
  rig_.driver->FreeMemory();
  for (const auto id : rig_.memory.region_ids()) {
    ASSERT_TRUE(rig_.memory.RemoveRegion(id));
  }
  EXPECT_EQ(Reattach(), RingsAfter::kAfresh);
  EXPECT_FALSE(rig_.device->vring(0).configured());
}

TEST_F(DeviceInflightTest, BeforeAnyStartThereIsNothingToKeep) {
  EXPECT_EQ(Reattach(), RingsAfter::kAfresh);
  EXPECT_THAT(NotesAndBases(), IsSupersetOf({"GET_INFLIGHT 2 x 8"}));
}

TEST_F(DeviceInflightTest, ADeviceThatGoesClosesWhatItKept) {
  Start();
  backend_sim::FdTable& fds = rig_.backend->inflight_fds;
  EXPECT_EQ(fds.open_count(), 1u);
  LosePeer();
  EXPECT_EQ(fds.open_count(), 1u);
  ASSERT_TRUE(rig_.device->Reattach());
  EXPECT_EQ(fds.open_count(), 0u);
}

// Where a packed ring stands cannot be read off the ring. libvhost-user serves
// no ring without notes all the same, once the bit is acknowledged.
TEST(DeviceInflightPacked, PackedRingsHaveAPlaceAndAlwaysStartAfresh) {
  RecordingRig rig;
  rig.backend->features.Add(Feature::kRingPacked);
  rig.backend->capabilities.inflight = true;
  ASSERT_TRUE(rig.Create({.queue_size = 8, .packed = true}));
  ASSERT_TRUE(rig.device->Negotiate(rig.device->offered()));
  ASSERT_EQ(rig.device->ring_format(), RingFormat::kPacked);
  for (const uint16_t vring : {uint16_t{0}, uint16_t{1}}) {
    const auto block = rig.memory.Allocate(
        RingLayout::BytesFor(RingFormat::kPacked, 8), RingLayout::kAlign);
    ASSERT_TRUE(block);
    ASSERT_TRUE(rig.device->ConfigureRing(
        vring, *RingLayout::PlaceIn(*block, RingFormat::kPacked, 8)));
  }
  ASSERT_TRUE(rig.device->Start());
  EXPECT_THAT(rig.backend->Take(),
              IsSupersetOf({"GET_INFLIGHT 2 x 8", "SET_INFLIGHT 2 x 8"}));
  rig.backend->Close();
  (void)rig.device->Poll();

  const auto after = rig.device->ReattachKeepingRings();

  ASSERT_TRUE(after.has_value());
  EXPECT_EQ(*after, RingsAfter::kAfresh);
  EXPECT_EQ(rig.backend->inflight_fds.open_count(), 0u);
}

}  // namespace
}  // namespace virtio_user
