// SPDX-License-Identifier: BSD-3-Clause

#include "backend_sim/simulation/checker.h"

#include <array>

#include "virtio_user/base/check.h"

namespace backend_sim {
namespace {

constexpr std::array<CheckerInfo, kCheckers> kInfos{{
    {CheckerId::kProtocol, "protocol",
     "no message and no ring breaks a rule of the back-end's",
     "vhost-user and virtio, clause by clause (violation.cc)"},
    {CheckerId::kFeatures, "features",
     "what the back-end was told is what is forwarded, and it offered all of "
     "it",
     "virtio: Feature Bits; vhost-user: SET_FEATURES"},
    {CheckerId::kMemory, "memory",
     "while the device runs and reports no trouble, the back-end has the "
     "process's memory and nothing else",
     "vhost-user: SET_MEM_TABLE, ADD_MEM_REG"},
    {CheckerId::kEnabled, "enabled",
     "rings run at the back-end only while the device runs",
     "vhost-user: Ring states"},
    {CheckerId::kPairs, "pairs", "both sides agree on which pairs are active",
     "virtio: Device Initialization of multiqueue"},
    {CheckerId::kControl, "control",
     "each command's chain is used exactly once, with no byte written that is "
     "not its ack",
     "virtio: Control Virtqueue"},
    {CheckerId::kPackets, "packets",
     "a packet that comes was sent, is whole, in order, and comes once",
     "virtio: Device Operation; the back-end echoes"},
    {CheckerId::kBuffers, "buffers",
     "each buffer is in its pool or in a ring, and all come back",
     "the contract of ReclaimAll"},
    {CheckerId::kDescriptors, "descriptors",
     "only what is open is closed or used", "POSIX: close"},
    {CheckerId::kLeft, "left",
     "a device that is gone, or was never made, leaves no descriptor, mapping, "
     "memory or listener behind",
     "the contract of Device::Create and ~Device"},
    {CheckerId::kDeadline, "deadline",
     "a call ends within its budget, whatever the back-end does",
     "the contract of Device"},
    {CheckerId::kBound, "bound",
     "a call makes a bounded number of calls across the seam",
     "the contract of Device"},
    {CheckerId::kState, "state",
     "the device is in a state that this call can lead to, and says so",
     "docs/lifecycle.md"},
    {CheckerId::kLink, "link",
     "after Poll, link() and state() tell a lost connection",
     "the contract of Device::Poll"},
    {CheckerId::kError, "error", "a call that fails says why",
     "the contract of Error"},
    {CheckerId::kUndisturbed, "undisturbed",
     "a call that nothing disturbs and that is made at its time succeeds",
     "docs/lifecycle.md"},
    {CheckerId::kLies, "lies",
     "a call that was answered against the protocol does not succeed",
     "vhost-user: Header; Communication"},
    {CheckerId::kEvents, "events", "Poll tells what has become of the device",
     "the contract of DeviceEvents"},
    {CheckerId::kRequests, "requests",
     "what the back-end asks is answered, and a request that cannot be one "
     "ends its stream",
     "vhost-user: Back-end communication"},
    {CheckerId::kInterrupts, "interrupts",
     "the call descriptor that an embedder waits on is the one that the "
     "back-end signals",
     "vhost-user: SET_VRING_CALL; the contract of InterruptMap"},
    {CheckerId::kLiveness, "liveness",
     "once the faults are over, the device starts, in few steps",
     "the contract of Device::Reattach and Start"},
    {CheckerId::kTraffic, "traffic",
     "once the faults are over, a packet goes out and comes back",
     "virtio: Device Operation; the back-end echoes"},
}};

}  // namespace

const CheckerInfo& InfoOf(CheckerId id) {
  const CheckerInfo& info = kInfos[static_cast<size_t>(id)];
  VU_CHECK(info.id == id);
  return info;
}

std::span<const CheckerInfo> AllCheckers() { return kInfos; }

std::string Finding::Text() const {
  return std::string(InfoOf(checker).name) + ": " + text + " (step " +
         std::to_string(step) + ")";
}

}  // namespace backend_sim
