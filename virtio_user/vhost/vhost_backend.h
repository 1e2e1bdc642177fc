// SPDX-License-Identifier: BSD-3-Clause
//
// What the device drives: one operation for each message of the vhost
// protocol, whatever carries it.

#ifndef VIRTIO_USER_VHOST_VHOST_BACKEND_H_
#define VIRTIO_USER_VHOST_VHOST_BACKEND_H_

#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string_view>

#include "virtio_user/base/deadline.h"
#include "virtio_user/base/device_addr.h"
#include "virtio_user/base/error.h"
#include "virtio_user/base/file_descriptor.h"
#include "virtio_user/base/mac_address.h"
#include "virtio_user/spec/feature.h"
#include "virtio_user/spec/net.h"
#include "virtio_user/vhost/doorbell.h"
#include "virtio_user/vhost/memory_table.h"
#include "virtio_user/vhost/vring_state.h"

namespace virtio_user {

// What a back-end has, as data. Settled by GetFeatures and SetFeatures.
struct BackendCaps {
  uint32_t max_queue_pairs = 1;
  // Pairs that its messages can name, whoever is at the other end: known from
  // the beginning.
  uint32_t queue_pair_limit = kMaxQueuePairs;
  size_t max_memory_regions = 8;
  bool memory_slots = false;  // ChangeMemTable.
  // SetMemTable needs no pause, and its refusal leaves all as it was.
  bool live_mem_table = false;
  bool status = false;        // GetStatus and SetStatus reach the device.
  bool mtu = false;           // SetMtu.
  bool rarp = false;          // SendRarp.
  bool reset_device = false;  // ResetDevice; STATUS 0 does the same.
  bool inflight = false;      // GetInflight and SetInflight.
  bool config = false;        // GetConfig and SetConfig too.
  bool ring_enable = false;   // SetVringEnable; without it a kick enables.
  bool multiqueue = false;    // VIRTIO_NET_F_MQ can be carried.
  bool link_state = false;    // A lost connection is seen.
  bool doorbells = false;     // MapDoorbell is worth a try.
  // SendControl reaches a control queue of the device's own.
  bool own_control_queue = false;
  // The status in the configuration is the network's, and link().fd() becomes
  // readable with each change of it.
  bool config_events = false;
  bool guest_offloads = false;  // SetGuestOffloads reaches what sends packets.
  AddressSpace addresses = AddressSpace::kPublished;
};

enum class BackendOperation : uint8_t {
  kNone,
  kSetOwner,
  kGetFeatures,
  kSetFeatures,
  kSetMemTable,
  kAddMemReg,
  kRemMemReg,
  kSetVringNum,
  kSetVringBase,
  kSetVringAddr,
  kSetVringCall,
  kSetVringKick,
  kSetVringEnable,
  kGetVringBase,
  kGetStatus,
  kSetStatus,
  kGetConfig,
  kSetConfig,
  kSetGuestOffloads,
  kSendControl,
  kSetMtu,
  kSendRarp,
  kResetDevice,
  kGetInflightFd,
  kSetInflightFd,
};

// "SET_VRING_KICK" and so on; where vhost has no message, virtio's name.
std::string_view ToString(BackendOperation operation);

// Which operation of a batch failed first, on which ring, and how.
struct CommitError {
  BackendOperation operation = BackendOperation::kNone;
  std::optional<uint16_t> vring = {};  // Where the operation names one.
  Error error;
};

struct VringAddresses {
  DeviceAddr desc;
  DeviceAddr avail;
  DeviceAddr used;
};

enum class VringEnable : uint8_t { kDisabled, kEnabled };

struct VringBaseQuery {
  uint16_t vring = 0;
  VringBase base;         // Valid if answered.
  bool answered = false;  // The back-end stopped the ring and said where.
};

// What an area for notes about buffers in flight is made for.
struct InflightShape {
  uint16_t num_queues = 0;
  uint16_t queue_size = 0;

  friend bool operator==(const InflightShape&, const InflightShape&) = default;
};

// Memory of a back-end's own, in which it notes which buffers it has taken and
// not given back yet (vhost-user: "Inflight I/O tracking"). The front-end keeps
// the descriptor for the back-end that comes after this one, and never looks
// into the memory.
struct InflightRegion {
  FileDescriptor fd = {};  // None: the back-end takes no notes.
  uint64_t mmap_size = 0;
  uint64_t mmap_offset = 0;
  InflightShape shape = {};
};

// The other end's presence. vhost-user: the connection; kernel: always there.
enum class LinkState : uint8_t {
  kDown,         // Gone, or not there yet.
  kPeerWaiting,  // None attached, but one waits to be (server mode).
  kUp,
  // Up, but its own network is not: what a device's configuration says. No
  // PeerLink answers this.
  kNoCarrier,
};

constexpr bool IsAttached(LinkState link) {
  return link == LinkState::kUp || link == LinkState::kNoCarrier;
}

class PeerLink {
 public:
  // Connects to the peer, or (server mode) waits for one, within the call's
  // budget. Requires: not attached.
  virtual Result<void> Attach() = 0;
  // Closes the connection; nothing happens without one.
  virtual void Detach() = 0;
  // Looks, without waiting and without consuming what the peer sent.
  virtual LinkState Poll() = 0;
  // Borrowed: connection, else listener, else -1. For interrupts and poll(2).
  virtual int fd() const = 0;

 protected:
  ~PeerLink() = default;
};

// What a back-end has said by itself.
struct BackendNews {
  bool config_changed = false;  // Its configuration space did.
  // Why it is not listened to any more.
  std::optional<Error> trouble = {};
};

// Blocking, driven by one Device, which calls it from one thread at a time.
//
// Every operation fails with kDisconnected while no peer is attached. A peer
// that answers wrongly (kProtocol), too late (kDeadline) or not at all is
// detached by the operation that notices it, since the rest of the stream
// cannot be trusted. kRefused by itself leaves the connection usable; where a
// later answer of the same operation or commit then lost the peer, the refusal
// is still what is returned, since it came first, and link() tells of the loss.
class VhostBackend {
 public:
  virtual ~VhostBackend() = default;

  virtual PeerLink& link() = 0;
  virtual const BackendCaps& caps() const = 0;

  // Starts a public call's budget: everything up to the next BeginCall shares
  // this one deadline.
  virtual void BeginCall(Duration budget) = 0;

  // Between BeginBatch and Commit an operation without an answer is checked
  // here, queued and returns success; operations with an answer are refused
  // (kWrongState). Commit sends the queue in windows, waits for every ack and
  // returns the first failure; later operations of the batch may have taken
  // effect all the same. Where acks cannot be had it makes sure that the
  // back-end has read everything. Discard forgets what was queued.
  virtual void BeginBatch() = 0;
  virtual std::expected<void, CommitError> Commit() = 0;
  virtual void Discard() = 0;

  virtual Result<void> SetOwner() = 0;
  // What the back-end offers, without the bits of the transport itself. Also
  // settles what belongs to the transport (vhost-user: protocol features and
  // the number of queues), so that caps() is known.
  virtual Result<FeatureSet> GetFeatures() = 0;
  // Adds the transport's own bits. kUnsupported names a bit that this
  // back-end's word cannot carry.
  virtual Result<void> SetFeatures(FeatureSet features) = 0;
  // What the back-end has from now on. Requires: no ring is enabled, where
  // rings can be, or BackendCaps::live_mem_table; the batch holds no other
  // change of memory.
  virtual Result<void> SetMemTable(const MemoryTable& table) = 0;
  // The same while rings run: tells of what has come and gone alone. After a
  // refusal the back-end still has what it had, and maybe some of what came.
  // Nothing is sent or queued without BackendCaps::memory_slots, where there
  // are too few of them, or where memory that stays would have to be taken
  // away first: kUnsupported if SetMemTable, with the rings stopped, would do
  // instead, kInvalidArgument if there are too many regions for that, too.
  // Requires: the batch, if there is one, holds no other change of memory.
  virtual Result<void> ChangeMemTable(const MemoryTable& /*table*/) {
    return Lacking("ChangeMemTable");
  }
  // With BackendCaps::memory_slots: what the back-end is known to have, in the
  // pieces that it was told of; valid until the next operation.
  virtual std::span<const MemoryRegion> shared_regions() const { return {}; }
  virtual Result<void> SetVringNum(uint16_t vring, uint16_t num) = 0;
  virtual Result<void> SetVringBase(uint16_t vring, VringBase base) = 0;
  virtual Result<void> SetVringAddr(uint16_t vring,
                                    const VringAddresses& addresses) = 0;
  // `fd` is borrowed; the back-end gets a descriptor of its own.
  virtual Result<void> SetVringCall(uint16_t vring, int fd) = 0;
  virtual Result<void> SetVringKick(uint16_t vring, int fd) = 0;
  virtual Result<void> SetVringEnable(uint16_t vring, VringEnable enable) = 0;
  // Stops each ring and asks where it was; visits all and returns the first
  // failure. Requires: each ring that has a kick is among them.
  virtual Result<void> GetVringBases(std::span<VringBaseQuery> queries) = 0;
  virtual Result<uint8_t> GetStatus() = 0;
  virtual Result<void> SetStatus(uint8_t status) = 0;
  // Device configuration space; `offset` and size in bytes.
  virtual Result<void> GetConfig(uint32_t offset,
                                 std::span<std::byte> bytes) = 0;
  virtual Result<void> SetConfig(uint32_t offset,
                                 std::span<const std::byte> bytes) = 0;
  // Which of the offloads (the GUEST_* features) of SetFeatures, which turns
  // all of them on, are on from now on; the others are off. No answer. A
  // refusal leaves them as they were. kUnsupported without
  // BackendCaps::guest_offloads.
  virtual Result<void> SetGuestOffloads(FeatureSet offloads) = 0;
  // One command for the device's own control queue (class, command, data), and
  // the device's ack, within `budget` and the call's. kUnsupported without
  // BackendCaps::own_control_queue; kWrongState before DRIVER_OK, or where
  // CTRL_VQ is not among the features.
  virtual Result<uint8_t> SendControl(std::span<const std::byte> request,
                                      Duration budget) = 0;
  // What VIRTIO_NET_F_MTU, which SetFeatures has carried, tells the driver. No
  // answer. kUnsupported without BackendCaps::mtu.
  virtual Result<void> SetMtu(uint16_t /*mtu*/) { return Lacking("SetMtu"); }
  // Has the back-end announce the address to its network. No answer.
  // kUnsupported without BackendCaps::rarp.
  virtual Result<void> SendRarp(const MacAddress& /*mac*/) {
    return Lacking("SendRarp");
  }
  // The device forgets what its driver chose and disables its rings, which
  // were stopped before. No answer. kUnsupported without
  // BackendCaps::reset_device.
  virtual Result<void> ResetDevice() { return Lacking("ResetDevice"); }
  // A page of the device's in which a store is this ring's kick. It keeps the
  // device open: let go of it before the link is detached.
  virtual Result<Doorbell> MapDoorbell(uint16_t /*vring*/) {
    return Lacking("MapDoorbell");
  }
  // Has the back-end make memory for its notes, all of it new. A region without
  // a descriptor: it takes none. After SetFeatures, which settles the format.
  // kUnsupported without BackendCaps::inflight.
  virtual Result<InflightRegion> GetInflight(const InflightShape& /*shape*/) {
    return Lacking("GetInflight");
  }
  // Where the back-end takes notes and finds those of the one before it. The
  // region's descriptor is borrowed. Before any ring is told.
  // kUnsupported without BackendCaps::inflight.
  virtual Result<void> SetInflight(const InflightRegion& /*region*/) {
    return Lacking("SetInflight");
  }
  // Hears what the back-end says by itself, without waiting; what came since
  // it was asked last.
  virtual BackendNews TakeNews() { return {}; }
  // Borrowed; readable when TakeNews should be called. -1: nothing to watch.
  virtual int news_fd() const { return -1; }

 protected:
  // kUnsupported: this kind of back-end has no such operation.
  static std::unexpected<Error> Lacking(std::string_view operation);
};

// A batch as a scope: what is not committed is discarded.
class Batch {
 public:
  explicit Batch(VhostBackend& backend) : backend_(&backend) {
    backend_->BeginBatch();
  }
  Batch(const Batch&) = delete;
  Batch& operator=(const Batch&) = delete;
  ~Batch() {
    if (backend_ != nullptr) backend_->Discard();
  }
  std::expected<void, CommitError> Commit() {
    VhostBackend* const backend = backend_;
    backend_ = nullptr;
    return backend->Commit();
  }

 private:
  VhostBackend* backend_;
};

}  // namespace virtio_user

#endif  // VIRTIO_USER_VHOST_VHOST_BACKEND_H_
