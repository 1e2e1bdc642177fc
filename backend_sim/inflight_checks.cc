// SPDX-License-Identifier: BSD-3-Clause

#include <string>

#include "backend_sim/model_checks.h"
#include "backend_sim/wire_request.h"

namespace backend_sim {
namespace {

std::string Text(const InflightNumbers& numbers) {
  return std::to_string(numbers.mmap_size) + " bytes from " +
         std::to_string(numbers.mmap_offset) + " for " +
         std::to_string(numbers.num_queues) + " queues of " +
         std::to_string(numbers.queue_size);
}

Check CheckGet(const VhostModel& model, const InflightNumbers& asked) {
  const bool sound = asked.num_queues != 0 &&
                     asked.num_queues <= model.rings().size() &&
                     asked.queue_size != 0 && asked.queue_size <= 32768;
  if (sound) return std::nullopt;
  return Breach{Rule::kInflightShape, Text(asked)};
}

Check CheckSet(const VhostModel& model, const InflightNumbers& told) {
  if (model.AnyStarted()) {
    return Breach{Rule::kInflightTooLate, "a ring has started"};
  }
  const auto& given = model.inflight_given();
  if (!given) {
    return Breach{Rule::kInflightOther, "nothing was asked for"};
  }
  if (told == *given) return std::nullopt;
  return Breach{Rule::kInflightOther,
                Text(told) + ", given were " + Text(*given)};
}

// Whose notes nobody takes is nobody's fault where there is no memory.
Check CheckKick(const VhostModel& model, const RingModel& ring) {
  if (!model.session().HasProtocol(kProtocolInflight)) return std::nullopt;
  const auto& given = model.inflight_given();
  if (given && given->mmap_size == 0) return std::nullopt;
  const std::string name = "ring " + std::to_string(ring.index());
  const InflightArea& area = model.inflight();
  if (!area.mapped()) return Breach{Rule::kInflightMissing, name};
  const InflightNumbers& numbers = area.numbers();
  if (ring.index() < numbers.num_queues && ring.num() == numbers.queue_size) {
    return std::nullopt;
  }
  return Breach{
      Rule::kInflightShape,
      name + " of " + std::to_string(ring.num()) + ": " + Text(numbers)};
}

}  // namespace

Check CheckInflight(const VhostModel& model, const VhostMessage& message) {
  switch (message.header.request) {
    case kReqGetInflightFd:
      return CheckGet(model, InflightNumbersOf(message.payload));
    case kReqSetInflightFd:
      return CheckSet(model, InflightNumbersOf(message.payload));
    case kReqSetVringKick:
      return CheckKick(model,
                       model.rings()[message.Field(kU64Value) & kRingFdIndex]);
    default:
      return std::nullopt;
  }
}

}  // namespace backend_sim
