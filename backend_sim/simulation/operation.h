// SPDX-License-Identifier: BSD-3-Clause
//
// What can happen in a simulated run, one step of one actor.

#ifndef BACKEND_SIM_SIMULATION_OPERATION_H_
#define BACKEND_SIM_SIMULATION_OPERATION_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace backend_sim {

// Who does it.
enum class Actor : uint8_t {
  kControl,  // The embedder's control thread: Device's public calls.
  kCommand,  // The driver's control queue.
  kMemory,   // Whoever allocates and frees shared memory.
  kPeer,     // The back-end, and whether it is there.
  kData,     // The pollers.
  kRings,    // A peer that writes into rings whatever it likes.
  kFault,    // Bad luck of the world, planted for later.
};
inline constexpr size_t kActors = 7;
std::string_view ActorName(Actor actor);

enum class OpKind : uint8_t {
  kCreate,
  kDestroy,
  kNegotiate,  // a: which features the driver takes (see FeatureChoice).
  kConfigure,  // a: pairs that get new rings, and the control queue.
  kStart,
  kStop,
  kReset,             // Stop, then Negotiate of the same features.
  kReattach,          // Rings afresh.
  kReattachKeeping,   // Rings go on where the back-end's notes allow.
  kPoll,              // Device::Poll.
  kAnnounce,          // Device::AnnounceSelf.
  kRefreshConfig,     // Device::RefreshConfig.
  kCommand,           // a: CommandKind; b: its value.
  kMangledCommand,    // a: what is wrong with the chain; b: a value.
  kAddMemory,         // a: pages.
  kRemoveMemory,      // a: which of those that nobody uses.
  kGrowMemory,        // a: which, b: pages.
  kShrinkMemory,      // a: which, b: pages.
  kExternalMemory,    // Memory of somebody else's comes and goes.
  kUnknownMemory,     // a: 0 added, 1 removing: of a range in no table.
  kRemoveRingMemory,  // The driver frees pair a's rings, and the region goes.
  kPeerCloses,        // The session ends.
  kPeerConnects,      // a: which back-end comes (see PeerChoice).
  kServe,             // The back-end works; a: turns, at most.
  kChangeConfig,      // The configuration space changes, and it says so.
  kBackendRequest,    // a: bytes on the back-end's own request channel.
  kTransmit,          // a: pair; b: frames.
  kReceive,           // a: pair; b: packets at most.
  kComplete,          // a: pair.
  kAge,               // a: pair; b: how far. Its rings come round, or nearly.
  kCorruptRing,       // a: ring; b: what.
  kFault,             // a: FaultKind and how soon; b: its argument.
  kFailFd,            // a: FdCall; b: how soon.
  kFailAllocation,    // a: how soon.
  kFailKernel,        // a: how soon; b: which errno.
  kClearFaults,       // What was planted and has not happened, never does.
  kAdvance,           // a: milliseconds.
};
inline constexpr size_t kOpKinds = 37;

// Of one kind of operation, for people and scripts.
struct OpInfo {
  OpKind kind;
  std::string_view name;  // "start", "peer-closes"
  Actor actor;
  uint8_t arguments;  // 0 to 2 of a and b have a meaning.
};
const OpInfo& InfoOf(OpKind kind);
std::span<const OpInfo> AllOps();

struct Operation {
  OpKind kind = OpKind::kPoll;
  uint32_t a = 0;
  uint32_t b = 0;
  // What everything below the operation draws from: short reads, orders,
  // lies. An operation that is taken out of a script moves no other's draws.
  uint32_t salt = 0;

  friend bool operator==(const Operation&, const Operation&) = default;
};

// "fault a=3 b=7 salt=12"; arguments that are 0 are left out.
std::string ToText(const Operation& operation);
// The inverse; nothing if it is none.
std::optional<Operation> OperationFromText(std::string_view line);

// What kCommand sends, each well-formed.
enum class CommandKind : uint8_t {
  kPairs,
  kPromiscuous,
  kReceiveMode,  // One of the five beside promiscuous.
  kMac,
  kMacTable,
  kVlanAdd,
  kVlanDelete,
  kOffloads,
  kAnnounceAck,
  kUnknownClass,
  kWrongLength,
};
inline constexpr uint32_t kCommandKinds = 11;

}  // namespace backend_sim

#endif  // BACKEND_SIM_SIMULATION_OPERATION_H_
