// SPDX-License-Identifier: BSD-3-Clause

#include "cli/operation_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "backend_sim/fault_plan.h"
#include "backend_sim/fd_table.h"

namespace virtio_user::cli {

using backend_sim::Operation;
using backend_sim::OpKind;

namespace {

constexpr std::array<std::string_view, backend_sim::kCommandKinds> kCommands{
    "pairs",         "promiscuous",
    "all multicast", "MAC address",
    "MAC table",     "add VLAN",
    "delete VLAN",   "offloads",
    "announced",     "a class that is none",
    "a wrong length"};
constexpr std::array<std::string_view, 4> kPeers{
    "the same", "one with fewer features", "one with one pair",
    "somebody else"};
constexpr std::array<std::string_view, backend_sim::kFdCalls> kFdCallNames{
    "create event", "map", "dup", "receive"};
constexpr std::array<std::string_view, 8> kFeatureChoices{
    "all but offloads",         "without MQ",
    "without CTRL_VQ",          "without IN_ORDER and INDIRECT_DESC",
    "without MRG_RXBUF",        "without STATUS and RING_PACKED",
    "one more than is offered", "all but offloads"};

std::string Count(uint32_t count, std::string_view what) {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

}  // namespace

std::string MeaningOf(const Operation& operation) {
  const uint32_t a = operation.a;
  const uint32_t b = operation.b;
  switch (operation.kind) {
    case OpKind::kFault:
      return std::string(FaultName(
          static_cast<backend_sim::FaultKind>(a % backend_sim::kFaultKinds)));
    case OpKind::kCommand:
      return std::string(kCommands[a % kCommands.size()]);
    case OpKind::kNegotiate:
      return std::string(kFeatureChoices[a % kFeatureChoices.size()]);
    case OpKind::kPeerConnects:
      return std::string(kPeers[a % kPeers.size()]);
    case OpKind::kAddMemory:
      return Count(1 + a % 8, "page");
    case OpKind::kGrowMemory:
    case OpKind::kShrinkMemory:
      return Count(1 + b % 3, "page");
    case OpKind::kServe:
      return Count(1 + a % 8, "turn");
    case OpKind::kTransmit:
      return "at most " + Count(1 + b % 8, "frame");
    case OpKind::kReceive:
      return "at most " + Count(1 + b % 16, "packet");
    case OpKind::kFailFd:
      return fmt::format(
          "{}, the {}'s, call {} from now",
          kFdCallNames[a % backend_sim::kFdCalls],
          a / backend_sim::kFdCalls % 2 == 0 ? "front-end" : "back-end",
          1 + b % 16);
    case OpKind::kFailAllocation:
      return fmt::format("number {} from now", 1 + a % 8);
    case OpKind::kAdvance:
      return fmt::format("{} ms", a % 5000);
    default:
      return "";
  }
}

std::string_view ResultName(backend_sim::OpResult result) {
  constexpr std::array<std::string_view, backend_sim::kOpResults> kNames{
      "done", "failed", "nothing to do"};
  return kNames[static_cast<size_t>(result)];
}

std::string ScenarioText(const backend_sim::Scenario& scenario) {
  // Lines "set NAME VALUE".
  constexpr std::string_view kSet = "set ";
  std::string text;
  std::string lines = ToText(scenario);
  if (scenario.pairs == backend_sim::Scenario{}.pairs) {
    lines.insert(lines.find('\n') + 1,
                 fmt::format("set pairs {}\n", scenario.pairs));
  }
  std::string_view left = lines;
  while (left.starts_with(kSet)) {
    const size_t end = std::min(left.find('\n'), left.size());
    if (!text.empty()) text += ", ";
    text += left.substr(kSet.size(), end - kSet.size());
    left.remove_prefix(std::min(end + 1, left.size()));
  }
  return text;
}

}  // namespace virtio_user::cli
