// SPDX-License-Identifier: BSD-3-Clause

#include "backend_sim/simulation/operation.h"

#include <algorithm>
#include <charconv>

#include "virtio_user/base/check.h"

namespace backend_sim {
namespace {

constexpr std::array<std::string_view, kActors> kActorNames{
    "control", "command", "memory", "peer", "data", "rings", "fault"};

constexpr std::array<OpInfo, kOpKinds> kOps{{
    {OpKind::kCreate, "create", Actor::kControl, 0},
    {OpKind::kDestroy, "destroy", Actor::kControl, 0},
    {OpKind::kNegotiate, "negotiate", Actor::kControl, 1},
    {OpKind::kConfigure, "configure", Actor::kControl, 1},
    {OpKind::kStart, "start", Actor::kControl, 0},
    {OpKind::kStop, "stop", Actor::kControl, 0},
    {OpKind::kReset, "reset", Actor::kControl, 0},
    {OpKind::kReattach, "reattach", Actor::kControl, 0},
    {OpKind::kReattachKeeping, "reattach-keeping", Actor::kControl, 0},
    {OpKind::kPoll, "poll", Actor::kControl, 0},
    {OpKind::kAnnounce, "announce", Actor::kControl, 0},
    {OpKind::kRefreshConfig, "refresh-config", Actor::kControl, 0},
    {OpKind::kCommand, "command", Actor::kCommand, 2},
    {OpKind::kMangledCommand, "mangled-command", Actor::kCommand, 2},
    {OpKind::kAddMemory, "add-memory", Actor::kMemory, 1},
    {OpKind::kRemoveMemory, "remove-memory", Actor::kMemory, 1},
    {OpKind::kGrowMemory, "grow-memory", Actor::kMemory, 2},
    {OpKind::kShrinkMemory, "shrink-memory", Actor::kMemory, 2},
    {OpKind::kExternalMemory, "external-memory", Actor::kMemory, 0},
    {OpKind::kUnknownMemory, "unknown-memory", Actor::kMemory, 1},
    {OpKind::kRemoveRingMemory, "remove-ring-memory", Actor::kMemory, 1},
    {OpKind::kPeerCloses, "peer-closes", Actor::kPeer, 0},
    {OpKind::kPeerConnects, "peer-connects", Actor::kPeer, 1},
    {OpKind::kServe, "serve", Actor::kPeer, 1},
    {OpKind::kChangeConfig, "change-config", Actor::kPeer, 1},
    {OpKind::kBackendRequest, "backend-request", Actor::kPeer, 1},
    {OpKind::kTransmit, "transmit", Actor::kData, 2},
    {OpKind::kReceive, "receive", Actor::kData, 2},
    {OpKind::kComplete, "complete", Actor::kData, 1},
    {OpKind::kAge, "age", Actor::kData, 2},
    {OpKind::kCorruptRing, "corrupt-ring", Actor::kRings, 2},
    {OpKind::kFault, "fault", Actor::kFault, 2},
    {OpKind::kFailFd, "fail-fd", Actor::kFault, 2},
    {OpKind::kFailAllocation, "fail-allocation", Actor::kFault, 1},
    {OpKind::kFailKernel, "fail-kernel", Actor::kFault, 2},
    {OpKind::kClearFaults, "clear-faults", Actor::kFault, 0},
    {OpKind::kAdvance, "advance", Actor::kPeer, 1},
}};

// The words of a line that spaces separate.
std::string_view NextWord(std::string_view& line) {
  line.remove_prefix(std::min(line.find_first_not_of(" \t\r"), line.size()));
  const size_t end = std::min(line.find_first_of(" \t\r"), line.size());
  const std::string_view word = line.substr(0, end);
  line.remove_prefix(end);
  return word;
}

bool ReadArgument(std::string_view word, Operation& operation) {
  const size_t equals = word.find('=');
  if (equals == std::string_view::npos) return false;
  const std::string_view key = word.substr(0, equals);
  const std::string_view text = word.substr(equals + 1);
  uint32_t value = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return false;
  if (key == "a") {
    operation.a = value;
  } else if (key == "b") {
    operation.b = value;
  } else if (key == "salt") {
    operation.salt = value;
  } else {
    return false;
  }
  return true;
}

void AddArgument(std::string& text, const char* key, uint32_t value) {
  if (value == 0) return;
  text += ' ';
  text += key;
  text += '=';
  text += std::to_string(value);
}

}  // namespace

std::string_view ActorName(Actor actor) {
  return kActorNames[static_cast<size_t>(actor)];
}

const OpInfo& InfoOf(OpKind kind) {
  const OpInfo& info = kOps[static_cast<size_t>(kind)];
  VU_CHECK(info.kind == kind);
  return info;
}

std::span<const OpInfo> AllOps() { return kOps; }

std::string ToText(const Operation& operation) {
  std::string text(InfoOf(operation.kind).name);
  AddArgument(text, "a", operation.a);
  AddArgument(text, "b", operation.b);
  AddArgument(text, "salt", operation.salt);
  return text;
}

std::optional<Operation> OperationFromText(std::string_view line) {
  const std::string_view name = NextWord(line);
  const auto* const info = std::ranges::find(kOps, name, &OpInfo::name);
  if (info == kOps.end()) return std::nullopt;
  Operation operation{.kind = info->kind};
  for (std::string_view word = NextWord(line); !word.empty();
       word = NextWord(line)) {
    if (!ReadArgument(word, operation)) return std::nullopt;
  }
  return operation;
}

}  // namespace backend_sim
