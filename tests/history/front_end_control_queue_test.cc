// SPDX-License-Identifier: BSD-3-Clause
//
// Mistakes of the past on the control queue.

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>

#include "tests/ring_support.h"
#include "virtio_user/device/control_queue.h"

namespace virtio_user {
namespace {

// A driver of the control queue on a packed ring of `num`, each of whose
// commands is a list of three: header, data, ack.
class PackedCommander {
 public:
  static constexpr uint16_t kList = 3;
  static constexpr std::byte kUntouched{0xee};

  explicit PackedCommander(uint16_t num)
      : layout_(TakeRing(arena_, num, RingFormat::kPacked)) {}

  // VIRTIO_NET_CTRL_RX_PROMISC, as list `id`.
  void Send(uint16_t id, bool on) {
    buffer_[0] = buffer_[1] = std::byte{0};
    buffer_[2] = static_cast<std::byte>(on);
    buffer_[3] = kUntouched;
    head_ = next_;
    const uint64_t at = arena_.Addr(buffer_.data()).value;
    Put({at, 2, id, kDescFlagNext});
    Put({at + 2, 1, id, kDescFlagNext});
    Put({at + 3, 1, id, kDescFlagWrite});
  }
  bool Serve() {
    const auto resolve = [this](DeviceBuffer b) { return arena_.Resolve(b); };
    const auto pairs = [](uint16_t) -> Result<void> { return {}; };
    const auto offloads = [](FeatureSet) -> Result<void> { return {}; };
    const auto announce = [] {};
    const auto served =
        queue_.Serve(resolve, {.accepted = {Feature::kNetCtrlRx},
                               .state = state_,
                               .set_queue_pairs = pairs,
                               .set_guest_offloads = offloads,
                               .clear_announce = announce});
    return served && *served == 1;
  }
  // The descriptor at the first place of the last list.
  PackedDesc Head() const { return BarePacked(layout_).Desc(head_.index); }
  // AVAIL and USED as they are there once the list is used.
  uint16_t UsedFlags() const { return BarePacked::UsedIn(head_.wrap); }
  // How many of its other places were written by the device.
  int OthersUsed() const {
    int used = 0;
    RingPosition at = head_;
    for (uint16_t i = 1; i < kList; ++i) {
      Advance(layout_, 1, at);
      const uint16_t flags = BarePacked(layout_).Desc(at.index).flags;
      used += (flags & 0x8080) != BarePacked::AvailIn(at.wrap);
    }
    return used;
  }
  bool promiscuous() const { return state_.promiscuous; }
  std::byte ack() const { return buffer_[3]; }

 private:
  void Put(PackedDesc desc) {
    desc.flags |= BarePacked::AvailIn(next_.wrap);
    BarePacked(layout_).SetDesc(next_.index, desc);
    Advance(layout_, 1, next_);
  }

  TestArena arena_{1 << 14};
  RingLayout layout_;
  std::span<std::byte> buffer_ = arena_.Take(4);
  RingPosition next_;
  RingPosition head_;
  ControlState state_;
  ControlQueue queue_{layout_};
};

class PackedControlHistory : public testing::TestWithParam<uint16_t> {};

TEST_P(PackedControlHistory, F27_AListIsUsedOnceAtItsHeadInTheHeadsRound) {
  PackedCommander driver(GetParam());
  for (uint16_t i = 0; i < 100; ++i) {
    const auto id = static_cast<uint16_t>(1000 + i);
    const bool on = i % 2 == 0;
    driver.Send(id, on);

    ASSERT_TRUE(driver.Serve()) << i;

    const PackedDesc used = driver.Head();
    ASSERT_EQ(used.flags & 0x8080, driver.UsedFlags()) << i;
    ASSERT_EQ(used.id, id);
    ASSERT_EQ(used.len, 1u);
    ASSERT_EQ(driver.OthersUsed(), 0) << i;
    ASSERT_EQ(driver.ack(), std::byte{0});
    ASSERT_EQ(driver.promiscuous(), on);
  }
}

INSTANTIATE_TEST_SUITE_P(RingOf, PackedControlHistory, testing::Values(4, 5),
                         testing::PrintToStringParamName());

}  // namespace
}  // namespace virtio_user
