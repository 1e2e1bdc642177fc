// SPDX-License-Identifier: BSD-3-Clause
//
// What a user can get wrong, and what a back-end lets a user have.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <limits>

#include "tests/fakes/recording_rig.h"
#include "tests/fakes/sim_rig.h"

namespace virtio_user {
namespace {

using backend_sim::Personality;
using testing::AllOf;
using testing::HasSubstr;
using testing_support::RecordingRig;
using testing_support::SimRig;

// Create with these options: its error, or "" and nothing for success. Either
// way no descriptor is left once the device is gone.
Error CreateError(const DeviceOptions& options) {
  RecordingRig rig;
  const Result<void> made = rig.Create(options);
  EXPECT_FALSE(made);
  EXPECT_EQ(rig.device_fds(), 0u);
  EXPECT_EQ(rig.memory.listener_count(), 0u);
  return made ? Error::Make(ErrorCode::kSystem, "it succeeded") : made.error();
}

TEST(DeviceOptionsTest, S31_F06_QueuesOutOfRangeAreRefusedWithTheirValue) {
  for (const int64_t queues :
       {int64_t{0}, int64_t{-1}, int64_t{65537}, int64_t{65536},
        int64_t{kMaxQueuePairs} + 1, std::numeric_limits<int64_t>::max(),
        std::numeric_limits<int64_t>::min()}) {
    const Error error =
        CreateError({.queue_pairs = queues, .control_queue = true});
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
    EXPECT_THAT(error.text(), HasSubstr("queues " + std::to_string(queues)));
  }
}

TEST(DeviceOptionsTest, S31_QueuesAboveTheBackendsLimitAreRefusedWithBoth) {
  SimRig rig;

  const Result<void> made = rig.Create(SimRig::Options(129));

  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_THAT(made.error().text(),
              AllOf(HasSubstr("queues 129"), HasSubstr("1 to 128")));
  EXPECT_EQ(rig.device_fds(), 0u);
}

// Before anybody was asked: no peer of such a back-end could be told of more.
TEST(DeviceOptionsTest, QueuesThatTheBackendCannotNameAreRefusedWithItsLimit) {
  for (const int64_t queues : {int64_t{0}, int64_t{129}, int64_t{40000}}) {
    RecordingRig rig;
    rig.backend->capabilities.queue_pair_limit = 128;
    const Result<void> made =
        rig.Create({.queue_pairs = queues, .control_queue = true});
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().code(), ErrorCode::kInvalidArgument);
    EXPECT_THAT(made.error().text(),
                AllOf(HasSubstr("queues " + std::to_string(queues)),
                      HasSubstr("1 to 128")));
  }
}

TEST(DeviceOptionsTest, AsManyQueuesAsTheBackendServesArePossible) {
  SimRig rig;

  ASSERT_TRUE(rig.Create(SimRig::Options(128)));

  EXPECT_EQ(rig.device_fds(), 4 * 128u + 2);  // And the connection.
  rig.Destroy();
  EXPECT_EQ(rig.device_fds(), 0u);
}

TEST(DeviceOptionsTest, S32_QueueSizesThatNoSplitRingHasAreRefused) {
  for (const int64_t size :
       {int64_t{0}, int64_t{3}, int64_t{65536}, int64_t{65792}, int64_t{-256},
        int64_t{255}, int64_t{1} << 32, (int64_t{1} << 32) + 256}) {
    const Error error = CreateError({.queue_size = size});
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
    EXPECT_THAT(error.text(), HasSubstr("queue_size " + std::to_string(size)));
  }
}

TEST(DeviceOptionsTest, EveryPowerOfTwoUpTo32768IsAQueueSize) {
  for (int64_t size = 1; size <= 32768; size *= 2) {
    RecordingRig rig;
    EXPECT_TRUE(rig.Create({.queue_size = size})) << size;
  }
}

TEST(DeviceOptionsTest, SeveralQueuesNeedTheControlQueue) {
  const Error error = CreateError({.queue_pairs = 2});

  EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
  EXPECT_THAT(error.text(), HasSubstr("cq=1"));
}

TEST(DeviceOptionsTest, S36_AMacThatNoStationCanHaveIsRefused) {
  const Error zero = CreateError({.mac = MacAddress{}});
  const Error multicast =
      CreateError({.mac = MacAddress{{1, 0, 0x5e, 0, 0, 1}}});

  EXPECT_EQ(zero.code(), ErrorCode::kInvalidArgument);
  EXPECT_THAT(multicast.text(), HasSubstr("01:00:5e:00:00:01"));
}

TEST(DeviceOptionsTest, ABudgetOfNothingIsRefused) {
  EXPECT_EQ(CreateError({.call_budget = Duration(0)}).code(),
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(CreateError({.call_budget = Duration(-1)}).code(),
            ErrorCode::kInvalidArgument);
}

TEST(DeviceOptionsTest, EveryCallGetsTheBudgetOfTheOptions) {
  RecordingRig rig;

  ASSERT_TRUE(rig.Create({.call_budget = std::chrono::milliseconds(7)}));

  EXPECT_EQ(rig.backend->last_budget(), std::chrono::milliseconds(7));
}

// H8: the driver must not believe in one pair while the device has several.
TEST(DeviceOptionsTest, S07_H8_SeveralQueuesWithoutProtocolMqAreRefused) {
  Personality personality = Personality::Conforming();
  personality.protocol_features &= ~backend_sim::Bit(backend_sim::kProtocolMq);
  SimRig rig(personality);

  const Result<void> made = rig.Create(SimRig::Options(2));

  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_THAT(made.error().text(), HasSubstr("VHOST_USER_PROTOCOL_F_MQ"));
}

TEST(DeviceOptionsTest, S06_S07_H7_WithoutBit30MqIsNotOfferedAtAll) {
  Personality personality = Personality::Legacy();
  personality.features |= backend_sim::Bit(backend_sim::kBitMq);
  SimRig rig(personality);

  ASSERT_TRUE(rig.Create(SimRig::Options(1)));

  EXPECT_FALSE(rig.device->offered().Has(Feature::kNetMq));
  EXPECT_FALSE(rig.device->backend_caps().ring_enable);
}

TEST(DeviceOptionsTest, S38_WhatTheDeviceHasAndWhatWeAddAreKeptApart) {
  SimRig rig(Personality::LibVhost());
  DeviceOptions options = SimRig::Options(1);
  options.mac = MacAddress{{2, 0, 0, 0, 0, 1}};

  ASSERT_TRUE(rig.Create(options));

  EXPECT_FALSE(rig.device->device_features().Has(Feature::kNetMac));
  EXPECT_TRUE(rig.device->offered().Has(Feature::kNetMac));
  EXPECT_FALSE(rig.device->device_features().Has(Feature::kNetStatus));
}

TEST(DeviceOptionsTest, S37_LinkStatusIsOfferedByWhatTheBackendCanTell) {
  RecordingRig with;
  RecordingRig without;
  without.backend->capabilities.link_state = false;
  without.backend->features.Add(Feature::kNetStatus);

  ASSERT_TRUE(with.Create());
  ASSERT_TRUE(without.Create());

  EXPECT_TRUE(with.device->offered().Has(Feature::kNetStatus));
  EXPECT_FALSE(without.device->offered().Has(Feature::kNetStatus));
}

TEST(DeviceOptionsTest, TheMacOfTheBackendIsTakenWhereTheUserGaveNone) {
  SimRig rig;

  ASSERT_TRUE(rig.Create(SimRig::Options(1)));

  EXPECT_EQ(rig.device->mac(),
            (MacAddress{{0x02, 0x76, 0x75, 0x73, 0x65, 0x72}}));
  EXPECT_TRUE(rig.device->offered().Has(Feature::kNetMac));
}

TEST(DeviceOptionsTest, TheMacOfTheUserWins) {
  SimRig rig;
  DeviceOptions options = SimRig::Options(1);
  options.mac = MacAddress{{2, 0, 0, 0, 0, 9}};

  ASSERT_TRUE(rig.Create(options));

  EXPECT_EQ(rig.device->mac(), options.mac);
}

class ConfigSpace : public testing::Test {
 protected:
  ConfigSpace() {
    rig_.backend->capabilities.config = true;
    rig_.backend->features.Add(Feature::kNetMac);
    rig_.backend->config.resize(10);
    SetPairs(4);
  }
  void SetPairs(uint8_t pairs) {
    rig_.backend->config[8] = static_cast<std::byte>(pairs);
  }
  RecordingRig rig_;
};

TEST_F(ConfigSpace, FewerPairsThanTheUserWantsAreTheLimit) {
  const Result<void> made =
      rig_.Create({.queue_pairs = 5, .control_queue = true});

  ASSERT_FALSE(made);
  EXPECT_THAT(made.error().text(), HasSubstr("at most 4"));
}

TEST_F(ConfigSpace, ZeroPairsBreakTheProtocol) {
  SetPairs(0);

  const Result<void> made = rig_.Create();

  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code(), ErrorCode::kProtocol);
}

TEST_F(ConfigSpace, AnAddressThatNoStationCanHaveIsNotOffered) {
  rig_.backend->config[0] = std::byte{0x01};

  ASSERT_TRUE(rig_.Create());

  EXPECT_EQ(rig_.device->mac(), std::nullopt);
  EXPECT_FALSE(rig_.device->offered().Has(Feature::kNetMac));
}

TEST_F(ConfigSpace, ARefusalIsAnAnswerAndNothingIsLearnt) {
  rig_.backend->FailWhenSent(2, Error::Make(ErrorCode::kRefused, "no"));

  ASSERT_TRUE(rig_.Create({.queue_pairs = 5, .control_queue = true}));

  EXPECT_EQ(rig_.device->mac(), std::nullopt);
}

TEST_F(ConfigSpace, APeerThatIsLostMeanwhileFailsCreate) {
  rig_.backend->FailWhenSent(2, Error::Make(ErrorCode::kDeadline, "late"));

  const Result<void> made = rig_.Create();

  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code(), ErrorCode::kDeadline);
}

TEST_F(ConfigSpace, IsNotReadForNothing) {
  rig_.backend->features = {Feature::kVersion1};

  ASSERT_TRUE(rig_.Create());

  EXPECT_THAT(rig_.backend->sent(),
              testing::ElementsAre("OWNER", "GET_FEATURES"));
}

}  // namespace
}  // namespace virtio_user
