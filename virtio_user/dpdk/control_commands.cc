// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/dpdk/control_commands.h"

#include <algorithm>
#include <array>
#include <utility>

#include "virtio_user/base/check.h"
#include "virtio_user/ring/packed_driver_queue.h"
#include "virtio_user/ring/shared_memory.h"
#include "virtio_user/ring/split_driver_queue.h"
#include "virtio_user/vhost/shared_block.h"

namespace virtio_user {
namespace {

constexpr uint16_t kRingSize = 16;

// Where things lie in the request's memory.
constexpr uint32_t kHeaderBytes = 2;  // Class and command, then the data.
constexpr uint32_t kMaxDataBytes = 6;
constexpr uint32_t kAckOffset = 32;
constexpr uint32_t kRequestBytes = 64;

struct Blocks {
  SharedBlock ring;
  SharedBlock request;
};

template <typename Queue>
class ControlCommandsOf final : public ControlCommands {
 public:
  ControlCommandsOf(Device& device, const RingLayout& layout, Blocks blocks)
      : device_(device),
        blocks_(std::move(blocks)),
        ring_{.layout = layout, .published = {}, .gate = {}},
        queue_(ring_) {}

  Result<void> Configure() override {
    queue_.ReclaimAll([](uint8_t) {});
    return device_.ConfigureControlRing(ring_.layout);
  }

 private:
  Result<void> Execute(CtrlClass command_class, uint8_t command,
                       std::span<const uint8_t> data) override {
    VU_CHECK(data.size() <= kMaxDataBytes);
    std::byte* const request = blocks_.request.span().data();
    request[0] = static_cast<std::byte>(command_class);
    request[1] = static_cast<std::byte>(command);
    std::ranges::transform(data, request + kHeaderBytes,
                           [](uint8_t byte) { return std::byte{byte}; });
    const std::array readable = {
        Part(0, kHeaderBytes + static_cast<uint32_t>(data.size()))};
    const std::array writable = {Part(kAckOffset, 1)};
    if (!queue_.Offer({.readable = readable, .writable = writable})) {
      return Fail(ErrorCode::kWrongState, "the control ring has no room");
    }
    queue_.Publish();
    if (auto served = device_.NotifyControlQueue(); !served) return served;
    return CheckAck(command_class, command);
  }

  Result<void> CheckAck(CtrlClass command_class, uint8_t command) {
    std::array<UsedChain<uint8_t>, 1> used;
    if (queue_.TakeUsed(used) != 1 || used[0].bytes != 1) {
      return Fail(ErrorCode::kProtocol,
                  "a control command was not answered with one byte");
    }
    const uint8_t ack =
        LoadRelaxed<uint8_t>(blocks_.request.span().data() + kAckOffset);
    if (ack == kCtrlAckOk) return {};
    return Fail(ErrorCode::kRefused,
                "control command class %u, command %u was answered with %u "
                "instead of VIRTIO_NET_OK",
                static_cast<unsigned>(command_class), command, ack);
  }

  DeviceBuffer Part(uint32_t offset, uint32_t bytes) const {
    return {{blocks_.request.addr().value + offset}, bytes};
  }

  Device& device_;
  const Blocks blocks_;
  Ring ring_;
  Queue queue_;
};

}  // namespace

Result<std::unique_ptr<ControlCommands>> ControlCommands::Create(
    Device& device, MemoryProvider& memory) {
  const RingFormat format = device.ring_format();
  auto ring =
      SharedBlock::Allocate(memory, RingLayout::BytesFor(format, kRingSize));
  if (!ring) return Fail(ring);
  auto request = SharedBlock::Allocate(memory, kRequestBytes);
  if (!request) return Fail(request);
  const auto layout = RingLayout::PlaceIn(ring->span(), format, kRingSize);
  if (!layout) return Fail(layout);
  Blocks blocks = {*std::move(ring), *std::move(request)};
  const auto make = [&]<typename Queue>() {
    return std::unique_ptr<ControlCommands>(
        new ControlCommandsOf<Queue>(device, *layout, std::move(blocks)));
  };
  const bool in_order = device.accepted().Has(Feature::kInOrder);
  if (format == RingFormat::kPacked) {
    return in_order
               ? make.template
                 operator()<PackedDriverQueue<UseOrder::kInOrder, uint8_t>>()
               : make.template
                 operator()<PackedDriverQueue<UseOrder::kAny, uint8_t>>();
  }
  return in_order ? make.template
                    operator()<SplitDriverQueue<UseOrder::kInOrder, uint8_t>>()
                  : make.template
                    operator()<SplitDriverQueue<UseOrder::kAny, uint8_t>>();
}

Result<void> ControlCommands::SetQueuePairs(uint16_t pairs) {
  const std::array data = {static_cast<uint8_t>(pairs & 0xff),
                           static_cast<uint8_t>(pairs >> 8)};
  return Execute(CtrlClass::kMq, kCtrlMqVqPairsSet, data);
}

Result<void> ControlCommands::SetPromiscuous(bool on) {
  const std::array<uint8_t, 1> data = {on};
  return Execute(CtrlClass::kRx, kCtrlRxPromisc, data);
}

Result<void> ControlCommands::SetAllMulticast(bool on) {
  const std::array<uint8_t, 1> data = {on};
  return Execute(CtrlClass::kRx, kCtrlRxAllMulti, data);
}

Result<void> ControlCommands::SetMac(const MacAddress& mac) {
  return Execute(CtrlClass::kMac, kCtrlMacAddrSet, mac.bytes);
}

}  // namespace virtio_user
