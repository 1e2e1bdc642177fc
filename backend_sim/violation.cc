// SPDX-License-Identifier: BSD-3-Clause

#include "backend_sim/violation.h"

#include <array>

#include "backend_sim/wire.h"

namespace backend_sim {
namespace {

struct Clause {
  Rule rule;
  std::string_view name;
  std::string_view text;
};

constexpr std::array<Clause, kRules> kClauses{{
    {Rule::kNone, "resources", "the back-end ran out of something"},
    {Rule::kHeaderVersion, "header-version",
     "vhost-user, Header: the version is 1"},
    {Rule::kHeaderFlags, "header-flags",
     "vhost-user, Header: a request has no reply flag, and reserved flags "
     "are 0"},
    {Rule::kUnknownRequest, "unknown-request",
     "vhost-user, Front-end message types: the request exists"},
    {Rule::kNotServed, "not-served",
     "vhost-user, Front-end message types: the request is one that this kind "
     "of device has"},
    {Rule::kPayloadSize, "payload-size",
     "vhost-user, Message Specification: the payload is as long as its type "
     "says"},
    {Rule::kFdCount, "fd-count",
     "vhost-user, Message Specification: a message brings as many descriptors "
     "as it should"},
    {Rule::kGate, "gate",
     "vhost-user, Protocol features: a message is sent once its feature was "
     "negotiated"},
    {Rule::kNeedReplyGate, "need-reply-gate",
     "vhost-user, REPLY_ACK: need_reply is set once the feature was "
     "negotiated"},
    {Rule::kOwnerTwice, "owner-twice",
     "vhost-user, SET_OWNER: the session has one owner, set once"},
    {Rule::kOwnerMissing, "owner-missing",
     "vhost-user, SET_OWNER: rings start in a session that has an owner"},
    {Rule::kResetOwner, "reset-owner",
     "vhost-user, RESET_OWNER: deprecated, no longer sent"},
    {Rule::kFeaturesUnasked, "features-unasked",
     "vhost-user, SET_FEATURES: what is offered is asked first"},
    {Rule::kFeaturesNotOffered, "features-not-offered",
     "virtio, Feature Bits: only offered bits are accepted"},
    {Rule::kFeaturesWhileRunning, "features-while-running",
     "vhost-user, SET_FEATURES: while a ring runs, only logging is switched"},
    {Rule::kFeaturesAfterOk, "features-after-ok",
     "virtio, Device Initialization: after FEATURES_OK no bit changes"},
    {Rule::kProtocolFeaturesNotOffered, "protocol-features-not-offered",
     "vhost-user, SET_PROTOCOL_FEATURES: only offered bits, with those that "
     "they need"},
    {Rule::kMtuRange, "mtu-range",
     "virtio, Network Device: the MTU is 68 to 65535"},
    {Rule::kStatusValue, "status-value",
     "virtio, Device Status Field: the status has 8 bits"},
    {Rule::kStatusBackwards, "status-backwards",
     "virtio, Device Status Field: bits are set one after the other and "
     "cleared by a reset alone"},
    {Rule::kFeaturesOkTooEarly, "features-ok-too-early",
     "virtio, Device Initialization: FEATURES_OK comes after the features"},
    {Rule::kDriverOkTooEarly, "driver-ok-too-early",
     "virtio, Device Initialization: DRIVER_OK comes after FEATURES_OK"},
    {Rule::kTableRegionCount, "table-region-count",
     "vhost-user, Memory regions description: 1 to as many regions as the "
     "back-end takes"},
    {Rule::kTableRegion, "table-region",
     "vhost-user, Memory regions description: a region has a size and no "
     "address of it wraps"},
    {Rule::kTableOverlap, "table-overlap",
     "vhost-user, Memory regions description: regions are disjoint"},
    {Rule::kTableNotBacked, "table-not-backed",
     "vhost-user, SET_MEM_TABLE: the file of a region holds all of it"},
    {Rule::kTableMovesRing, "table-moves-ring",
     "vhost-user, SET_MEM_TABLE: running rings lie in every table"},
    {Rule::kRegionUnknown, "region-unknown",
     "vhost-user, REM_MEM_REG: the region is one that was added"},
    {Rule::kRingIndex, "ring-index",
     "vhost-user, Multiple queue support: a ring's index is below the number "
     "of rings"},
    {Rule::kRingWithoutMq, "ring-without-mq",
     "virtio, Network Device, Virtqueues: without MQ there is one pair"},
    {Rule::kRingSize, "ring-size",
     "virtio, Split Virtqueues: a size is a power of 2 and at most 32768; "
     "Packed Virtqueues: 1 to 32768"},
    {Rule::kRingBase, "ring-base",
     "vhost-user, Vring descriptor indices: a split ring's base has 16 bits, "
     "a packed ring's are two indexes below its size with their wrap "
     "counters"},
    {Rule::kAddrBeforeTable, "addr-before-table",
     "lib/vhost and others: the memory table comes before ring addresses"},
    {Rule::kAddrOutside, "addr-outside",
     "vhost-user, SET_VRING_ADDR: all of the ring lies in one region each"},
    {Rule::kAddrMisaligned, "addr-misaligned",
     "virtio, Virtqueues: split: table at 16, available at 2, used at 4 "
     "bytes; packed: descriptors at 16, event areas at 4 bytes"},
    {Rule::kAddrReservedFlags, "addr-flags",
     "vhost-user, A vring address description: only the log flag, with "
     "LOG_ALL"},
    {Rule::kRunningRingChanged, "running-ring-changed",
     "vhost-user, Ring states: size, base and addresses are set while a ring "
     "is stopped"},
    {Rule::kKickIncomplete, "kick-incomplete",
     "vhost-user, Ring states: size, base and addresses precede the kick"},
    {Rule::kKickTooEarly, "kick-too-early",
     "vhost-user, SET_FEATURES: features are settled before a ring starts"},
    {Rule::kEnableValue, "enable-value",
     "vhost-user, SET_VRING_ENABLE: 0 or 1"},
    {Rule::kEnableWithoutCall, "enable-without-call",
     "lib/vhost: a ring is served once its call was given"},
    {Rule::kInflightShape, "inflight-shape",
     "vhost-user, Inflight description: for queues that there are, and each "
     "of the size that was said"},
    {Rule::kInflightOther, "inflight-other",
     "vhost-user, SET_INFLIGHT_FD: it sends back what GET_INFLIGHT_FD gave"},
    {Rule::kInflightTooLate, "inflight-too-late",
     "vhost-user, Inflight I/O tracking: the back-end has its notes before a "
     "ring starts"},
    {Rule::kInflightMissing, "inflight-missing",
     "libvhost-user: where INFLIGHT_SHMFD was negotiated, SET_INFLIGHT_FD "
     "comes before a ring starts"},
    {Rule::kConfigRange, "config-range",
     "vhost-user, GET_CONFIG: what is asked lies in the configuration space"},
    {Rule::kConfigReadOnly, "config-read-only",
     "virtio, Network Device: its configuration is read-only"},
    {Rule::kRingContents, "ring-contents",
     "virtio, Split Virtqueues and Packed Virtqueues: indexes, flags and "
     "chains are well formed"},
    {Rule::kIdInFlight, "id-in-flight",
     "virtio, Packed Virtqueues, Buffer ID and Split Virtqueues: an id or a "
     "head is not offered again before it was used"},
    {Rule::kIndirectNotAccepted, "indirect-not-accepted",
     "virtio, Indirect Descriptors: only where INDIRECT_DESC was accepted"},
    {Rule::kEventFlags, "event-flags",
     "virtio, Used Buffer Notification Suppression: with EVENT_IDX the "
     "available ring's flags are 0; Event Suppression Structure Format: DESC "
     "with EVENT_IDX alone, and no reserved value"},
    {Rule::kReservedBits, "reserved-bits",
     "vhost-user, Message Specification: padding and bits without a meaning "
     "are 0"},
}};

const Clause& Find(Rule rule) { return kClauses[static_cast<size_t>(rule)]; }

constexpr bool InOrder() {
  for (size_t i = 0; i < kClauses.size(); ++i) {
    if (static_cast<size_t>(kClauses[i].rule) != i) return false;
  }
  return true;
}
static_assert(InOrder());

}  // namespace

std::string_view ClauseOf(Rule rule) { return Find(rule).text; }

std::string_view RuleName(Rule rule) { return Find(rule).name; }

std::string Violation::Text() const {
  std::string text;
  if (request == 0) {
    text = "ring";
  } else {
    text = RequestName(request);
    text += " (message " + std::to_string(message_index) + ")";
  }
  text += ": " + detail + "; ";
  text += clause();
  return text;
}

}  // namespace backend_sim
