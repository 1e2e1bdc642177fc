// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/os/vdpa_control_queue.h"

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <vector>

#include "backend_sim/fd_table.h"
#include "backend_sim/kernel_server.h"
#include "backend_sim/sim_clock.h"
#include "tests/fakes/outcome.h"
#include "virtio_user/spec/ring.h"

namespace virtio_user {
namespace {

using testing_support::CodeOf;

constexpr uint64_t kIova = 0x10000;

class VdpaControlQueueTest : public testing::Test {
 protected:
  backend_sim::FdTable fds_;
  backend_sim::SimClock clock_;
  backend_sim::KernelServer server_{fds_, clock_};
  std::unique_ptr<VdpaControlQueue> queue_ = *VdpaControlQueue::Create(fds_);
};

TEST_F(VdpaControlQueueTest, ARequestHasAHeaderAndALimit) {
  queue_->Restart({.features = {}, .iova = 0x10000});
  for (const size_t bytes : {size_t{0}, size_t{1}, size_t{8193}}) {
    const std::vector<std::byte> request(bytes);
    EXPECT_EQ(CodeOf(queue_->Execute(request, server_, {})),
              ErrorCode::kInvalidArgument)
        << bytes;
  }
}

TEST_F(VdpaControlQueueTest, ItTakesNothingBeforeItIsStarted) {
  const std::vector<std::byte> request(3);
  EXPECT_EQ(CodeOf(queue_->Execute(request, server_, {})),
            ErrorCode::kWrongState);
}

TEST_F(VdpaControlQueueTest, NobodyAnsweringIsADeadlineInEveryLayout) {
  for (const FeatureSet features :
       {FeatureSet{}, FeatureSet{Feature::kInOrder},
        FeatureSet{Feature::kRingPacked},
        FeatureSet{Feature::kRingPacked, Feature::kInOrder}}) {
    queue_->Restart({.features = features, .iova = 0x10000});
    const std::vector<std::byte> request(3);
    const Deadline deadline = clock_.After(kDefaultCallBudget);
    EXPECT_EQ(CodeOf(queue_->Execute(request, server_, deadline)),
              ErrorCode::kDeadline);
    EXPECT_EQ(clock_.now(), deadline.at);
  }
}

// What a descriptor of the first chain in a split ring says.
VirtqDesc DescriptorAt(const VdpaControlQueue& queue, size_t index) {
  VirtqDesc desc = {};
  const size_t offset = queue.addresses().desc.value - kIova;
  std::memcpy(&desc, queue.memory().data() + offset + index * sizeof(desc),
              sizeof(desc));
  return desc;
}

// As virtio's announcement ack is.
TEST_F(VdpaControlQueueTest, ACommandWithoutDataHasNoEmptyDescriptor) {
  queue_->Restart({.features = {}, .iova = kIova});
  const std::vector<std::byte> request(2);
  EXPECT_EQ(CodeOf(queue_->Execute(request, server_, clock_.After({}))),
            ErrorCode::kDeadline);
  const VirtqDesc header = DescriptorAt(*queue_, 0);
  EXPECT_EQ(header.len, 2u);
  EXPECT_EQ(header.flags, kDescFlagNext);
  const VirtqDesc ack = DescriptorAt(*queue_, header.next);
  EXPECT_EQ(ack.len, 1u);
  EXPECT_EQ(ack.flags, kDescFlagWrite);
}

}  // namespace
}  // namespace virtio_user
