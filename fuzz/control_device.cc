// SPDX-License-Identifier: BSD-3-Clause

#include "fuzz/control_device.h"

#include <cstring>

#include "virtio_user/spec/ring.h"

namespace fuzz {

using virtio_user::DeviceBuffer;
using virtio_user::ErrorCode;
using virtio_user::Fail;
using virtio_user::Feature;
using virtio_user::FeatureSet;
using virtio_user::Result;
using virtio_user::RingFormat;

namespace {

constexpr FeatureSet kAccepted = {
    Feature::kNetCtrlVq,        Feature::kNetCtrlRx,
    Feature::kNetCtrlRxExtra,   Feature::kNetCtrlMacAddr,
    Feature::kNetCtrlVlan,      Feature::kNetMq,
    Feature::kNetGuestAnnounce, Feature::kNetCtrlGuestOffloads,
    Feature::kNetGuestCsum,     Feature::kNetGuestTso4};

}  // namespace

ControlDevice::ControlDevice(RingMemory& memory,
                             virtio_user::EventIndex event_index)
    : memory_(memory),
      queue_(memory.layout(), event_index),
      driver_(memory.ring(), memory.buffers()) {}

Result<size_t> ControlDevice::Serve(Reader& input) {
  calls_ = 0;
  const auto set_pairs = [this](uint16_t wanted) -> Result<void> {
    ++calls_;
    if (wanted > kPairs) return Fail(ErrorCode::kInvalidArgument, "too many");
    pairs_ = wanted;
    return {};
  };
  const auto set_offloads = [this](FeatureSet) -> Result<void> {
    ++calls_;
    return {};
  };
  const auto clear_announce = [] {};
  const auto resolve = [this](DeviceBuffer buffer) {
    return memory_.Resolve(buffer);
  };
  const Result<size_t> served = driver_.During(input, [&] {
    auto done = queue_.Serve(resolve, {.accepted = kAccepted,
                                       .state = state_,
                                       .set_queue_pairs = set_pairs,
                                       .set_guest_offloads = set_offloads,
                                       .clear_announce = clear_announce});
    // It reads the driver's area too.
    if (done) (void)queue_.DriverWantsInterrupt();
    return done;
  });
  driver_wrote_ = driver_.wrote();
  // How many came before it broke is not told.
  most_acks_ = served.value_or(memory_.layout().num);
  served_ = static_cast<uint16_t>(served_ + served.value_or(0));
  broken_ = broken_ || !served;
  return served;
}

std::optional<bool> ControlDevice::UsedIndexIsRight() const {
  if (memory_.layout().format == RingFormat::kPacked || most_acks_ == 0) {
    return std::nullopt;
  }
  uint16_t index = 0;
  std::memcpy(&index, memory_.layout().device + virtio_user::kUsedIdxOffset,
              sizeof(index));
  return index == served_;
}

std::span<const std::byte> ControlDevice::DriverAreas() {
  const auto& layout = memory_.layout();
  if (layout.format == RingFormat::kPacked) return {};
  // The table and, behind it, the available ring.
  return memory_.ring().first(layout.DescBytes() + layout.DriverBytes());
}

}  // namespace fuzz
