// SPDX-License-Identifier: BSD-3-Clause

#include <bit>
#include <string>

#include "backend_sim/model_checks.h"
#include "backend_sim/wire_request.h"
#include "virtio_user/ring/ring_layout.h"
#include "virtio_user/ring/shared_memory.h"
#include "virtio_user/spec/ring.h"

namespace backend_sim {

using virtio_user::RingDistance;
using virtio_user::RingFormat;
using virtio_user::RingLayout;

namespace {

std::string RingText(uint64_t index) { return "ring " + std::to_string(index); }

// The ring that the message names, if it names one.
std::optional<uint64_t> RingIndexOf(const VhostMessage& message) {
  switch (message.header.request) {
    case kReqSetVringNum:
    case kReqSetVringAddr:
    case kReqSetVringBase:
    case kReqGetVringBase:
    case kReqSetVringEnable:
      return message.Field(kStateIndex);
    case kReqSetVringKick:
    case kReqSetVringCall:
    case kReqSetVringErr:
      return message.Field(kU64Value) & kRingFdIndex;
    default:
      return std::nullopt;
  }
}

Check CheckIndex(const VhostModel& model, uint32_t request, uint64_t index) {
  if (index >= model.rings().size()) {
    return Breach{Rule::kRingIndex, RingText(index) + " of " +
                                        std::to_string(model.rings().size())};
  }
  // Before SET_FEATURES nobody knows yet, and while nothing runs it may come
  // again with MQ: SET_VRING_CALL stands before it.
  const SessionState& session = model.session();
  const bool may_come = request == kReqSetVringCall && !model.AnyStarted();
  if (session.features_set && !session.Has(kBitMq) && index >= 2 && !may_come) {
    return Breach{Rule::kRingWithoutMq, RingText(index)};
  }
  return std::nullopt;
}

Check CheckStopped(const RingModel& ring) {
  if (!ring.started()) return std::nullopt;
  return Breach{Rule::kRunningRingChanged, RingText(ring.index()) + " runs"};
}

Check CheckNum(const VhostModel& model, const RingModel& ring, uint64_t num) {
  if (Check breach = CheckStopped(ring)) return breach;
  const RingFormat format = model.ring_rules().format;
  if (num > UINT32_MAX ||
      !RingLayout::CheckSize(format, static_cast<uint32_t>(num))) {
    return Breach{Rule::kRingSize, std::to_string(num)};
  }
  return std::nullopt;
}

// The indexes of a packed ring are known to fit once its size is.
Check CheckBase(const VhostModel& model, const RingModel& ring, uint64_t base) {
  if (Check breach = CheckStopped(ring)) return breach;
  const bool packed = model.ring_rules().format == RingFormat::kPacked;
  if (!packed && base > 0xffff) {
    return Breach{Rule::kRingBase, std::to_string(base)};
  }
  return std::nullopt;
}

// Where a ring goes on when it starts.
Check CheckFirstBase(const VhostModel& model, const RingModel& ring) {
  const std::string name = RingText(ring.index());
  const RingFormat format = model.ring_rules().format;
  if (format == RingFormat::kSplit) {
    // Nobody else writes the used index, so that a ring goes on there.
    const std::optional<uint16_t> used = ring.UsedIndex(model.memory());
    if (!used || *used == *ring.base()) return std::nullopt;
    return Breach{Rule::kRingBase,
                  name + " goes on at " + std::to_string(*ring.base()) +
                      ", its used index is " + std::to_string(*used)};
  }
  const RingBase base = DecodeBase(format, *ring.base());
  const RingLayout layout{.format = format,
                          .num = static_cast<uint16_t>(ring.num())};
  if (base.next_avail.index >= layout.num ||
      base.next_used.index >= layout.num) {
    return Breach{Rule::kRingBase, name + " goes on beyond its " +
                                       std::to_string(layout.num) +
                                       " descriptors"};
  }
  const uint32_t ahead = RingDistance(layout, base.next_used, base.next_avail);
  if (ahead <= layout.num) return std::nullopt;
  return Breach{Rule::kRingBase, name + " has " + std::to_string(ahead) +
                                     " descriptors in flight of " +
                                     std::to_string(layout.num)};
}

// Alignment of the areas: "Virtqueues" of the split and of the packed ring.
bool IsAligned(RingFormat format, const RingAddresses& addresses) {
  if (format == RingFormat::kPacked) {
    return addresses.desc % virtio_user::kPackedRingAlign == 0 &&
           addresses.avail % virtio_user::kPackedEventAlign == 0 &&
           addresses.used % virtio_user::kPackedEventAlign == 0;
  }
  return addresses.desc % virtio_user::kDescTableAlign == 0 &&
         addresses.avail % virtio_user::kAvailRingAlign == 0 &&
         addresses.used % virtio_user::kUsedRingAlign == 0;
}

Check CheckAddr(const VhostModel& model, const RingModel& ring,
                const VhostMessage& message) {
  const RingAddresses addresses{message.Field(kAddrDesc),
                                message.Field(kAddrAvail),
                                message.Field(kAddrUsed)};
  const uint64_t flags = message.Field(kAddrFlags);
  const bool may_log = model.session().Has(kBitLogAll);
  if (flags > 1 || (flags == 1 && !may_log)) {
    return Breach{Rule::kAddrReservedFlags, "flags " + std::to_string(flags)};
  }
  // The log flag alone may be switched on a running ring.
  if (ring.addresses() != addresses) {
    if (Check breach = CheckStopped(ring)) return breach;
  }
  if (model.memory().empty()) {
    return Breach{Rule::kAddrBeforeTable, RingText(ring.index())};
  }
  const RingFormat format = model.ring_rules().format;
  if (!IsAligned(format, addresses)) {
    return Breach{Rule::kAddrMisaligned, RingText(ring.index())};
  }
  // Without a size, what can be said is where the parts begin.
  const uint32_t num = ring.num() == 0 ? 1 : ring.num();
  if (!RingInside(addresses, {format, num}, model.memory().Descriptions())) {
    return Breach{Rule::kAddrOutside, RingText(ring.index())};
  }
  return std::nullopt;
}

Check CheckKick(const VhostModel& model, const RingModel& ring) {
  if (ring.started()) return std::nullopt;
  const std::string name = RingText(ring.index());
  if (!model.session().has_owner) return Breach{Rule::kOwnerMissing, name};
  if (!model.session().features_set) return Breach{Rule::kKickTooEarly, name};
  if (ring.num() == 0) {
    return Breach{Rule::kKickIncomplete, name + " has no size"};
  }
  if (!ring.base()) return Breach{Rule::kKickIncomplete, name + " has no base"};
  if (!ring.addresses()) {
    return Breach{Rule::kKickIncomplete, name + " has no addresses"};
  }
  if (!RingInside(*ring.addresses(), {model.ring_rules().format, ring.num()},
                  model.memory().Descriptions())) {
    return Breach{Rule::kAddrOutside, name};
  }
  return CheckFirstBase(model, ring);
}

Check CheckEnable(const VhostModel& model, const RingModel& ring,
                  uint64_t value) {
  if (value > 1) return Breach{Rule::kEnableValue, std::to_string(value)};
  if (model.personality().messages.serves_without_call) return std::nullopt;
  if (value == 1 && ring.started() && !ring.call_given()) {
    return Breach{Rule::kEnableWithoutCall, RingText(ring.index())};
  }
  return std::nullopt;
}

// Whether the running rings lie in what memory is about to be.
Check CheckRunningRings(const VhostModel& model,
                        std::span<const RegionDescription> regions) {
  for (const RingModel& ring : model.rings()) {
    if (!ring.started()) continue;
    const RingSize size{ring.rules().format, ring.num()};
    if (!RingInside(*ring.addresses(), size, regions)) {
      return Breach{Rule::kTableMovesRing, RingText(ring.index())};
    }
  }
  return std::nullopt;
}

Check CheckTable(const VhostModel& model,
                 std::span<const RegionDescription> regions, uint32_t most) {
  if (regions.empty() || regions.size() > most) {
    return Breach{Rule::kTableRegionCount,
                  std::to_string(regions.size()) + " regions"};
  }
  if (Check breach = CheckRegions(regions)) return breach;
  return CheckRunningRings(model, regions);
}

Check CheckMemory(const VhostModel& model, const VhostMessage& message) {
  std::vector<RegionDescription> regions;
  switch (message.header.request) {
    case kReqSetMemTable:
      return CheckTable(model, ParseTable(message.payload),
                        model.personality().max_regions);
    case kReqAddMemReg:
      regions = model.memory().Descriptions();
      regions.push_back(ParseSingleRegion(message.payload));
      return CheckTable(model, regions, model.personality().max_slots);
    case kReqRemMemReg: {
      regions = model.memory().Descriptions();
      const RegionDescription gone = ParseSingleRegion(message.payload);
      const size_t count =
          std::erase_if(regions, [&](const RegionDescription& region) {
            return region.guest == gone.guest && region.user == gone.user &&
                   region.size == gone.size;
          });
      if (count == 0) return Breach{Rule::kRegionUnknown, "not there"};
      return CheckRunningRings(model, regions);
    }
    default:
      return std::nullopt;
  }
}

}  // namespace

Check CheckRings(const VhostModel& model, const VhostMessage& message) {
  const std::optional<uint64_t> index = RingIndexOf(message);
  if (!index) return CheckMemory(model, message);
  if (Check breach = CheckIndex(model, message.header.request, *index))
    return breach;
  const RingModel& ring = model.rings()[*index];
  switch (message.header.request) {
    case kReqSetVringNum:
      return CheckNum(model, ring, message.Field(kStateNum));
    case kReqSetVringBase:
      return CheckBase(model, ring, message.Field(kStateNum));
    case kReqSetVringAddr:
      return CheckAddr(model, ring, message);
    case kReqSetVringKick:
      return CheckKick(model, ring);
    case kReqSetVringEnable:
      return CheckEnable(model, ring, message.Field(kStateNum));
    default:
      return std::nullopt;
  }
}

Check CheckEvents(const RingHost& host, const RingModel& ring) {
  // Where it lies may have gone since (RingModel::Rebind).
  if (ring.queue()->broken()) return std::nullopt;
  const RingLayout& layout = ring.queue()->layout();
  const bool event_index = host.session().Has(kBitEventIdx);
  if (layout.format == RingFormat::kSplit) {
    const auto flags = virtio_user::LoadRelaxed<uint16_t>(
        layout.driver + virtio_user::kAvailFlagsOffset);
    if (!event_index || flags == 0) return std::nullopt;
    return Breach{Rule::kEventFlags, RingText(ring.index()) + ": flags " +
                                         std::to_string(flags) +
                                         " of the available ring"};
  }
  const auto event = std::bit_cast<virtio_user::PackedEvent>(
      virtio_user::LoadRelaxed<uint32_t>(layout.driver));
  const uint16_t most = event_index ? virtio_user::kPackedEventDesc
                                    : virtio_user::kPackedEventDisable;
  const auto flags =
      static_cast<uint16_t>(event.flags & virtio_user::kPackedEventFlagsMask);
  if (flags <= most) return std::nullopt;
  return Breach{Rule::kEventFlags, RingText(ring.index()) + ": flags " +
                                       std::to_string(flags) +
                                       " of the driver's event area"};
}

}  // namespace backend_sim
