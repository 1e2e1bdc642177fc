// SPDX-License-Identifier: BSD-3-Clause

#ifndef TESTS_CONTROL_FIXTURE_H_
#define TESTS_CONTROL_FIXTURE_H_

#include <cstdint>
#include <cstring>

#include "gtest/gtest.h"
#include "tests/control_support.h"

namespace virtio_user {

inline constexpr uint16_t kNext = 1;
inline constexpr uint16_t kWrite = 2;
inline constexpr uint16_t kIndirect = 4;

class ControlQueueFixture : public ::testing::Test {
 protected:
  ~ControlQueueFixture() override { EXPECT_TRUE(rig_.arena().GuardsIntact()); }

  const BareRing& bare() { return rig_.bare(); }
  uint64_t BufferAt(size_t offset) {
    return rig_.arena().Addr(rig_.buffers().data() + offset).value;
  }
  // {PROMISC, on} as header, data and ack, from descriptor 0 on.
  void PutPromiscuous() {
    const Bytes request = FromInts({0, 0, 1});
    std::memcpy(rig_.buffers().data(), request.data(), request.size());
    bare().SetDesc(0, {BufferAt(0), 2, kNext, 1});
    bare().SetDesc(1, {BufferAt(2), 1, kNext, 2});
    bare().SetDesc(2, {BufferAt(3), 1, kWrite, 0});
    rig_.buffers()[3] = ControlRig::kUntouched;
  }
  // The chain at `head` is malformed: one used element of length 0, nothing
  // carried out, nothing else written.
  void ExpectNotCarriedOut(uint16_t head) {
    const ControlState state = rig_.state;
    const Bytes buffers(rig_.buffers().begin(), rig_.buffers().end());
    const uint16_t used_before = bare().used_idx();
    rig_.Offer(head);
    const Bytes driver_memory = rig_.DriverMemory();
    const Result<size_t> served = rig_.Serve();
    ASSERT_TRUE(served.has_value());
    EXPECT_EQ(*served, 1u);
    EXPECT_EQ(bare().used_idx(), static_cast<uint16_t>(used_before + 1));
    EXPECT_EQ(rig_.LastUsed().id, head);
    EXPECT_EQ(rig_.LastUsed().len, 0u);
    EXPECT_EQ(rig_.state, state);
    EXPECT_EQ(rig_.pairs, 1);
    EXPECT_EQ(Bytes(rig_.buffers().begin(), rig_.buffers().end()), buffers);
    EXPECT_EQ(rig_.DriverMemory(), driver_memory);
  }

  ControlRig rig_;
};

}  // namespace virtio_user

#endif  // TESTS_CONTROL_FIXTURE_H_
