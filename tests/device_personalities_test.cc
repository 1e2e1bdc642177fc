// SPDX-License-Identifier: BSD-3-Clause
//
// The device on back-ends that are old, strict, slow, mortal or hostile.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "tests/fakes/sim_rig.h"

namespace virtio_user {
namespace {

using backend_sim::SimWorldOptions;
using testing_support::SimRig;

constexpr uint16_t kPairs = 3;

SimWorldOptions With(std::string_view personality, uint64_t seed = 1) {
  SimWorldOptions options;
  options.seed = seed;
  options.personality = *backend_sim::FindPersonality(personality);
  return options;
}

class EveryPersonality : public testing::TestWithParam<const char*> {};

INSTANTIATE_TEST_SUITE_P(Devices, EveryPersonality,
                         testing::Values("vpp-like", "strict", "slow",
                                         "lib-vhost"));

TEST_P(EveryPersonality, ServesALifeAndASecondOneWithoutABreach) {
  SimRig rig(With(GetParam()));
  ASSERT_TRUE(rig.Run(kPairs));
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(rig.driver->SetPairs(kPairs), kCtrlAckOk);
    rig.world.RunUntilIdle();
    for (size_t i = 0; i < 2 * kPairs; ++i) {
      EXPECT_TRUE(rig.ring(i).started()) << i;
      EXPECT_TRUE(rig.ring(i).enabled()) << i;
      EXPECT_TRUE(rig.world.model().Serving(rig.ring(i))) << i;
    }
    ASSERT_TRUE(rig.device->Stop());
    ASSERT_TRUE(rig.device->Start());
  }
  EXPECT_EQ(rig.Complaints(), "");
}

TEST(SlowBackend, TakesTimeAndNeverTheWholeBudget) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    SimRig rig(With("slow", seed));
    const auto started = rig.Run(kPairs);
    ASSERT_TRUE(started) << started.error().text();
    EXPECT_GT(rig.world.clock().now(), Duration(0));
    EXPECT_LT(rig.world.clock().now(), kDefaultCallBudget / 2);
  }
}

TEST(SlowBackend, Serves128PairsInTime) {
  SimRig rig(With("slow"));
  ASSERT_TRUE(rig.Run(128));
  EXPECT_EQ(rig.driver->SetPairs(128), kCtrlAckOk);
}

// One life after the other, until a seed's back-end has lived through one.
TEST(CrashProneBackend, CanAlwaysBeCalledAgainAndLeavesNothing) {
  std::set<std::string> seen;
  size_t crashes = 0;
  for (uint64_t seed = 1; seed <= 150; ++seed) {
    SimRig rig(With("crash-prone", seed));
    for (int life = 0; life < 8; ++life) {
      const Duration before = rig.world.clock().now();
      Result<void> done;
      if (rig.device == nullptr) {
        done = rig.Prepare(kPairs);
      } else if (rig.device->state() == DeviceState::kNeedsReset) {
        done = rig.device->Reattach();
      }
      if (done && rig.device->state() != DeviceState::kRunning) {
        done = rig.device->Start();
      }
      if (done) (void)rig.driver->SetPairs(kPairs);
      EXPECT_LE(rig.world.clock().now() - before, 3 * kDefaultCallBudget);
      if (rig.device != nullptr) (void)rig.device->Stop();
      if (rig.world.channel().Poll() != LinkState::kUp) ++crashes;
      const auto& offered = rig.world.model().personality();
      seen.insert(offered.name + std::to_string(offered.features) + "/" +
                  std::to_string(offered.protocol_features) + "/" +
                  std::to_string(offered.max_pairs));
      if (rig.device == nullptr) rig.Destroy();
    }
    rig.Destroy();
    EXPECT_EQ(rig.device_fds(), 0u) << seed;
    EXPECT_EQ(rig.world.server_fds().Balance(), "") << seed;
    EXPECT_TRUE(rig.world.fds().violations().empty()) << seed;
  }
  EXPECT_GT(crashes, 50u);
  // The same, fewer features of either kind, one pair, two other ones.
  EXPECT_EQ(seen.size(), 6u);
}

TEST(HostileBackend, NeitherHangsNorLeaksNorCrashes) {
  size_t failures = 0;
  for (uint64_t seed = 1; seed <= 150; ++seed) {
    SimRig rig(With("hostile", seed));
    const Result<void> started = rig.Run(kPairs);
    if (!started) ++failures;
    if (rig.device != nullptr) {
      (void)rig.driver->SetPairs(kPairs);
      (void)rig.device->Stop();
    }
    EXPECT_LE(rig.world.clock().now(), 4 * kDefaultCallBudget);
    rig.Destroy();
    EXPECT_EQ(rig.device_fds(), 0u) << seed;
    EXPECT_EQ(rig.world.server_fds().Balance(), "") << seed;
    EXPECT_TRUE(rig.world.fds().violations().empty()) << seed;
  }
  // Most lives meet a lie, and not all do.
  EXPECT_GT(failures, 50u);
  EXPECT_LT(failures, 150u);
}

}  // namespace
}  // namespace virtio_user
