// SPDX-License-Identifier: BSD-3-Clause

#include "cli/control_driver.h"

#include <array>
#include <cstring>
#include <memory>

#include "virtio_user/ring/shared_memory.h"
#include "virtio_user/spec/ring.h"

namespace virtio_user::cli {
namespace {

// Where things lie in the request block.
constexpr uint32_t kHeaderOffset = 0;  // Class and command.
constexpr uint32_t kHeaderBytes = 2;
constexpr uint32_t kDataOffset = 2;
constexpr uint32_t kAckOffset = 16;
constexpr uint32_t kTableOffset = 32;
constexpr uint32_t kBlockBytes = 128;

// One command at a time has at most three descriptors.
constexpr uint16_t kRingSize = 16;

}  // namespace

Result<std::unique_ptr<ControlDriver>> ControlDriver::Create(
    Device& device, MemoryProvider& memory) {
  const AddressSpace space = device.backend_caps().addresses;
  Result<SharedBlock> ring = SharedBlock::Allocate(
      memory, RingLayout::BytesFor(device.ring_format(), kRingSize), space);
  if (!ring) return Fail(ring);
  Result<SharedBlock> request =
      SharedBlock::Allocate(memory, kBlockBytes, space);
  if (!request) return Fail(request);
  const Result<RingLayout> layout =
      RingLayout::PlaceIn(ring->span(), device.ring_format(), kRingSize);
  if (!layout) return Fail(layout);
  std::unique_ptr<ControlDriver> driver(new ControlDriver(
      device, std::move(*ring), std::move(*request), *layout));
  const Result<void> configured = device.ConfigureControlRing(*layout);
  if (!configured) return Fail(configured);
  return driver;
}

ControlDriver::ControlDriver(Device& device, SharedBlock ring,
                             SharedBlock request, const RingLayout& layout)
    : device_(device),
      ring_block_(std::move(ring)),
      request_block_(std::move(request)),
      ring_{.layout = layout, .published = {}, .gate = {}},
      queue_(MakeQueue(ring_, device.accepted())),
      framings_(PossibleFramings()) {}

ControlDriver::Queue ControlDriver::MakeQueue(Ring& ring, FeatureSet accepted) {
  const bool in_order = accepted.Has(Feature::kInOrder);
  if (ring.layout.format == RingFormat::kPacked) {
    if (in_order) return Queue(std::in_place_index<3>, ring);
    return Queue(std::in_place_index<2>, ring);
  }
  if (in_order) return Queue(std::in_place_index<1>, ring);
  return Queue(std::in_place_index<0>, ring);
}

std::vector<ControlDriver::Framing> ControlDriver::PossibleFramings() const {
  std::vector<Framing> framings = {Framing::kSplit};
  const FeatureSet accepted = device_.accepted();
  // Legacy drivers give the header a descriptor of its own.
  if (accepted.HasAny({Feature::kVersion1, Feature::kAnyLayout})) {
    framings.push_back(Framing::kJoined);
  }
  if (accepted.Has(Feature::kIndirectDesc)) {
    framings.push_back(Framing::kIndirect);
  }
  return framings;
}

Result<void> ControlDriver::SetQueuePairs(uint16_t pairs) {
  std::array<std::byte, sizeof(pairs)> data;
  std::memcpy(data.data(), &pairs, sizeof(pairs));
  return Execute(CtrlClass::kMq, kCtrlMqVqPairsSet, data);
}

Result<void> ControlDriver::SetPromiscuous(bool on) {
  const std::array data = {on ? std::byte{1} : std::byte{0}};
  return Execute(CtrlClass::kRx, kCtrlRxPromisc, data);
}

Result<void> ControlDriver::Execute(CtrlClass command_class, uint8_t command,
                                    std::span<const std::byte> data) {
  std::byte* const block = request_block_.span().data();
  block[kHeaderOffset] = static_cast<std::byte>(command_class);
  block[kHeaderOffset + 1] = static_cast<std::byte>(command);
  std::memcpy(block + kDataOffset, data.data(), data.size());
  StoreRelaxed<uint8_t>(block + kAckOffset, 0xff);
  if (const auto offered = OfferRequest(data.size()); !offered) return offered;
  std::visit([](auto& queue) { queue.Publish(); }, queue_);
  if (const auto served = device_.NotifyControlQueue(); !served) return served;
  const Result<uint8_t> ack = TakeAck();
  if (!ack) return Fail(ack);
  if (*ack != kCtrlAckOk) {
    return Fail(ErrorCode::kRefused,
                "control command class %u, command %u was answered with %u "
                "instead of VIRTIO_NET_OK",
                static_cast<unsigned>(command_class), command, *ack);
  }
  ++commands_;
  return {};
}

Result<void> ControlDriver::OfferRequest(size_t data_bytes) {
  const Framing framing = framings_[commands_ % framings_.size()];
  const auto part = [&](uint32_t offset, size_t bytes) {
    return DeviceBuffer{{request_block_.addr().value + offset},
                        static_cast<uint32_t>(bytes)};
  };
  const std::array split = {part(kHeaderOffset, kHeaderBytes),
                            part(kDataOffset, data_bytes)};
  const std::array joined = {part(kHeaderOffset, kHeaderBytes + data_bytes)};
  const std::array ack = {part(kAckOffset, 1)};
  OfferedChain<Cookie> chain{.readable = split, .writable = ack};
  if (framing == Framing::kJoined) chain.readable = joined;
  if (framing == Framing::kIndirect) {
    chain.table_memory = request_block_.span().subspan(
        kTableOffset, kMaxDescriptors * sizeof(VirtqDesc));
    chain.table_addr = part(kTableOffset, 0).addr;
  }
  const bool offered =
      std::visit([&](auto& queue) { return queue.Offer(chain); }, queue_);
  if (offered) return {};
  return Fail(ErrorCode::kWrongState,
              "the control ring has no room for a command");
}

Result<uint8_t> ControlDriver::TakeAck() {
  std::array<UsedChain<Cookie>, 1> used;
  const auto [count, broken] = std::visit(
      [&](auto& queue) {
        const size_t taken = queue.TakeUsed(used);
        return std::pair(taken, queue.broken());
      },
      queue_);
  if (broken) return std::unexpected(*broken);
  if (count != 1 || used[0].bytes != 1) {
    return Fail(ErrorCode::kProtocol,
                "a control command came back as %zu used chains with %u bytes "
                "written; one chain with one byte is the answer",
                count, used[0].bytes);
  }
  return LoadRelaxed<uint8_t>(request_block_.span().data() + kAckOffset);
}

}  // namespace virtio_user::cli
