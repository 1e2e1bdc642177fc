// SPDX-License-Identifier: BSD-3-Clause
//
// The back-end over the simulated vhost-net: one ring at a time.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <string>
#include <vector>

#include "tests/fakes/vhost_net_rig.h"
#include "virtio_user/os/vhost_kernel_backend.h"

namespace virtio_user {
namespace {

using testing::HasSubstr;
using testing_support::VhostNetRig;

constexpr uint16_t kNum = 8;

class VhostKernelVringsTest : public testing::Test {
 protected:
  VhostKernelVringsTest() : backend_(rig_.MakeBackend({.queue_pairs = 2})) {
    EXPECT_TRUE(backend_->link().Attach());
    EXPECT_TRUE(backend_->SetOwner());
    EXPECT_TRUE(backend_->SetFeatures({Feature::kVersion1}));
    memory_ = *rig_.world.memory().Allocate(4096, 4096);
    rig_.world.memory().WithTable([&](const MemoryTable& table) {
      EXPECT_TRUE(backend_->SetMemTable(table));
      for (const auto& [offset, addr] :
           {std::pair(0, &addresses_.desc), std::pair(1024, &addresses_.avail),
            std::pair(2048, &addresses_.used)}) {
        *addr = *table.ToDevice(memory_.data() + offset, 64);
      }
    });
    rig_.TakeTranscript();
  }
  ~VhostKernelVringsTest() override {
    backend_.reset();
    rig_.world.memory().Free(memory_);
    EXPECT_EQ(rig_.device_fds(), 0u);
    EXPECT_EQ(rig_.world.kernel_fds().Balance(), "");
  }
  void SetUpRing(uint16_t vring) {
    ASSERT_TRUE(backend_->SetVringNum(vring, kNum));
    ASSERT_TRUE(backend_->SetVringBase(vring, {}));
    ASSERT_TRUE(backend_->SetVringAddr(vring, addresses_));
  }
  void Enable(uint16_t vring) {
    SetUpRing(vring);
    ASSERT_TRUE(backend_->SetVringEnable(vring, VringEnable::kEnabled));
    rig_.TakeTranscript();
  }
  backend_sim::RingModel& Ring(uint16_t vring) {
    return rig_.world.vhosts()[vring / 2]->rings()[vring % 2];
  }

  VhostNetRig rig_;
  std::unique_ptr<VhostKernelBackend> backend_;
  std::span<std::byte> memory_;
  VringAddresses addresses_;
};

TEST_F(VhostKernelVringsTest, ARingOfALaterPairIsOneOfItsOwnDescriptor) {
  SetUpRing(3);

  EXPECT_EQ(rig_.TakeTranscript(),
            "VHOST_SET_VRING_NUM fd=vhost1 index=1 num=8 = 0\n"
            "VHOST_SET_VRING_BASE fd=vhost1 index=1 num=0 = 0\n"
            "VHOST_SET_VRING_ADDR fd=vhost1 index=1 = 0\n");
}

TEST_F(VhostKernelVringsTest, AddressesAreThisProcesssPointers) {
  SetUpRing(0);

  ASSERT_TRUE(Ring(0).addresses());
  EXPECT_EQ(Ring(0).addresses()->desc,
            reinterpret_cast<uintptr_t>(memory_.data()));
  EXPECT_EQ(Ring(0).addresses()->used,
            reinterpret_cast<uintptr_t>(memory_.data() + 2048));
}

TEST_F(VhostKernelVringsTest, AnAddressOutsideTheTable_IsAnArgument) {
  addresses_.used.value = 0x10;

  const auto set = backend_->SetVringAddr(1, addresses_);

  ASSERT_FALSE(set);
  EXPECT_EQ(set.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_THAT(std::string(set.error().text()),
              HasSubstr("SET_VRING_ADDR of ring 1: 0x10"));
}

TEST_F(VhostKernelVringsTest, ARingThatIsNotThere_IsAnArgument) {
  const auto num = backend_->SetVringNum(4, kNum);
  const auto on = backend_->SetVringEnable(4, VringEnable::kEnabled);

  ASSERT_FALSE(num || on);
  EXPECT_EQ(num.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(on.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(rig_.TakeTranscript(), "");
}

TEST_F(VhostKernelVringsTest, MemoryOfTheLastLifeIsForgotten) {
  ASSERT_TRUE(backend_->SetVringAddr(0, addresses_));
  backend_->link().Detach();
  ASSERT_TRUE(backend_->link().Attach());
  ASSERT_TRUE(backend_->SetOwner());
  ASSERT_TRUE(backend_->SetFeatures({Feature::kVersion1}));

  const auto told = backend_->SetVringAddr(0, addresses_);

  ASSERT_FALSE(told);
  EXPECT_THAT(std::string(told.error().text()),
              HasSubstr("is not in the memory that vhost-net was given"));
}

TEST_F(VhostKernelVringsTest, KickAndCallAreGivenAndTakenBack) {
  const int event = *rig_.world.fds().CreateEvent();

  EXPECT_TRUE(backend_->SetVringKick(0, event));
  EXPECT_TRUE(backend_->SetVringCall(0, event));
  EXPECT_TRUE(Ring(0).kick().valid());
  EXPECT_TRUE(backend_->SetVringKick(0, -7));
  EXPECT_FALSE(Ring(0).kick().valid());

  rig_.world.fds().Close(event);
}

TEST_F(VhostKernelVringsTest, TheFirstRingOfAPairPutsItsQueueOn) {
  Enable(2);

  EXPECT_EQ(rig_.world.taps().Interface("tap0")->queues.size(), 2u);
  EXPECT_TRUE(Ring(2).started());
  SetUpRing(3);
  rig_.TakeTranscript();
  ASSERT_TRUE(backend_->SetVringEnable(3, VringEnable::kEnabled));
  EXPECT_EQ(rig_.TakeTranscript(),
            "VHOST_NET_SET_BACKEND fd=vhost1 index=1 file=tun1 = 0\n");
}

TEST_F(VhostKernelVringsTest, TheLastRingOfAPairTakesItsQueueOff) {
  Enable(2);
  Enable(3);

  ASSERT_TRUE(backend_->SetVringEnable(2, VringEnable::kDisabled));
  EXPECT_EQ(rig_.world.taps().Interface("tap0")->queues.size(), 2u);
  ASSERT_TRUE(backend_->SetVringEnable(3, VringEnable::kDisabled));

  EXPECT_EQ(rig_.world.taps().Interface("tap0")->queues.size(), 1u);
  EXPECT_EQ(rig_.world.taps().interface_count(), 1u);
}

TEST_F(VhostKernelVringsTest, WhatIsSoAlreadyIsNotSaid) {
  ASSERT_TRUE(backend_->SetVringEnable(0, VringEnable::kDisabled));
  Enable(0);
  ASSERT_TRUE(backend_->SetVringEnable(0, VringEnable::kEnabled));

  EXPECT_EQ(rig_.TakeTranscript(), "");
}

TEST_F(VhostKernelVringsTest, ARingThatRunsCannotBeResized_AndTheErrorSaysSo) {
  Enable(1);

  const auto set = backend_->SetVringNum(1, kNum);

  ASSERT_FALSE(set);
  EXPECT_EQ(set.error().sys_errno(), EBUSY);
  EXPECT_THAT(std::string(set.error().text()), HasSubstr("stop it first"));
}

TEST_F(VhostKernelVringsTest, ARingWithoutAddressesCannotRun) {
  const auto on = backend_->SetVringEnable(0, VringEnable::kEnabled);

  ASSERT_FALSE(on);
  EXPECT_EQ(on.error().sys_errno(), EFAULT);
  EXPECT_THAT(std::string(on.error().text()),
              HasSubstr("VHOST_NET_SET_BACKEND of ring 0"));
  EXPECT_FALSE(Ring(0).started());
}

TEST_F(VhostKernelVringsTest, ABaseIsAskedOfARingThatHasStopped) {
  Enable(0);
  std::vector<VringBaseQuery> queries(2);
  queries[1].vring = 1;

  ASSERT_TRUE(backend_->GetVringBases(queries));

  EXPECT_TRUE(queries[0].answered && queries[1].answered);
  EXPECT_EQ(rig_.TakeTranscript(),
            "VHOST_NET_SET_BACKEND fd=vhost0 index=0 file=-1 = 0\n"
            "VHOST_GET_VRING_BASE fd=vhost0 index=0 = 0 num=0\n"
            "VHOST_GET_VRING_BASE fd=vhost0 index=1 = 0 num=0\n");
}

TEST_F(VhostKernelVringsTest, ABaseIsWhatWasSet) {
  ASSERT_TRUE(backend_->SetVringBase(1, {.avail = 0xfffe}));
  VringBaseQuery query{.vring = 1, .base = {}};

  ASSERT_TRUE(backend_->GetVringBases({&query, 1}));

  EXPECT_EQ(query.base.avail, 0xfffe);
}

TEST_F(VhostKernelVringsTest, EveryRingIsAskedWhateverTheFirstOneSays) {
  Enable(0);
  Enable(1);
  std::vector<VringBaseQuery> queries(2);
  queries[1].vring = 1;
  rig_.world.calls().FailCall(1, EIO);

  const auto asked = backend_->GetVringBases(queries);

  ASSERT_FALSE(asked);
  EXPECT_EQ(asked.error().sys_errno(), EIO);
  EXPECT_THAT(std::string(asked.error().text()), HasSubstr("of ring 0"));
  EXPECT_FALSE(queries[0].answered);
  EXPECT_TRUE(queries[1].answered);
  EXPECT_TRUE(Ring(0).started());
  EXPECT_FALSE(Ring(1).started());
}

TEST_F(VhostKernelVringsTest, AfterAFailureInABatchRingsAreStillDisabled) {
  Enable(0);
  Enable(1);
  rig_.world.calls().FailCall(1, EIO);

  Batch batch(*backend_);
  ASSERT_TRUE(backend_->SetVringEnable(0, VringEnable::kDisabled));
  ASSERT_TRUE(backend_->SetVringNum(1, kNum));
  ASSERT_TRUE(backend_->SetVringEnable(1, VringEnable::kDisabled));
  const auto committed = batch.Commit();

  ASSERT_FALSE(committed);
  EXPECT_EQ(committed.error().vring, 0);
  EXPECT_EQ(committed.error().operation, BackendOperation::kSetVringEnable);
  EXPECT_EQ(rig_.TakeTranscript(),
            "VHOST_NET_SET_BACKEND fd=vhost0 index=0 file=-1 = -EIO\n"
            "VHOST_NET_SET_BACKEND fd=vhost0 index=1 file=-1 = 0\n");
}

}  // namespace
}  // namespace virtio_user
