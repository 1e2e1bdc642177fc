// SPDX-License-Identifier: BSD-3-Clause
//
// Making a device, choosing features, giving it rings.

#include "virtio_user/device/device.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <vector>

#include "tests/fakes/outcome.h"
#include "tests/fakes/recording_rig.h"
#include "tests/fakes/sim_rig.h"

namespace virtio_user {
namespace {

using backend_sim::FdCall;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing_support::CodeOf;
using testing_support::RecordingRig;
using testing_support::SimRig;
using testing_support::TextOf;

// A provider whose Subscribe answers what the test says.
class StubbornMemory final : public MemoryProvider {
 public:
  explicit StubbornMemory(const Error& error) : error_(error) {}
  void WithTable(FunctionRef<void(const MemoryTable&)> use) override {
    use(MemoryTable());
  }
  Result<std::span<std::byte>> Allocate(size_t, size_t) override {
    return std::unexpected(error_);
  }
  void Free(std::span<std::byte>) override {}
  Result<void> Subscribe(MemoryListener&) override {
    return std::unexpected(error_);
  }
  void Unsubscribe(MemoryListener&) override { ++unsubscribed; }

  int unsubscribed = 0;

 private:
  Error error_;
};

TEST(DeviceTest, StatesHaveNames) {
  EXPECT_EQ(ToString(DeviceState::kCreated), "created");
  EXPECT_EQ(ToString(DeviceState::kNegotiated), "negotiated");
  EXPECT_EQ(ToString(DeviceState::kRunning), "running");
  EXPECT_EQ(ToString(DeviceState::kNeedsReset), "needs reset");
}

TEST(DeviceTest, AFreshDeviceIsConnectedAndHasFourDescriptorsAPair) {
  RecordingRig rig;

  ASSERT_TRUE(rig.Create({.queue_pairs = 3, .control_queue = true}));

  EXPECT_EQ(rig.device->state(), DeviceState::kCreated);
  EXPECT_EQ(rig.device->link(), LinkState::kUp);
  EXPECT_EQ(rig.device->active_pairs(), 0);
  EXPECT_EQ(rig.device_fds(), 12u);
}

// S20: what was made is undone, nothing else is closed. S22: there is no
// second array that could leak.
TEST(DeviceTest, S20_S22_AnEventfdThatFailsAtAnyStepLeavesNoDescriptor) {
  for (const uint16_t pairs : {uint16_t{1}, uint16_t{4}}) {
    for (uint64_t k = 1; k <= 4u * pairs; ++k) {
      SCOPED_TRACE(testing::Message() << pairs << " pairs, call " << k);
      SimRig rig;
      rig.world.fds().FailCall(FdCall::kCreateEvent, k);

      const Result<void> made = rig.Create(SimRig::Options(pairs));

      ASSERT_FALSE(made);
      EXPECT_EQ(made.error().code(), ErrorCode::kSystem);
      EXPECT_EQ(rig.device_fds(), 0u);
      EXPECT_EQ(rig.world.fds().mapped_count(), 0u);
      EXPECT_EQ(rig.world.server_fds().Balance(), "");
      EXPECT_THAT(rig.world.fds().violations(), IsEmpty());
      EXPECT_EQ(rig.world.memory().listener_count(), 0u);
    }
  }
}

TEST(DeviceTest, ADeviceThatIsDestroyedLeavesNoDescriptor) {
  for (const uint16_t pairs : {uint16_t{1}, uint16_t{4}}) {
    SimRig rig;
    ASSERT_TRUE(rig.Run(pairs));

    rig.Destroy();

    EXPECT_EQ(rig.device_fds(), 0u);
    EXPECT_EQ(rig.world.server_fds().Balance(), "");
    EXPECT_EQ(rig.Complaints(), "");
  }
}

TEST(DeviceTest, S21_S23_AnOperationThatFailsInCreateLeavesNothing) {
  for (size_t k = 0; k < 2; ++k) {
    RecordingRig rig;
    const std::weak_ptr<int> backend = rig.backend->alive;
    rig.backend->FailWhenSent(k, Error::Make(ErrorCode::kProtocol, "rubbish"));

    const Result<void> made = rig.Create();

    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().text(), "rubbish");
    EXPECT_EQ(rig.device_fds(), 0u);
    EXPECT_TRUE(backend.expired());
    EXPECT_EQ(rig.memory.listener_count(), 0u);
  }
}

TEST(DeviceTest, F03_NobodyAtTheOtherEndFailsCreate) {
  RecordingRig rig;
  rig.backend->peer_present = false;

  const Result<void> made = rig.Create();

  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code(), ErrorCode::kDisconnected);
}

TEST(DeviceTest, F19_MemoryWithoutEventsIsGoodEnough) {
  StubbornMemory memory(Error::Make(ErrorCode::kUnsupported, "no events"));
  RecordingRig rig;
  {
    const auto made =
        Device::Create({}, {.backend = std::move(rig.next_backend),
                            .memory = memory,
                            .fds = rig.fds,
                            .quiescer = rig.quiescer});
    EXPECT_TRUE(made);
  }
  EXPECT_EQ(memory.unsubscribed, 0);
}

TEST(DeviceTest, S25_F19_AnySubscribeErrorButUnsupportedFailsCreate) {
  StubbornMemory memory(Error::Make(ErrorCode::kSystem, "EEXIST"));
  RecordingRig rig;

  const auto made = Device::Create({}, {.backend = std::move(rig.next_backend),
                                        .memory = memory,
                                        .fds = rig.fds,
                                        .quiescer = rig.quiescer});

  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().text(), "EEXIST");
  EXPECT_EQ(rig.device_fds(), 0u);
  EXPECT_EQ(memory.unsubscribed, 0);
}

TEST(DeviceTest, S25_S40_H11_NoEventReachesADeviceThatIsGone) {
  RecordingRig rig;
  ASSERT_TRUE(rig.Run(1));

  rig.device.reset();

  EXPECT_EQ(rig.memory.listener_count(), 0u);
  EXPECT_TRUE(rig.memory.AddRegion(4096));
}

TEST(DeviceTest, S29_VectorIIsTheCallDescriptorOfRxRingI) {
  RecordingRig rig;
  ASSERT_TRUE(rig.Create({.queue_pairs = 4, .control_queue = true}));

  const InterruptMap map = rig.device->interrupt_map();

  EXPECT_THAT(map.rx_call_fds, ElementsAre(rig.device->vring(0).call.get(),
                                           rig.device->vring(2).call.get(),
                                           rig.device->vring(4).call.get(),
                                           rig.device->vring(6).call.get()));
  EXPECT_EQ(map.vector_count, 5u);
  EXPECT_EQ(map.link_fd, rig.device->PollFd());
}

TEST(DeviceTest, S28_TheInterruptMapIsAValueThatOutlivesTheDevice) {
  RecordingRig rig;
  ASSERT_TRUE(rig.Create());
  const InterruptMap map = rig.device->interrupt_map();

  rig.device.reset();

  EXPECT_EQ(map.rx_call_fds.size(), 1u);
}

TEST(DeviceTest, TheLinkDescriptorIsTheConnectionOrNone) {
  RecordingRig rig;
  ASSERT_TRUE(rig.Create());
  EXPECT_EQ(rig.device->interrupt_map().link_fd, 77);

  rig.backend->Close();

  EXPECT_EQ(rig.device->interrupt_map().link_fd, -1);
}

TEST(DeviceTest, DescriptorsOfRingsAreDistinct) {
  RecordingRig rig;
  ASSERT_TRUE(rig.Create({.queue_pairs = 4, .control_queue = true}));

  std::set<int> fds;
  for (uint16_t i = 0; i < 8; ++i) {
    fds.insert(rig.device->vring(i).call.get());
    fds.insert(rig.device->vring(i).kick.get());
  }

  EXPECT_EQ(fds.size(), 16u);
  EXPECT_EQ(fds.count(-1), 0u);
}

TEST(DeviceTest, WhatWasNotOfferedCannotBeAccepted) {
  RecordingRig rig;
  ASSERT_TRUE(rig.Create());

  const Result<void> chosen = rig.device->Negotiate({Feature::kRingPacked});

  ASSERT_FALSE(chosen);
  EXPECT_EQ(chosen.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(rig.device->state(), DeviceState::kCreated);
}

TEST(DeviceTest, F13_FeaturesAreNotChosenWhileItRunsOrNeedsAReset) {
  RecordingRig rig;
  ASSERT_TRUE(rig.Run(1));
  EXPECT_EQ(CodeOf(rig.device->Negotiate({})), ErrorCode::kWrongState);
  rig.backend->Close();
  (void)rig.device->Poll();

  EXPECT_EQ(CodeOf(rig.device->Negotiate({})), ErrorCode::kWrongState);
}

TEST(DeviceTest, F05_AChoiceCanBeWidenedAgainAfterANarrowOne) {
  RecordingRig rig;
  ASSERT_TRUE(rig.Create());
  const FeatureSet all = rig.device->offered();

  ASSERT_TRUE(rig.device->Negotiate({}));
  EXPECT_EQ(rig.device->offered(), all);
  ASSERT_TRUE(rig.device->Negotiate(all));

  EXPECT_EQ(rig.device->accepted(), all);
}

TEST(DeviceTest, TheSameChoiceKeepsTheRingsAndAnotherForgetsThem) {
  RecordingRig rig;
  ASSERT_TRUE(rig.Prepare(1));
  const FeatureSet all = rig.device->accepted();

  ASSERT_TRUE(rig.device->Negotiate(all));
  EXPECT_TRUE(rig.device->vring(0).configured());
  ASSERT_TRUE(rig.device->Negotiate({}));

  EXPECT_FALSE(rig.device->vring(0).configured());
  EXPECT_EQ(CodeOf(rig.device->Start()), ErrorCode::kWrongState);
}

TEST(DeviceTest, TheControlQueueComesAfterAllPairsWithMqAndThirdWithout) {
  RecordingRig rig;
  ASSERT_TRUE(rig.Create({.queue_pairs = 4, .control_queue = true}));

  ASSERT_TRUE(rig.device->Negotiate(rig.device->offered()));
  EXPECT_EQ(rig.device->control_queue_index(), 8);
  EXPECT_EQ(rig.device->max_pairs(), 4);
  ASSERT_TRUE(rig.device->Negotiate(rig.device->offered() &
                                    ~FeatureSet{Feature::kNetMq}));

  EXPECT_EQ(rig.device->control_queue_index(), 2);
  EXPECT_EQ(rig.device->max_pairs(), 1);
}

TEST(DeviceTest, RingsAreGivenOnlyToANegotiatedDevice) {
  RecordingRig rig;
  ASSERT_TRUE(rig.Create({.queue_size = 8, .control_queue = true}));
  const RingLayout ring = rig.driver->NewRing();

  EXPECT_EQ(CodeOf(rig.device->ConfigureRing(0, ring)), ErrorCode::kWrongState);
  EXPECT_EQ(CodeOf(rig.device->ConfigureControlRing(ring)),
            ErrorCode::kWrongState);
}

TEST(DeviceTest, ARingThatTheDeviceHasNotOrOfAnotherSizeIsRefused) {
  RecordingRig rig;
  ASSERT_TRUE(rig.Prepare(2));
  RingLayout smaller = rig.driver->NewRing();
  smaller.num = 4;

  EXPECT_THAT(TextOf(rig.device->ConfigureRing(4, rig.driver->NewRing())),
              HasSubstr("ring 4: the device has rings 0 to 3"));
  EXPECT_THAT(TextOf(rig.device->ConfigureRing(0, smaller)),
              HasSubstr("queue_size is 8"));
}

// Nothing of a driver may end the process.
TEST(DeviceTest, S75_ARingWithoutMemoryOrAlignmentIsRefused) {
  RecordingRig rig;
  ASSERT_TRUE(rig.Prepare(1));
  RingLayout empty = rig.driver->NewRing();
  empty.device = nullptr;
  RingLayout crooked = rig.driver->NewRing();
  crooked.desc += 8;

  for (const RingLayout& layout : {empty, crooked}) {
    const Result<void> ring = rig.device->ConfigureRing(0, layout);
    const Result<void> control = rig.device->ConfigureControlRing(layout);
    ASSERT_FALSE(ring);
    EXPECT_EQ(ring.error().code(), ErrorCode::kInvalidArgument);
    ASSERT_FALSE(control);
    EXPECT_EQ(control.error().code(), ErrorCode::kInvalidArgument);
  }
}

TEST(DeviceTest, AControlRingNeedsTheFeature) {
  RecordingRig rig;
  ASSERT_TRUE(rig.Create({.queue_size = 8}));
  ASSERT_TRUE(rig.driver->SetUp(1));

  const Result<void> given =
      rig.device->ConfigureControlRing(rig.driver->NewRing());

  ASSERT_FALSE(given);
  EXPECT_EQ(given.error().code(), ErrorCode::kUnsupported);
}

TEST(DeviceTest, AGapBetweenPairsIsNamedByStart) {
  RecordingRig rig;
  ASSERT_TRUE(
      rig.Create({.queue_pairs = 3, .queue_size = 8, .control_queue = true}));
  ASSERT_TRUE(rig.device->Negotiate(rig.device->offered()));
  EXPECT_THAT(TextOf(rig.device->Start()), HasSubstr("pair 0"));
  ASSERT_TRUE(rig.driver->ConfigurePairs(1));
  ASSERT_TRUE(rig.device->ConfigureRing(5, rig.driver->NewRing()));

  const Result<void> started = rig.device->Start();

  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code(), ErrorCode::kWrongState);
  EXPECT_THAT(started.error().text(), HasSubstr("ring 5"));
}

}  // namespace
}  // namespace virtio_user
