// SPDX-License-Identifier: BSD-3-Clause

#include <bit>
#include <string>

#include "backend_sim/model_checks.h"
#include "backend_sim/wire_request.h"
#include "virtio_user/spec/ring.h"

namespace backend_sim {
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

Check CheckIndex(const VhostModel& model, uint64_t index) {
  if (index >= model.rings().size()) {
    return Breach{Rule::kRingIndex, RingText(index) + " of " +
                                        std::to_string(model.rings().size())};
  }
  // Before SET_FEATURES nobody knows yet: SET_VRING_CALL may come first.
  const SessionState& session = model.session();
  if (session.features_set && !session.Has(kBitMq) && index >= 2) {
    return Breach{Rule::kRingWithoutMq, RingText(index)};
  }
  return std::nullopt;
}

Check CheckStopped(const RingModel& ring) {
  if (!ring.started()) return std::nullopt;
  return Breach{Rule::kRunningRingChanged, RingText(ring.index()) + " runs"};
}

Check CheckNum(const RingModel& ring, uint64_t num) {
  if (Check breach = CheckStopped(ring)) return breach;
  if (!std::has_single_bit(num) || num > virtio_user::kMaxRingSize) {
    return Breach{Rule::kRingSize, std::to_string(num)};
  }
  return std::nullopt;
}

Check CheckBase(const RingModel& ring, uint64_t base) {
  if (Check breach = CheckStopped(ring)) return breach;
  if (base > 0xffff) return Breach{Rule::kRingBase, std::to_string(base)};
  return std::nullopt;
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
  if (addresses.desc % virtio_user::kDescTableAlign != 0 ||
      addresses.avail % virtio_user::kAvailRingAlign != 0 ||
      addresses.used % virtio_user::kUsedRingAlign != 0) {
    return Breach{Rule::kAddrMisaligned, RingText(ring.index())};
  }
  // Without a size, what can be said is where the parts begin.
  const uint32_t num = ring.num() == 0 ? 1 : ring.num();
  if (!RingInside(addresses, num, model.memory().Descriptions())) {
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
  if (!RingInside(*ring.addresses(), ring.num(),
                  model.memory().Descriptions())) {
    return Breach{Rule::kAddrOutside, name};
  }
  // Nobody else writes the used index, so that a ring goes on there.
  const std::optional<uint16_t> used = ring.UsedIndex(model.memory());
  if (used && *used != *ring.base()) {
    return Breach{Rule::kRingBase,
                  name + " goes on at " + std::to_string(*ring.base()) +
                      ", its used index is " + std::to_string(*used)};
  }
  return std::nullopt;
}

Check CheckEnable(const RingModel& ring, uint64_t value) {
  if (value > 1) return Breach{Rule::kEnableValue, std::to_string(value)};
  if (value == 1 && ring.started() && !ring.call_given()) {
    return Breach{Rule::kEnableWithoutCall, RingText(ring.index())};
  }
  return std::nullopt;
}

// Whether the running rings lie in what memory is about to be.
Check CheckRunningRings(const VhostModel& model,
                        std::span<const RegionDescription> regions) {
  for (const RingModel& ring : model.rings()) {
    if (ring.started() && !RingInside(*ring.addresses(), ring.num(), regions)) {
      return Breach{Rule::kTableMovesRing, RingText(ring.index())};
    }
  }
  return std::nullopt;
}

Check CheckTable(const VhostModel& model,
                 std::span<const RegionDescription> regions) {
  if (regions.empty() || regions.size() > model.personality().max_regions) {
    return Breach{Rule::kTableRegionCount,
                  std::to_string(regions.size()) + " regions"};
  }
  if (Check breach = CheckRegions(regions)) return breach;
  return CheckRunningRings(model, regions);
}

Check CheckMemory(const VhostModel& model, const VhostMessage& message) {
  std::vector<RegionDescription> regions = model.memory().Descriptions();
  switch (message.header.request) {
    case kReqSetMemTable:
      return CheckTable(model, ParseTable(message.payload));
    case kReqAddMemReg:
      regions.push_back(ParseSingleRegion(message.payload));
      return CheckTable(model, regions);
    case kReqRemMemReg: {
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
  if (Check breach = CheckIndex(model, *index)) return breach;
  const RingModel& ring = model.rings()[*index];
  switch (message.header.request) {
    case kReqSetVringNum:
      return CheckNum(ring, message.Field(kStateNum));
    case kReqSetVringBase:
      return CheckBase(ring, message.Field(kStateNum));
    case kReqSetVringAddr:
      return CheckAddr(model, ring, message);
    case kReqSetVringKick:
      return CheckKick(model, ring);
    case kReqSetVringEnable:
      return CheckEnable(ring, message.Field(kStateNum));
    default:
      return std::nullopt;
  }
}

}  // namespace backend_sim
