// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/vhost/doorbell.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <utility>

#include "backend_sim/fd_table.h"
#include "virtio_user/vhost/vring_state.h"

namespace virtio_user {
namespace {

using backend_sim::FdTable;
using backend_sim::SimFile;

// A device that has one doorbell, number 5.
class OneDoorbell : public SimFile {
 public:
  OneDoorbell() : SimFile(Kind::kDevice) {}
  std::shared_ptr<SimFile> DoorbellAt(uint16_t index) override {
    return index == 5 ? page : nullptr;
  }
  uint16_t said() const {
    uint16_t value = 0;
    std::memcpy(&value, page->memory().data(), sizeof(value));
    return value;
  }
  const std::shared_ptr<SimFile> page = SimFile::Memory(4096);
};

class DoorbellTest : public testing::Test {
 protected:
  DoorbellTest() : fd_(*fds_.Install(device_, "test")) {}
  Doorbell Map() { return {fds_, *fds_.MapDoorbell(fd_, 5), 5}; }

  FdTable fds_;
  const std::shared_ptr<OneDoorbell> device_ = std::make_shared<OneDoorbell>();
  const int fd_;
};

TEST_F(DoorbellTest, RingingTellsTheIndex) {
  const Doorbell doorbell = Map();
  ASSERT_TRUE(doorbell.valid());
  doorbell.Ring();
  EXPECT_EQ(device_->said(), 5);
}

TEST_F(DoorbellTest, ItIsUnmappedOnceWhoeverHasIt) {
  {
    Doorbell first = Map();
    Doorbell second = std::move(first);
    EXPECT_FALSE(first.valid());
    Doorbell third;
    third = std::move(second);
    EXPECT_TRUE(third.valid());
    EXPECT_EQ(fds_.mapped_count(), 1u);
  }
  EXPECT_EQ(fds_.mapped_count(), 0u);
  EXPECT_TRUE(fds_.violations().empty());
}

TEST_F(DoorbellTest, ADeviceWithoutOneSaysSo) {
  EXPECT_FALSE(fds_.MapDoorbell(fd_, 4));
  EXPECT_EQ(fds_.mapped_count(), 0u);
}

TEST_F(DoorbellTest, ARingThatHasOneIsNotKickedOtherwise) {
  VringState vring;
  vring.kick = *FileDescriptor::CreateEvent(fds_);
  vring.doorbell = Map();
  ASSERT_TRUE(vring.Notify());
  EXPECT_EQ(device_->said(), 5);
  EXPECT_EQ(*vring.kick.Drain(), 0u);
  vring.doorbell.Reset();
  ASSERT_TRUE(vring.Notify());
  EXPECT_EQ(*vring.kick.Drain(), 1u);
}

}  // namespace
}  // namespace virtio_user
