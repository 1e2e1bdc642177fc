// SPDX-License-Identifier: BSD-3-Clause

#include "backend_sim/simulation/control_ring.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "virtio_user/base/mac_address.h"
#include "virtio_user/ring/shared_memory.h"
#include "virtio_user/spec/net.h"
#include "virtio_user/spec/ring.h"

namespace backend_sim {

using virtio_user::CtrlClass;
using virtio_user::Device;
using virtio_user::DeviceBuffer;
using virtio_user::Fail;
using virtio_user::Feature;
using virtio_user::FeatureSet;
using virtio_user::MemoryProvider;
using virtio_user::Result;
using virtio_user::Ring;
using virtio_user::RingFormat;
using virtio_user::RingLayout;
using virtio_user::SharedBlock;
using virtio_user::VirtqDesc;

namespace {

constexpr uint16_t kRingSize = 16;
// Where things lie in the request block.
constexpr uint32_t kDataAt = 0;
constexpr uint32_t kAckAt = 64;
constexpr uint32_t kTableAt = 128;
constexpr uint32_t kBlockBytes = 256;
constexpr size_t kMaxDescriptors = 3;

void Add(std::vector<std::byte>& bytes, uint64_t value, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    bytes.push_back(static_cast<std::byte>(value >> (8 * i) & 0xff));
  }
}

std::vector<std::byte> Begin(CtrlClass command_class, uint8_t command) {
  return {static_cast<std::byte>(command_class),
          static_cast<std::byte>(command)};
}

uint8_t ModeOf(uint32_t value) {
  constexpr std::array<uint8_t, 5> kModes{
      virtio_user::kCtrlRxAllMulti, virtio_user::kCtrlRxAllUni,
      virtio_user::kCtrlRxNoMulti, virtio_user::kCtrlRxNoUni,
      virtio_user::kCtrlRxNoBcast};
  return kModes[value / 2 % kModes.size()];
}

// A request as it goes into memory.
std::vector<std::byte> RequestOf(CommandKind kind, uint32_t value,
                                 uint16_t max_pairs) {
  std::vector<std::byte> bytes;
  switch (kind) {
    case CommandKind::kPairs:
      bytes = Begin(CtrlClass::kMq, virtio_user::kCtrlMqVqPairsSet);
      Add(bytes, ControlRing::PairsOf(value, max_pairs), 2);
      break;
    case CommandKind::kPromiscuous:
      bytes = Begin(CtrlClass::kRx, virtio_user::kCtrlRxPromisc);
      Add(bytes, value % 2, 1);
      break;
    case CommandKind::kReceiveMode:
      bytes = Begin(CtrlClass::kRx, ModeOf(value));
      Add(bytes, value % 2, 1);
      break;
    case CommandKind::kMac:
      bytes = Begin(CtrlClass::kMac, virtio_user::kCtrlMacAddrSet);
      Add(bytes, 0x02 | uint64_t{value} << 8, 6);
      break;
    case CommandKind::kMacTable: {
      bytes = Begin(CtrlClass::kMac, virtio_user::kCtrlMacTableSet);
      const uint32_t unicast = value % 3;
      Add(bytes, unicast, 4);
      for (uint32_t i = 0; i < unicast; ++i) Add(bytes, 0x100u * i + 2, 6);
      const uint32_t multicast = value / 3 % 3;
      Add(bytes, multicast, 4);
      for (uint32_t i = 0; i < multicast; ++i) Add(bytes, 0x100u * i + 3, 6);
      break;
    }
    case CommandKind::kVlanAdd:
      bytes = Begin(CtrlClass::kVlan, virtio_user::kCtrlVlanAdd);
      Add(bytes, value % 4096, 2);
      break;
    case CommandKind::kVlanDelete:
      bytes = Begin(CtrlClass::kVlan, virtio_user::kCtrlVlanDel);
      Add(bytes, value % 4096, 2);
      break;
    case CommandKind::kOffloads:
      bytes =
          Begin(CtrlClass::kGuestOffloads, virtio_user::kCtrlGuestOffloadsSet);
      Add(bytes, ControlRing::OffloadsOf(value), 8);
      break;
    case CommandKind::kAnnounceAck:
      bytes = Begin(CtrlClass::kAnnounce, virtio_user::kCtrlAnnounceAck);
      break;
    case CommandKind::kUnknownClass:
      bytes = Begin(static_cast<CtrlClass>(64 + value % 190), 0);
      Add(bytes, value, 1 + value % 8);
      break;
    case CommandKind::kWrongLength:
      bytes = Begin(CtrlClass::kMq, virtio_user::kCtrlMqVqPairsSet);
      Add(bytes, 1, value % 2 == 0 ? 1 : 3);
      break;
  }
  return bytes;
}

}  // namespace

uint16_t ControlRing::PairsOf(uint32_t value, uint16_t max_pairs) {
  return static_cast<uint16_t>(value % (max_pairs + 2u));
}

uint64_t ControlRing::OffloadsOf(uint32_t value) {
  // The last two no driver here may enable: TSO4, which it never accepts, and
  // what is no offload.
  constexpr std::array<uint64_t, 4> kMasks{kChecksums, 0, kChecksums | 0x80,
                                           uint64_t{1} << 63};
  return kMasks[value % kMasks.size()];
}

bool ControlRing::ShouldSucceed(const Device& device, CommandKind kind,
                                uint32_t value, uint16_t configured_pairs) {
  const FeatureSet accepted = device.accepted();
  switch (kind) {
    case CommandKind::kPairs: {
      const uint16_t pairs = PairsOf(value, device.max_pairs());
      return accepted.Has(Feature::kNetMq) && pairs != 0 &&
             pairs <= configured_pairs;
    }
    case CommandKind::kReceiveMode:
      if (ModeOf(value) != virtio_user::kCtrlRxAllMulti) {
        return accepted.Has(Feature::kNetCtrlRxExtra);
      }
      return accepted.Has(Feature::kNetCtrlRx);
    case CommandKind::kPromiscuous:
    case CommandKind::kMacTable:
      return accepted.Has(Feature::kNetCtrlRx);
    case CommandKind::kMac:
      return accepted.Has(Feature::kNetCtrlMacAddr);
    case CommandKind::kVlanAdd:
    case CommandKind::kVlanDelete:
      return accepted.Has(Feature::kNetCtrlVlan);
    case CommandKind::kOffloads:
      if (!accepted.Has(Feature::kNetCtrlGuestOffloads)) return false;
      return OffloadsOf(value) == 0 || (OffloadsOf(value) == kChecksums &&
                                        accepted.Has(Feature::kNetGuestCsum));
    case CommandKind::kAnnounceAck:
      return accepted.Has(Feature::kNetGuestAnnounce);
    case CommandKind::kUnknownClass:
    case CommandKind::kWrongLength:
      return false;
  }
  return false;
}

Result<std::unique_ptr<ControlRing>> ControlRing::Create(
    Device& device, MemoryProvider& memory) {
  const auto space = device.backend_caps().addresses;
  const RingFormat format = device.ring_format();
  Result<SharedBlock> ring = SharedBlock::Allocate(
      memory, RingLayout::BytesFor(format, kRingSize), space);
  if (!ring) return Fail(ring);
  Result<SharedBlock> request =
      SharedBlock::Allocate(memory, kBlockBytes, space);
  if (!request) return Fail(request);
  const Result<RingLayout> layout =
      RingLayout::PlaceIn(ring->span(), format, kRingSize);
  if (!layout) return Fail(layout);
  std::unique_ptr<ControlRing> made(
      new ControlRing(device, std::move(*ring), std::move(*request), *layout));
  if (auto given = device.ConfigureControlRing(*layout); !given) {
    return Fail(given);
  }
  return made;
}

ControlRing::ControlRing(Device& device, SharedBlock ring, SharedBlock request,
                         const RingLayout& layout)
    : device_(device),
      ring_block_(std::move(ring)),
      request_block_(std::move(request)),
      ring_{.layout = layout, .published = {}, .gate = {}},
      queue_(MakeQueue(ring_, device.accepted())) {}

ControlRing::Queue ControlRing::MakeQueue(Ring& ring, FeatureSet accepted) {
  const bool in_order = accepted.Has(Feature::kInOrder);
  if (ring.layout.format == RingFormat::kPacked) {
    if (in_order) return Queue(std::in_place_index<3>, ring);
    return Queue(std::in_place_index<2>, ring);
  }
  if (in_order) return Queue(std::in_place_index<1>, ring);
  return Queue(std::in_place_index<0>, ring);
}

// Header and data together, apart, or in an indirect table.
bool ControlRing::Offer(std::span<const std::byte> request, uint32_t framing) {
  std::byte* const block = request_block_.span().data();
  std::memset(block, 0xa5, kBlockBytes);
  std::ranges::copy(request, block + kDataAt);
  block[kAckAt] = std::byte{0xee};
  const auto part = [&](uint32_t offset, size_t bytes) {
    return DeviceBuffer{{request_block_.addr().value + offset},
                        static_cast<uint32_t>(bytes)};
  };
  const std::array apart = {part(kDataAt, 2),
                            part(kDataAt + 2, request.size() - 2)};
  const std::array joined = {part(kDataAt, request.size())};
  const std::array ack = {part(kAckAt, 1)};
  virtio_user::OfferedChain<Cookie> chain{.readable = joined, .writable = ack};
  const FeatureSet accepted = device_.accepted();
  const bool any_layout =
      accepted.HasAny({Feature::kVersion1, Feature::kAnyLayout});
  if (request.size() > 2 && (framing % 3 == 1 || !any_layout)) {
    chain.readable = apart;
  }
  if (framing % 3 == 2 && accepted.Has(Feature::kIndirectDesc)) {
    chain.table_memory = request_block_.span().subspan(
        kTableAt, kMaxDescriptors * sizeof(VirtqDesc));
    chain.table_addr = part(kTableAt, 0).addr;
  }
  return std::visit(
      [&](auto& queue) {
        if (queue.free_count() == 0) return false;
        offered_at_ = queue.next_slot();
        return queue.Offer(chain);
      },
      queue_);
}

CommandOutcome ControlRing::Send(CommandKind kind, uint32_t value) {
  const auto request = RequestOf(kind, value, device_.max_pairs());
  if (!Offer(request, sent_++)) return {};
  CommandOutcome outcome = Notify();
  outcome.request = request;
  return outcome;
}

CommandOutcome ControlRing::SendMangled(uint32_t mangle, uint32_t value) {
  const auto request =
      RequestOf(static_cast<CommandKind>(mangle % kCommandKinds), value,
                device_.max_pairs());
  if (!Offer(request, mangle / kCommandKinds)) return {};
  Mangle(mangle / (kCommandKinds * 3), value);
  return Notify();
}

// Changes one field of one descriptor of the ring or of the table. Of a packed
// ring's descriptor neither the id, by which the driver knows its own chain,
// nor the two bits that make it available.
void ControlRing::Mangle(uint32_t mangle, uint32_t value) {
  constexpr std::array<uint64_t, 8> kAddresses{
      0, 1, ~uint64_t{0}, ~uint64_t{0} - 4096, uint64_t{1} << 63, 8, 64, 4096};
  // Inside the block, or beyond every region: what lies behind the block is
  // somebody else's, which a real driver would hand over all the same.
  constexpr std::array<uint32_t, 8> kLengths{
      0, 1, 2, 3, 96, 0xffffffff, 0x80000000, 0x100000};
  constexpr std::array<uint16_t, 8> kFlags{0, 1, 2, 3, 4, 5, 6, 7};
  const bool in_table = mangle % 2 == 1;
  const size_t index = (mangle / 2) % kMaxDescriptors;
  const uint32_t field = (mangle / 6) % 4;
  const bool packed = ring_.layout.format == RingFormat::kPacked;
  std::byte* const desc =
      in_table ? request_block_.span().data() + kTableAt + index * 16
               : ring_.layout.desc + ((offered_at_ + index) % kRingSize) * 16u;
  const size_t choice = value % 8;
  switch (field) {
    case 0:
      virtio_user::StoreRelaxed<uint64_t>(desc, kAddresses[choice]);
      break;
    case 1:
      virtio_user::StoreRelaxed<uint32_t>(desc + 8, kLengths[choice]);
      break;
    case 2: {
      const size_t at = packed ? 14 : 12;
      const auto old = virtio_user::LoadRelaxed<uint16_t>(desc + at);
      const uint16_t kept = packed ? old & 0x8080 : 0;
      virtio_user::StoreRelaxed<uint16_t>(
          desc + at, static_cast<uint16_t>(kept | kFlags[choice]));
      break;
    }
    default:  // NEXT; in a packed ring another flag again.
      if (packed) break;
      virtio_user::StoreRelaxed<uint16_t>(
          desc + 14, static_cast<uint16_t>(value % 3 == 0 ? 0xffff : value));
      break;
  }
}

CommandOutcome ControlRing::Notify() {
  CommandOutcome outcome;
  outcome.sent = true;
  std::visit([](auto& queue) { queue.Publish(); }, queue_);
  const std::span<std::byte> block = request_block_.span();
  const std::vector<std::byte> before(block.begin(), block.end());
  outcome.notified = device_.NotifyControlQueue();
  std::array<virtio_user::UsedChain<Cookie>, 4> used;
  std::visit(
      [&](auto& queue) {
        outcome.used = queue.TakeUsed(used);
        if (queue.broken())
          outcome.broken = std::string(queue.broken()->text());
      },
      queue_);
  outcome.bytes = outcome.used == 0 ? 0 : used[0].bytes;
  outcome.ack = std::to_integer<uint8_t>(block[kAckAt]);
  for (size_t i = 0; i < block.size(); ++i) {
    outcome.scribbled |= i != kAckAt && block[i] != before[i];
  }
  return outcome;
}

}  // namespace backend_sim
