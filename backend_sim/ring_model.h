// SPDX-License-Identifier: BSD-3-Clause
//
// One vring as a back-end has it (vhost-user: Ring states).

#ifndef BACKEND_SIM_RING_MODEL_H_
#define BACKEND_SIM_RING_MODEL_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "backend_sim/backend_memory.h"
#include "backend_sim/inflight_notes.h"
#include "backend_sim/trace.h"
#include "backend_sim/violation.h"
#include "virtio_user/base/file_descriptor.h"
#include "virtio_user/ring/device_queue.h"

namespace backend_sim {

// What the features say of every ring.
struct RingRules {
  virtio_user::RingFormat format = virtio_user::RingFormat::kSplit;
  virtio_user::EventIndex event_index = virtio_user::EventIndex::kOff;
};

// Where a ring goes on, as SET_VRING_BASE says it (vhost-user: Vring
// descriptor indices). Packed: 15 bits of available index and its wrap
// counter, and above them the same for the used index. Where the upper half is
// 0, as lib/vhost has it, nothing is in flight.
struct RingBase {
  virtio_user::RingPosition next_avail;
  virtio_user::RingPosition next_used;
};
RingBase DecodeBase(virtio_user::RingFormat format, uint32_t base);
uint32_t EncodeBase(virtio_user::RingFormat format, RingBase base);

// User addresses, as SET_VRING_ADDR gives them. Packed: descriptor ring,
// driver and device event suppression.
struct RingAddresses {
  uint64_t desc = 0;
  uint64_t avail = 0;
  uint64_t used = 0;

  friend bool operator==(const RingAddresses&, const RingAddresses&) = default;
};

// A ring's size as its format counts it.
struct RingSize {
  virtio_user::RingFormat format = virtio_user::RingFormat::kSplit;
  uint32_t num = 0;
};

// Whether the three parts of a ring lie in `regions`, each in one.
bool RingInside(const RingAddresses& addresses, RingSize size,
                std::span<const RegionDescription> regions);

// Ids of the chains that a device has taken and not given back.
class ChainLedger {
 public:
  // False: it has one with this id.
  bool Take(uint16_t id);
  void Give(uint16_t id) { taken_[id] = false; }

 private:
  std::vector<bool> taken_;  // By id; empty before the first one.
};

// {stopped, started} x {disabled, enabled} and what was configured. GET_VRING_
// BASE forgets all but `enabled`, as lib/vhost does: a portable front-end
// sends everything again. The setters check nothing (ring_checks does).
class RingModel {
 public:
  explicit RingModel(uint16_t index) : index_(index) {}

  void SetNum(uint32_t num) {
    num_ = num;
    mentioned_ = true;
  }
  void SetBase(uint32_t base) {
    base_ = base;
    mentioned_ = true;
  }
  void SetAddresses(const RingAddresses& addresses) {
    addresses_ = addresses;
    mentioned_ = true;
  }
  // No descriptor: the front-end does not kick, or does not listen.
  void SetKick(virtio_user::FileDescriptor kick);
  void SetCall(virtio_user::FileDescriptor call);
  void SetEnabled(bool enabled) {
    enabled_ = enabled;
    mentioned_ = true;
  }
  // SET_FEATURES without bit 30 enables every ring, named or not.
  void EnableByDefault() { enabled_ = true; }
  void Mention() { mentioned_ = true; }

  // Where it notes what it has in flight, from the next Start on. A ring that
  // goes on resubmits first what the notes say.
  void SetNotes(std::optional<QueueNotes> notes) { notes_ = std::move(notes); }

  // The kick came and the ring is complete. False: it is not inside `memory`
  // after all.
  bool Start(const BackendMemory& memory, RingRules rules, Trace& trace);
  // The running ring's memory moved. False: it is not there any more.
  bool Rebind(const BackendMemory& memory);
  // Stops the ring, which goes on there when it is started again; where it
  // stood, as EncodeBase. Chains that were taken and not given back will be
  // seen again.
  uint32_t Pause(Trace& trace);
  // Stops the ring and forgets how it was configured; the same answer.
  uint32_t Stop(Trace& trace);
  // The ring as it was before anybody spoke of it.
  void Reset(Trace& trace);

  uint16_t index() const { return index_; }
  bool mentioned() const { return mentioned_; }
  bool started() const { return queue_ != nullptr; }
  bool enabled() const { return enabled_; }
  uint32_t num() const { return num_; }  // 0: not set.
  const std::optional<uint32_t>& base() const { return base_; }
  // Of the ring while it runs.
  const RingRules& rules() const { return rules_; }
  const std::optional<RingAddresses>& addresses() const { return addresses_; }
  bool kick_given() const { return kick_given_; }
  bool call_given() const { return call_given_; }
  const virtio_user::FileDescriptor& kick() const { return kick_; }
  const virtio_user::FileDescriptor& call() const { return call_; }
  // The used index of a split ring in its memory, if that is in `memory`.
  std::optional<uint16_t> UsedIndex(const BackendMemory& memory) const;

  // A number for each time that the ring was started; 0: never.
  uint64_t life() const { return life_; }
  // Null while stopped.
  virtio_user::DeviceQueue* queue() { return queue_.get(); }
  const virtio_user::DeviceQueue* queue() const { return queue_.get(); }
  bool has_resubmitted() const {
    return resubmitted_taken_ < resubmitted_.size();
  }
  // The next head that is to be resubmitted; then it is not any more.
  std::optional<uint16_t> TakeResubmitted();
  // A chain was taken from the queue. False: it has one with this id.
  bool Take(uint16_t id);
  // It was put back, to be seen by the driver with the next Publish.
  void Give(uint16_t id);
  // Requires: started, and the queue is not broken.
  void Publish();
  // Whether what the driver asks for in its area was complained about.
  bool events_reported() const { return events_reported_; }
  void ReportEvents() { events_reported_ = true; }
  // Ring states: whether a kick was seen since the ring was configured.
  bool kicked() const { return kicked_; }
  void SawKick() { kicked_ = true; }

 private:
  std::optional<virtio_user::RingLayout> Resolve(
      const BackendMemory& memory, virtio_user::RingFormat format) const;
  uint16_t Resubmit(uint16_t used_index);

  uint16_t index_;
  uint64_t life_ = 0;
  bool mentioned_ = false;
  bool enabled_ = false;
  bool kick_given_ = false;
  bool call_given_ = false;
  bool kicked_ = false;
  bool events_reported_ = false;
  uint32_t num_ = 0;
  std::optional<uint32_t> base_;
  std::optional<RingAddresses> addresses_;
  virtio_user::FileDescriptor kick_;
  virtio_user::FileDescriptor call_;
  RingRules rules_;
  // Apart: a back-end may have 256 rings, of which few ever start.
  std::unique_ptr<virtio_user::DeviceQueue> queue_;
  ChainLedger ledger_;
  std::optional<QueueNotes> notes_;
  std::vector<uint16_t> resubmitted_;  // From `taken` on.
  size_t resubmitted_taken_ = 0;
};

}  // namespace backend_sim

#endif  // BACKEND_SIM_RING_MODEL_H_
