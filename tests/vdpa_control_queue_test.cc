// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/os/vdpa_control_queue.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "backend_sim/fd_table.h"
#include "backend_sim/kernel_server.h"
#include "backend_sim/sim_clock.h"
#include "tests/fakes/outcome.h"

namespace virtio_user {
namespace {

using testing_support::CodeOf;

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

}  // namespace
}  // namespace virtio_user
