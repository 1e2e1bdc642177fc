// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/ring/ring_barrier.h"

#include "gtest/gtest.h"

namespace virtio_user {
namespace {

// What a fence does for other cores is the business of the thread tests; here
// is whether this processor knows the instructions.
TEST(RingBarrier, EveryBarrierOfBothOrdersCanBeCarriedOut) {
  for (const RingOrder order : {RingOrder::kSmp, RingOrder::kPlatform}) {
    RingWriteBarrier(order);
    RingReadBarrier(order);
    RingFullBarrier(order);
  }
  SUCCEED();
}

}  // namespace
}  // namespace virtio_user
