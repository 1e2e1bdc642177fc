// SPDX-License-Identifier: BSD-3-Clause
//
// The back-end over the simulated vhost-net: presence, batches, features,
// memory.

#include "virtio_user/os/vhost_kernel_backend.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/if_tun.h>

#include <cerrno>
#include <string>

#include "tests/fakes/vhost_net_rig.h"

namespace virtio_user {
namespace {

using backend_sim::OpenedFile;
using testing::HasSubstr;
using testing_support::VhostNetRig;

using enum Feature;

class VhostKernelBackendTest : public testing::Test {
 protected:
  void Make(VhostKernelOptions options = {}) {
    backend_ = rig_.MakeBackend(std::move(options));
  }
  void Attach(VhostKernelOptions options = {}) {
    Make(std::move(options));
    const auto attached = backend_->link().Attach();
    ASSERT_TRUE(attached) << attached.error().text();
    ASSERT_TRUE(backend_->SetOwner());
    rig_.TakeTranscript();
  }
  // Why it cannot attach; nothing is left open.
  Error Refusal(VhostKernelOptions options = {}) {
    Make(std::move(options));
    const auto attached = backend_->link().Attach();
    EXPECT_FALSE(attached);
    EXPECT_EQ(rig_.device_fds(), 0u);
    EXPECT_EQ(backend_->link().Poll(), LinkState::kDown);
    return attached ? Error::Make(ErrorCode::kSystem, "attached")
                    : attached.error();
  }
  Result<void> Share() {
    Result<void> done;
    rig_.world.memory().WithTable(
        [&](const MemoryTable& table) { done = backend_->SetMemTable(table); });
    return done;
  }
  const backend_sim::TapInterface& Tap(const std::string& name = "tap0") {
    return *rig_.world.taps().Interface(name);
  }

  VhostNetRig rig_;
  std::unique_ptr<VhostKernelBackend> backend_;
};

// --- Presence ----------------------------------------------------------------

TEST_F(VhostKernelBackendTest, BeforeAttach_NothingIsOpenAndNobodyIsThere) {
  Make({.queue_pairs = 4});

  EXPECT_EQ(rig_.device_fds(), 0u);
  EXPECT_EQ(backend_->link().Poll(), LinkState::kDown);
  EXPECT_EQ(backend_->caps().queue_pair_limit, 4u);
  EXPECT_TRUE(backend_->caps().ring_enable);
  EXPECT_FALSE(backend_->caps().link_state);
  EXPECT_FALSE(backend_->caps().status);
  EXPECT_FALSE(backend_->caps().config);
  const auto owned = backend_->SetOwner();
  ASSERT_FALSE(owned);
  EXPECT_EQ(owned.error().code(), ErrorCode::kDisconnected);
}

TEST_F(VhostKernelBackendTest, Attach_OpensOneOfEachAPair) {
  Attach({.queue_pairs = 3});

  EXPECT_EQ(rig_.device_fds(), 6u);
  EXPECT_EQ(backend_->link().Poll(), LinkState::kUp);
  EXPECT_EQ(backend_->link().fd(), -1);
  EXPECT_EQ(backend_->tap_name(), "tap0");
}

TEST_F(VhostKernelBackendTest, Detach_ClosesAllOfItAndAttachWorksAgain) {
  Attach({.queue_pairs = 2});

  backend_->link().Detach();

  EXPECT_EQ(rig_.device_fds(), 0u);
  EXPECT_EQ(rig_.world.taps().interface_count(), 0u);
  EXPECT_EQ(backend_->link().Poll(), LinkState::kDown);
  backend_->link().Detach();
  ASSERT_TRUE(backend_->link().Attach());
  EXPECT_TRUE(backend_->SetOwner());
  EXPECT_EQ(rig_.device_fds(), 4u);
}

TEST_F(VhostKernelBackendTest, ATapThatIsGoneIsALinkThatIsDown) {
  Attach({.queue_pairs = 2});
  rig_.world.taps().RemoveInterface("tap0");

  EXPECT_EQ(backend_->link().Poll(), LinkState::kDown);
  backend_->link().Detach();
  ASSERT_TRUE(backend_->link().Attach());
  EXPECT_EQ(backend_->link().Poll(), LinkState::kUp);
}

TEST_F(VhostKernelBackendTest, NameAndMacAreTheTaps) {
  Attach({.ifname = "vm%d", .mac = MacAddress{{2, 0, 0, 0, 0, 7}}});

  EXPECT_EQ(backend_->tap_name(), "vm0");
  EXPECT_EQ(Tap("vm0").mac, (std::array<uint8_t, 6>{2, 0, 0, 0, 0, 7}));
}

TEST_F(VhostKernelBackendTest, OnlyTheFirstQueueIsOnUntilItsPairRuns) {
  Attach({.queue_pairs = 3});

  EXPECT_EQ(Tap().queues.size(), 1u);
  EXPECT_EQ(Tap().disabled.size(), 2u);
}

TEST_F(VhostKernelBackendTest, NoDriver_SaysWhichModule) {
  Make({.path = "/dev/vhost-nothing"});

  const auto attached = backend_->link().Attach();

  ASSERT_FALSE(attached);
  EXPECT_EQ(attached.error().code(), ErrorCode::kSystem);
  EXPECT_EQ(attached.error().sys_errno(), ENOENT);
  const std::string text(attached.error().text());
  EXPECT_THAT(text, HasSubstr("/dev/vhost-nothing"));
  EXPECT_THAT(text, HasSubstr("modprobe vhost_net"));
}

TEST_F(VhostKernelBackendTest, NoPermission_SaysSo) {
  rig_.world.calls().AddDevice("/dev/vhost-net", [] {
    return OpenedFile{.file = nullptr, .error = EACCES};
  });

  const Error error = Refusal();

  EXPECT_EQ(error.sys_errno(), EACCES);
  EXPECT_THAT(std::string(error.text()), HasSubstr("permission"));
}

TEST_F(VhostKernelBackendTest, WithoutATapNothingStaysOpen) {
  rig_.world.taps().SetAdmin(false);

  EXPECT_EQ(Refusal({.queue_pairs = 2}).sys_errno(), EPERM);
}

TEST_F(VhostKernelBackendTest, NoPair_IsRefused) {
  EXPECT_EQ(Refusal({.queue_pairs = 0}).code(), ErrorCode::kInvalidArgument);
}

// --- Features ----------------------------------------------------------------

TEST_F(VhostKernelBackendTest, TheTapAddsOffloadsToWhatTheKernelOffers) {
  Attach();

  const auto offered = backend_->GetFeatures();

  ASSERT_TRUE(offered);
  // Neither LOG_ALL nor ANY_LAYOUT nor ACCESS_PLATFORM, which are vhost's.
  EXPECT_EQ(*offered,
            (FeatureSet{kNotifyOnEmpty, kIndirectDesc, kEventIdx, kVersion1,
                        kNetMrgRxbuf, kNetCsum, kNetGuestCsum, kNetGuestTso4,
                        kNetGuestTso6, kNetHostTso4, kNetHostTso6}));
  EXPECT_FALSE(backend_->caps().multiqueue);
  EXPECT_TRUE(backend_->caps().guest_offloads);
}

TEST_F(VhostKernelBackendTest, AMultiQueueTapAddsMq) {
  Attach({.queue_pairs = 2});

  const auto offered = backend_->GetFeatures();

  ASSERT_TRUE(offered);
  EXPECT_TRUE(offered->Has(kNetMq));
  EXPECT_TRUE(backend_->caps().multiqueue);
  EXPECT_EQ(backend_->caps().max_queue_pairs, 2u);
}

TEST_F(VhostKernelBackendTest, SetFeatures_TellsVhostWhatIsNotTheTaps) {
  Attach({.queue_pairs = 2});

  ASSERT_TRUE(
      backend_->SetFeatures({kVersion1, kNetMrgRxbuf, kNetMq, kNetCsum,
                             kNetHostTso4, kNetGuestCsum, kNetGuestTso6}));

  for (const auto& vhost : rig_.world.vhosts()) {
    EXPECT_EQ(vhost->session().features,
              (FeatureSet{kVersion1, kNetMrgRxbuf}).low());
  }
  EXPECT_EQ(Tap().header_bytes, 12);
  EXPECT_EQ(Tap().offloads, unsigned{TUN_F_CSUM | TUN_F_TSO6});
}

TEST_F(VhostKernelBackendTest, ALegacyHeaderHasTenBytesAndNothingIsOffloaded) {
  Attach();

  ASSERT_TRUE(backend_->SetFeatures({}));

  EXPECT_EQ(Tap().header_bytes, 10);
  EXPECT_EQ(Tap().offloads, 0u);
}

TEST_F(VhostKernelBackendTest, GuestOffloadsAreTheTaps) {
  Attach();
  ASSERT_TRUE(backend_->SetFeatures({kVersion1, kNetGuestCsum}));

  ASSERT_TRUE(backend_->SetGuestOffloads({}));
  EXPECT_EQ(Tap().offloads, 0u);
  ASSERT_TRUE(backend_->SetGuestOffloads({kNetGuestCsum}));
  EXPECT_EQ(Tap().offloads, unsigned{TUN_F_CSUM});
}

TEST_F(VhostKernelBackendTest, AFeatureThatTheKernelDoesNotHave_IsNamed) {
  Attach();

  const auto set = backend_->SetFeatures({kVersion1, kInOrder});

  ASSERT_FALSE(set);
  EXPECT_EQ(set.error().sys_errno(), EOPNOTSUPP);
  EXPECT_THAT(std::string(set.error().text()),
              HasSubstr("VHOST_SET_FEATURES of queue pair 0"));
}

TEST_F(VhostKernelBackendTest, ABitBeyondTheWord_IsUnsupported) {
  Attach();

  const auto set = backend_->SetFeatures({kVersion1, kNetIpsec});

  ASSERT_FALSE(set);
  EXPECT_EQ(set.error().code(), ErrorCode::kUnsupported);
  EXPECT_EQ(rig_.TakeTranscript(), "");
}

// --- Memory ------------------------------------------------------------------

TEST_F(VhostKernelBackendTest, BuffersAreFoundByTheAddressThatIsPublished) {
  Attach();

  ASSERT_TRUE(Share());

  const auto vhost = rig_.world.vhosts()[0];
  rig_.world.memory().WithTable([&](const MemoryTable& table) {
    for (const MemoryRegion& region : table.regions()) {
      const auto found = vhost->memory().FromGuest(region.published, 16);
      ASSERT_TRUE(found);
      EXPECT_EQ(found->data(), region.host.data());
      EXPECT_NE(region.published,
                reinterpret_cast<uintptr_t>(region.host.data()));
    }
  });
}

TEST_F(VhostKernelBackendTest, MoreRegionsThanTheKernelTakes_IsAnArgument) {
  Attach();
  for (int i = 2; i < 65; ++i) {
    ASSERT_TRUE(rig_.world.memory().AddRegion(4096));
  }
  EXPECT_EQ(backend_->caps().max_memory_regions, 64u);

  const auto shared = Share();

  ASSERT_FALSE(shared);
  EXPECT_EQ(shared.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_THAT(std::string(shared.error().text()),
              HasSubstr("65 memory regions: the kernel takes 64"));
  EXPECT_EQ(rig_.TakeTranscript(), "");
}

TEST_F(VhostKernelBackendTest, WithoutSysfsTheKernelTakes64Regions) {
  for (const char* text : {"", "none\n", "0\n"}) {
    rig_.world.calls().AddText("/sys/module/vhost/parameters/max_mem_regions",
                               text);
    Attach();

    EXPECT_EQ(backend_->caps().max_memory_regions, 64u) << text;
  }
}

TEST_F(VhostKernelBackendTest, SysfsSaysHowManyRegionsTheKernelTakes) {
  rig_.world.calls().AddText("/sys/module/vhost/parameters/max_mem_regions",
                             "509\n");
  Attach();

  EXPECT_EQ(backend_->caps().max_memory_regions, 509u);
}

// --- Batches -----------------------------------------------------------------

TEST_F(VhostKernelBackendTest, ABatchIsCarriedOutByCommit) {
  Attach();

  Batch batch(*backend_);
  ASSERT_TRUE(backend_->SetVringNum(0, 8));
  EXPECT_EQ(rig_.TakeTranscript(), "");
  ASSERT_TRUE(batch.Commit());

  EXPECT_EQ(rig_.TakeTranscript(),
            "VHOST_SET_VRING_NUM fd=vhost0 index=0 num=8 = 0\n");
}

TEST_F(VhostKernelBackendTest, ABatchThatIsDiscardedIsNotCarriedOut) {
  Attach();
  {
    Batch batch(*backend_);
    ASSERT_TRUE(backend_->SetVringNum(0, 8));
  }
  EXPECT_EQ(rig_.TakeTranscript(), "");
  EXPECT_TRUE(backend_->SetVringNum(0, 8));
}

TEST_F(VhostKernelBackendTest, CommitNamesTheFirstFailureAndGoesNoFurther) {
  Attach();

  Batch batch(*backend_);
  ASSERT_TRUE(backend_->SetVringNum(0, 8));
  ASSERT_TRUE(backend_->SetVringNum(1, 6));
  ASSERT_TRUE(backend_->SetVringNum(1, 7));
  const auto committed = batch.Commit();

  ASSERT_FALSE(committed);
  EXPECT_EQ(committed.error().operation, BackendOperation::kSetVringNum);
  EXPECT_EQ(committed.error().vring, 1);
  EXPECT_EQ(committed.error().error.sys_errno(), EINVAL);
  EXPECT_THAT(std::string(committed.error().error.text()),
              HasSubstr("VHOST_SET_VRING_NUM of ring 1, value 6"));
  EXPECT_EQ(rig_.TakeTranscript(),
            "VHOST_SET_VRING_NUM fd=vhost0 index=0 num=8 = 0\n"
            "VHOST_SET_VRING_NUM fd=vhost0 index=1 num=6 = -EINVAL\n");
}

TEST_F(VhostKernelBackendTest, WhatHasAnAnswerIsNotForABatch) {
  Attach();
  VringBaseQuery query;

  const Batch batch(*backend_);
  const auto features = backend_->GetFeatures();
  const auto bases = backend_->GetVringBases({&query, 1});

  ASSERT_FALSE(features || bases);
  EXPECT_EQ(features.error().code(), ErrorCode::kWrongState);
  EXPECT_EQ(bases.error().code(), ErrorCode::kWrongState);
}

// Connected or not, as with the other kinds of back-ends.
TEST_F(VhostKernelBackendTest,
       WithoutAnybodyThere_AQuestionIsNotForABatchEither) {
  Make();

  const Batch batch(*backend_);
  const auto features = backend_->GetFeatures();

  ASSERT_FALSE(features);
  EXPECT_EQ(features.error().code(), ErrorCode::kWrongState);
}

TEST_F(VhostKernelBackendTest, WithoutAnybodyThere_CommitSaysDisconnected) {
  Make();

  Batch batch(*backend_);
  ASSERT_TRUE(backend_->SetVringNum(1, 8));
  const auto committed = batch.Commit();

  ASSERT_FALSE(committed);
  EXPECT_EQ(committed.error().vring, 1);
  EXPECT_EQ(committed.error().error.code(), ErrorCode::kDisconnected);
}

TEST_F(VhostKernelBackendTest, StatusAndConfigurationAreUnsupported) {
  Attach();
  std::array<std::byte, 6> bytes{};

  const auto status = backend_->GetStatus();
  const auto set_status = backend_->SetStatus(1);
  const auto config = backend_->GetConfig(0, bytes);
  const auto set_config = backend_->SetConfig(0, bytes);

  ASSERT_FALSE(status || set_status || config || set_config);
  EXPECT_EQ(status.error().code(), ErrorCode::kUnsupported);
  EXPECT_EQ(set_status.error().code(), ErrorCode::kUnsupported);
  EXPECT_EQ(config.error().code(), ErrorCode::kUnsupported);
  EXPECT_EQ(set_config.error().code(), ErrorCode::kUnsupported);
}

}  // namespace
}  // namespace virtio_user
