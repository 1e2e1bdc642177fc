// SPDX-License-Identifier: BSD-3-Clause

#ifndef VIRTIO_USER_DEVICE_DEVICE_H_
#define VIRTIO_USER_DEVICE_DEVICE_H_

#include <atomic>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "virtio_user/base/deadline.h"
#include "virtio_user/base/error.h"
#include "virtio_user/base/file_descriptor.h"
#include "virtio_user/base/mac_address.h"
#include "virtio_user/base/mutex.h"
#include "virtio_user/device/control_queue.h"
#include "virtio_user/device/negotiation.h"
#include "virtio_user/ring/ring_layout.h"
#include "virtio_user/spec/feature.h"
#include "virtio_user/vhost/memory_provider.h"
#include "virtio_user/vhost/quiescer.h"
#include "virtio_user/vhost/vhost_backend.h"
#include "virtio_user/vhost/vring_state.h"

namespace virtio_user {

// Values come from outside, so they are wider than what is allowed and are
// checked by Device::Create.
struct DeviceOptions {
  int64_t queue_pairs = 1;  // `queues`: 1 up to what the back-end serves.
  // For every ring: 1 to 32768, a power of two where the rings are split.
  int64_t queue_size = 256;
  std::optional<MacAddress> mac = {};
  // What the driver reads as its MTU and the back-end is told, 68 to 65535;
  // else what the back-end's configuration says.
  std::optional<int64_t> mtu = {};
  bool control_queue = false;  // `cq`; needed for more than one pair.
  bool mrg_rxbuf = true;
  bool in_order = true;
  bool packed = false;  // `packed_vq`: packed rings, if the back-end has them.
  Duration call_budget = kDefaultCallBudget;  // Of each public call.
};

enum class DeviceState : uint8_t {
  kCreated,     // Connected; features are known.
  kNegotiated,  // The driver has accepted features; rings do not run.
  kRunning,
  kNeedsReset,  // Left by Reattach alone.
};
std::string_view ToString(DeviceState state);

// What a Reattach has made of the rings of packets.
enum class RingsAfter : uint8_t {
  kAfresh,  // They are zeroed; their driver queues call ReclaimAll.
  kKept,    // They are as they were, and so are their driver queues: what was
            // in flight is given back after Start, by the new back-end.
};

// What Device::Poll found since it was asked last.
struct DeviceEvents {
  bool link_changed = false;  // See Device::link().
  bool needs_reset = false;   // The device has just entered kNeedsReset.
  // New memory could not be shared, or the control ring's memory has gone.
  bool memory_trouble = false;
  bool peer_waiting = false;    // Server mode: Reattach would succeed.
  std::optional<Error> reason;  // Of needs_reset or memory_trouble.
  // Why the last VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET that failed did; the driver
  // saw VIRTIO_NET_ERR and nothing more.
  std::optional<Error> pairs_refused;
  // Likewise of the last VIRTIO_NET_CTRL_GUEST_OFFLOADS_SET that the back-end
  // did not carry out.
  std::optional<Error> offloads_refused;
  // Likewise of the last command that the device's own control queue did not
  // carry out.
  std::optional<Error> command_refused;
  // A change of the configuration: VIRTIO_NET_S_ANNOUNCE has come into
  // Device::config_status().
  bool announce_asked = false;
  // The back-end's configuration space is another one: see RefreshConfig.
  bool config_changed = false;
  // Why the back-end's own requests are not served any more.
  std::optional<Error> requests_ended;
};

// What an embedder arms for interrupts: vector i is the call descriptor of
// pair i's RX ring; the link's own vector comes after them.
struct InterruptMap {
  std::vector<int> rx_call_fds;  // Borrowed; one a pair.
  size_t vector_count = 0;       // Pairs + 1.
  int link_fd = -1;  // Borrowed: connection, listener, or -1 for none.
};

// One virtio-net device whose other end is a vhost back-end.
//
// Passive: owns no thread, never sleeps outside a call, and each public call
// ends within one deadline (DeviceOptions::call_budget), or within five where
// it tells a control queue of the device's own. Thread-safe,
// except that Create and the destructor are alone, and that rings belong to
// their pollers while their gates are open.
//
// While memory is added or removed only the back-end pauses: pollers may keep
// filling rings, and buffers in memory that is being removed are theirs to
// take back first.
class Device final : private MemoryListener {
 public:
  struct Parts {
    std::unique_ptr<VhostBackend> backend;
    MemoryProvider& memory;  // Borrowed; outlives the device.
    FdOps& fds;              // Likewise.
    Quiescer& quiescer;      // Likewise.
  };

  // Connects (server mode: waits for the peer), learns what the peer offers,
  // makes the descriptors of all rings. On failure nothing is left behind.
  // kInvalidArgument: an option, by name. Otherwise the back-end's error.
  static Result<std::unique_ptr<Device>> Create(const DeviceOptions& options,
                                                Parts parts);
  // Stops, disconnects, then closes the descriptors.
  ~Device();

  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;

  // Which features the driver may accept.
  FeatureSet offered() const VU_EXCLUDES(mu_);
  // What it has accepted, what of that the back-end is told, and what the
  // back-end offers by itself.
  FeatureSet accepted() const VU_EXCLUDES(mu_);
  FeatureSet forwarded() const VU_EXCLUDES(mu_);
  FeatureSet device_features() const VU_EXCLUDES(mu_);

  // The driver's choice, a closed subset of offered(); kInvalidArgument also
  // where queue_size fits packed rings alone and they are not chosen. From
  // kCreated or
  // kNegotiated to kNegotiated. The driver has reset its device to get here:
  // control_state() is empty again, and one pair is asked for. Another choice
  // than the last one also forgets the rings, which are then configured again.
  Result<void> Negotiate(FeatureSet accepted) VU_EXCLUDES(mu_);

  // The format of all rings under the accepted features.
  RingFormat ring_format() const VU_EXCLUDES(mu_);
  // Pairs that exist under the accepted features: queue_pairs with MQ, else 1.
  uint16_t max_pairs() const VU_EXCLUDES(mu_);
  // The control queue's index as the driver numbers queues: 2 * max_pairs
  // with MQ, else 2. No back-end hears of it: a device with a control queue of
  // its own gets the commands on another ring, the back-end's.
  uint16_t control_queue_index() const VU_EXCLUDES(mu_);

  // Gives ring `vring` (0 to 2 * max_pairs - 1) its memory, zeroed, inside the
  // provider's table, of exactly queue_size descriptors and of ring_format().
  // Requires kNegotiated.
  // The driver owns the memory and keeps it until the device is gone or the
  // ring is configured anew. Both rings of a pair, and pairs from 0 on.
  Result<void> ConfigureRing(uint16_t vring, const RingLayout& layout)
      VU_EXCLUDES(mu_);
  // Likewise for the control queue, of any size, which starts afresh. Requires
  // CTRL_VQ.
  Result<void> ConfigureControlRing(const RingLayout& layout) VU_EXCLUDES(mu_);
  // The ring for its driver queue; its gate is open while kRunning. The
  // reference lives as long as the device. Requires: vring < 2 * queue_pairs.
  VringState& vring(uint16_t vring);

  // A transaction: kRunning with pair 0 active, or the first error and
  // kNegotiated (undone) or kNeedsReset (not undone, or the peer is gone).
  // In kRunning already: success, and nothing is sent.
  Result<void> Start() VU_EXCLUDES(mu_);
  // Stops every ring, keeps where each was, returns the first error; ends in
  // kNegotiated or kNeedsReset. When nothing runs: success, nothing is sent.
  Result<void> Stop() VU_EXCLUDES(mu_);

  // The driver's notification of the control queue: serves what is available,
  // at most one ring full. A failed command is no error here (Poll tells why
  // pairs were refused); a broken ring is (kInvalidArgument) and leaves
  // kNeedsReset. Requires kRunning, or kNeedsReset (then commands that need no
  // peer work).
  Result<void> NotifyControlQueue() VU_EXCLUDES(mu_);

  // A new connection in place of the present one, from any state: learns what
  // this peer offers. All rings are zeroed and start afresh; their driver
  // queues call ReclaimAll before Start. Then kNegotiated (kCreated where the
  // driver had not chosen yet). No peer, or one that lacks an accepted feature
  // (kUnsupported, naming it) or a queue pair: kNeedsReset. The pairs that the
  // driver asked for last are enabled again by the next Start.
  Result<void> Reattach() VU_EXCLUDES(mu_);
  // Likewise, but the rings are kept where the lost back-end has left notes of
  // what it had in flight and this one takes them up (split rings,
  // VHOST_USER_PROTOCOL_F_INFLIGHT_SHMFD): the answer says which way it went,
  // for all rings alike. Requires: no driver queue is broken, and no buffer in
  // flight lies in memory that has gone. Kept rings are forgotten by Negotiate
  // and by ConfigureRing of any of them; and if Start fails on them, the device
  // is kNeedsReset.
  Result<RingsAfter> ReattachKeepingRings() VU_EXCLUDES(mu_);

  // Has the back-end tell its network where mac() lives, for a driver that
  // does not announce itself. Requires kRunning. kUnsupported: there is no
  // address, or the back-end has no VHOST_USER_PROTOCOL_F_RARP.
  Result<void> AnnounceSelf() VU_EXCLUDES(mu_);

  // Reads the back-end's configuration space again, after
  // DeviceEvents::config_changed: mtu() and mac() may change, where the user
  // gave none; what the driver has accepted stays. Without a configuration
  // space nothing happens, nor where the error says that it makes no sense.
  Result<void> RefreshConfig() VU_EXCLUDES(mu_);

  // Never blocks; whoever watches PollFd() and NewsFd() calls it, at any
  // interval. Events that another call has found, a memory event's or a
  // command's, make neither of them readable: see state() and link() after
  // those, and ask for both descriptors again once Poll has told something.
  DeviceEvents Poll() VU_EXCLUDES(mu_);
  // Borrowed; readable when Poll should be called. -1: nothing to watch.
  int PollFd() VU_EXCLUDES(mu_);
  // Likewise, for what the back-end says by itself.
  int NewsFd() VU_EXCLUDES(mu_);
  InterruptMap interrupt_map() VU_EXCLUDES(mu_);

  DeviceState state() const { return state_.load(std::memory_order_acquire); }
  LinkState link() const { return link_.load(std::memory_order_acquire); }
  // `status` of the configuration space, for a driver that accepted
  // VIRTIO_NET_F_STATUS: VIRTIO_NET_S_LINK_UP as link() says, and, with
  // VIRTIO_NET_F_GUEST_ANNOUNCE, VIRTIO_NET_S_ANNOUNCE from the Start that
  // follows a Reattach, since the new peer has to learn where the address
  // lives, until the driver's VIRTIO_NET_CTRL_ANNOUNCE_ACK or Negotiate.
  uint16_t config_status() const;
  // Pairs that the back-end serves now: 1 after Start, then as MQ says.
  uint16_t active_pairs() const {
    return active_pairs_.load(std::memory_order_acquire);
  }

  // The address that the driver reads: what it set last by
  // VIRTIO_NET_CTRL_MAC_ADDR_SET since Negotiate, or the user's, or the
  // back-end's own.
  std::optional<MacAddress> mac() const VU_EXCLUDES(mu_);
  // What VIRTIO_NET_F_MTU tells the driver: the user's, or the back-end's own.
  std::optional<uint16_t> mtu() const VU_EXCLUDES(mu_);
  // What the control queue set since Negotiate: filters, tables, address.
  ControlState control_state() const VU_EXCLUDES(mu_);
  BackendCaps backend_caps() const VU_EXCLUDES(mu_);
  // As asked for in the options.
  uint16_t queue_pairs() const { return queue_pairs_; }
  uint16_t queue_size() const { return queue_size_; }

 private:
  Device(const DeviceOptions& options, Parts parts);

  // Connecting and what is offered (device.cc).
  Result<void> Open() VU_REQUIRES(mu_);
  Result<FeatureMasks> Discover() VU_REQUIRES(mu_);
  // (device_config.cc)
  Result<void> ReadConfig(FeatureSet device) VU_REQUIRES(mu_);
  Result<void> ReadSteering(FeatureSet device) VU_REQUIRES(mu_);
  std::optional<MacAddress> MacLocked() const VU_REQUIRES(mu_);
  std::optional<uint16_t> MtuToTell() const VU_REQUIRES(mu_);
  Result<void> CheckPairs(const FeatureMasks& masks) const VU_REQUIRES(mu_);
  Result<void> CheckSize(FeatureSet features) const;
  Result<void> CreateDescriptors();
  NegotiationInputs Inputs(FeatureSet device) const VU_REQUIRES(mu_);
  uint16_t MaxPairsLocked() const VU_REQUIRES(mu_);
  RingFormat FormatLocked() const VU_REQUIRES(mu_);
  Result<void> CheckFormat(RingFormat format) const VU_REQUIRES(mu_);

  // Start, stop, reattach (device_lifecycle.cc).
  Result<uint16_t> ConfiguredPairs() const VU_REQUIRES(mu_);
  Result<void> StartLocked(const MemoryTable& table) VU_REQUIRES(mu_);
  // Whether rings run, here or (left behind) at the other end.
  bool RingsRun() const VU_REQUIRES(mu_);
  Result<void> StopLocked() VU_REQUIRES(mu_);
  Result<void> StopBackend(const Result<void>& idle) VU_REQUIRES(mu_);
  Result<RingsAfter> ReattachAs(RingsAfter wanted) VU_EXCLUDES(mu_);
  Result<RingsAfter> ReattachLocked(RingsAfter wanted) VU_REQUIRES(mu_);
  Result<FeatureMasks> DiscoverAgain() VU_REQUIRES(mu_);
  Result<void> CheckStillFits(const FeatureMasks& masks) const VU_REQUIRES(mu_);
  void StartRingsAfresh() VU_REQUIRES(mu_);
  void MapDoorbells() VU_REQUIRES(mu_);
  // Requires: the pollers have left.
  void DropDoorbells() VU_REQUIRES(mu_);
  // Requires: the gates are closed.
  void LetGoOfDoorbells(Duration budget) VU_REQUIRES(mu_);
  void KickWaitingRings() VU_REQUIRES(mu_);
  void OpenGates() VU_REQUIRES(mu_);
  void CloseGates() VU_REQUIRES(mu_);
  Result<void> WaitForPollers(Duration budget) VU_REQUIRES(mu_);
  void EnterNeedsReset(const Error& reason) VU_REQUIRES(mu_);
  void NoticeLink(LinkState now) VU_REQUIRES(mu_);
  void AskToAnnounce() VU_REQUIRES(mu_);
  void ClearAnnounce() VU_REQUIRES(mu_);

  // Notes of what is in flight (device_inflight.cc).
  bool KeepRings() VU_REQUIRES(mu_);
  void ForgetInflight() VU_REQUIRES(mu_);
  void EndKeptRings(const Error& reason) VU_REQUIRES(mu_);

  // The device's own control queue and status (device_commands.cc).
  bool DeviceHearsCommands() const VU_REQUIRES(mu_);
  Result<void> SendCommand(std::span<const std::byte> request) VU_REQUIRES(mu_);
  Result<void> SendPairs(uint16_t pairs) VU_REQUIRES(mu_);
  Result<void> SendOffloads(FeatureSet offloads) VU_REQUIRES(mu_);
  void KeepCommand(std::span<const std::byte> request) VU_REQUIRES(mu_);
  void ForgetSteering() VU_REQUIRES(mu_);
  std::vector<std::vector<std::byte>> CommandsToSay(uint16_t pairs) const
      VU_REQUIRES(mu_);
  // After a reset, for `pairs` pairs; how many the device serves then.
  Result<uint16_t> SayCommandsAgain(uint16_t pairs) VU_REQUIRES(mu_);
  void BeginCommands() VU_REQUIRES(mu_);
  Result<void> CarryOut(std::span<const std::byte> request) VU_REQUIRES(mu_);
  void NoticeConfig() VU_REQUIRES(mu_);
  void NoticeStatus() VU_REQUIRES(mu_);

  // What changes while running (device_events.cc).
  Result<void> ServeControlQueue(const MemoryTable& table) VU_REQUIRES(mu_);
  Result<void> SetQueuePairs(uint16_t pairs) VU_REQUIRES(mu_);
  Result<void> SetGuestOffloads(FeatureSet offloads) VU_REQUIRES(mu_);
  Result<void> SwitchPairs(uint16_t from, uint16_t to) VU_REQUIRES(mu_);
  Result<void> QueueSwitch(uint16_t from, uint16_t to) VU_REQUIRES(mu_);
  void OnMemoryEvent(const MemoryEvent& event,
                     const MemoryTable& table) override VU_EXCLUDES(mu_);
  bool ShareChange(const MemoryTable& wanted,
                   std::span<const std::byte> goes = {}) VU_REQUIRES(mu_);
  bool LeaveRingsIn(std::span<const std::byte> range) VU_REQUIRES(mu_);
  void LeaveControlRing() VU_REQUIRES(mu_);
  void ForgetGoneRings() VU_REQUIRES(mu_);
  // Whether a failed operation means that the peer is gone: by itself, or by
  // what followed its refusal.
  bool HasLostPeer(const Error& error) VU_REQUIRES(mu_);
  // Of memory_slots: what the back-end is known to have.
  void NoteShared() VU_REQUIRES(mu_);
  // Why memory could not be shared, and whether the rings run on all the same:
  // with what the back-end had but for what goes, or with exactly what it had.
  struct ShareFailure {
    Error error;
    bool only_lacking = false;
    bool unchanged = false;
  };
  std::expected<void, ShareFailure> ShareMemory(const MemoryTable& table)
      VU_REQUIRES(mu_);
  void TakeFromStoppedPeer(std::span<const std::byte> range) VU_REQUIRES(mu_);
  std::expected<void, CommitError> ShareDifference(const MemoryTable& table)
      VU_REQUIRES(mu_);
  Result<void> PauseAndShare(const MemoryTable& table) VU_REQUIRES(mu_);
  Result<void> Resume() VU_REQUIRES(mu_);
  void HearNews() VU_REQUIRES(mu_);

  const DeviceOptions options_;
  const uint16_t queue_pairs_;
  const uint16_t queue_size_;
  const std::unique_ptr<VhostBackend> backend_;
  MemoryProvider& memory_;
  FdOps& fds_;
  Quiescer& quiescer_;
  bool subscribed_ = false;  // Create and destructor alone.

  std::atomic<DeviceState> state_{DeviceState::kCreated};
  std::atomic<LinkState> link_{LinkState::kDown};
  std::atomic<uint16_t> active_pairs_{0};
  std::atomic<bool> announce_{false};  // VIRTIO_NET_S_ANNOUNCE.

  mutable Mutex mu_;
  FeatureMasks masks_ VU_GUARDED_BY(mu_);
  FeatureSet accepted_ VU_GUARDED_BY(mu_);
  bool negotiated_ VU_GUARDED_BY(mu_) = false;
  std::optional<MacAddress> mac_ VU_GUARDED_BY(mu_);
  std::optional<uint16_t> mtu_ VU_GUARDED_BY(mu_);
  uint32_t config_pairs_ VU_GUARDED_BY(mu_) = kMaxQueuePairs;
  std::optional<ControlQueue> control_queue_ VU_GUARDED_BY(mu_);
  ControlState control_state_ VU_GUARDED_BY(mu_);
  uint16_t wanted_pairs_ VU_GUARDED_BY(mu_) = 1;  // Replayed by Start.
  // What the device's own control queue was told, the latest of each kind in
  // the order in which they came: each Start says it again.
  std::vector<std::vector<std::byte>> commands_ VU_GUARDED_BY(mu_);
  SteeringLimits steering_ VU_GUARDED_BY(mu_);
  // By the device's configuration, where that tells.
  bool has_carrier_ VU_GUARDED_BY(mu_) = true;
  bool device_announces_ VU_GUARDED_BY(mu_) = false;
  // The next Start is the first that this peer sees of the driver.
  bool announce_due_ VU_GUARDED_BY(mu_) = false;
  // By the destructor: nobody goes on, and nobody looks into rings any more.
  bool last_stop_ VU_GUARDED_BY(mu_) = false;
  // Rings may run at the other end; false once the peer is gone.
  bool backend_runs_ VU_GUARDED_BY(mu_) = false;
  MemoryTable shared_ VU_GUARDED_BY(mu_);  // What the back-end has.
  // Its notes of what is in flight, for as long as the rings go on: notes that
  // begin anew at a used index other than 0 are misunderstood by libvhost-user
  // and lib/vhost.
  std::optional<InflightRegion> inflight_ VU_GUARDED_BY(mu_);
  // The rings hold what another back-end had, until this one has started.
  bool rings_kept_ VU_GUARDED_BY(mu_) = false;
  DeviceEvents events_ VU_GUARDED_BY(mu_);
  // By index: the memory has gone, but a poller may still be inside.
  std::vector<bool> gone_rings_ VU_GUARDED_BY(mu_);

  // Each ruled by its gate. Destroyed first, after the peer was detached.
  std::vector<VringState> vrings_;
};

}  // namespace virtio_user

#endif  // VIRTIO_USER_DEVICE_DEVICE_H_
