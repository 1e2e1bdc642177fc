// SPDX-License-Identifier: BSD-3-Clause
//
// Receiving, for one kind of ring and one kind of buffers: what was negotiated
// is settled when the template is instantiated, not when a packet comes.

#ifndef VIRTIO_USER_NET_RX_PATH_H_
#define VIRTIO_USER_NET_RX_PATH_H_

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "virtio_user/base/check.h"
#include "virtio_user/net/net_header.h"
#include "virtio_user/net/net_queue.h"
#include "virtio_user/net/offload.h"
#include "virtio_user/ring/driver_queue.h"
#include "virtio_user/ring/shared_memory.h"
#include "virtio_user/vhost/vring_state.h"

namespace virtio_user {

enum class Merging : uint8_t { kNone, kMergeable };  // VIRTIO_NET_F_MRG_RXBUF

// One thread polls; it takes the ring's gate for each call and does nothing
// while that is closed. Every poll, an empty one too, ends with all free
// buffers given to the device, so that a ring that ran dry fills up again.
//
// What a device may do wrong, beyond what breaks a driver queue:
// - fewer bytes than a header, or a header and nothing more; a header that
//   DecodeOffload refuses; a frame of several buffers that is longer than
//   kMaxFrameBytes; num_buffers 0: the frame is dropped and counted.
// - num_buffers larger than the buffers that are used by then: the queue is
//   broken. The spec has a frame's buffers used together, and a buffer that
//   does not begin with a header cannot be told from one that does.
template <DriverQueue Queue, Merging kMerging, typename Buffers>
class RxPath {
 public:
  using Packet = typename Buffers::Packet;
  using Handle = typename Buffers::Handle;

  // `vring` and `buffers` are borrowed. Requires: CheckNetQueue succeeds; the
  // gate is closed; the ring is fresh or ReclaimAll follows.
  RxPath(VringState& vring, Buffers& buffers, FeatureSet features)
      : vring_(vring),
        buffers_(buffers),
        queue_(vring.ring, RingOrderFor(features)),
        features_(features),
        header_bytes_(static_cast<uint32_t>(NetHeaderBytes(features))),
        // A word that is never 0 sends every header to the careful way.
        force_decode_(features.Has(Feature::kNetHashReport) ? 0x100 : 0),
        header_place_(RxHeaderPlace(features)) {}

  // Up to out.size() packets, which are the caller's; how many. Then refills,
  // with one kick at most. 0 while the gate is closed or the queue is broken.
  size_t Receive(std::span<Packet> out) {
    const RingTurn turn(vring_.ring.gate);
    if (!turn.entered()) return 0;
    size_t received = 0;
    while (received < out.size()) {
      std::array<UsedChain<Handle>, kMaxBurst> used;
      const size_t wanted = std::min(out.size() - received, kMaxBurst);
      const size_t count = queue_.TakeUsed(std::span(used).first(wanted));
      received += Hand(std::span(used).first(count), out.subspan(received));
      if (count < wanted) break;
    }
    Refill();
    return received;
  }

  // Asks for no interrupts (the initial state) or for them; look for packets
  // again after asking. False: the gate is closed and nothing was done.
  bool SuppressInterrupts(bool suppress) {
    const RingTurn turn(vring_.ring.gate);
    if (!turn.entered()) return false;
    queue_.SuppressInterrupts(suppress);
    return true;
  }

  // After the device is gone (Device::Reattach): takes every buffer back and
  // starts the ring afresh; how many were with the device. Requires: gate
  // closed and not busy.
  size_t ReclaimAll() {
    size_t lost = 0;
    queue_.ReclaimAll([&](Handle handle) {
      buffers_.FreeChain(handle);
      ++lost;
    });
    return lost;
  }

  // Buffers that the device has, or that it has used and nobody looked at.
  size_t in_flight() const { return queue_.in_flight(); }
  const std::optional<Error>& broken() const { return queue_.broken(); }
  NetQueueStats stats() const { return counters_.Snapshot(); }

 private:
  // Makes packets of used buffers; how many.
  size_t Hand(std::span<const UsedChain<Handle>> used, std::span<Packet> out) {
    const auto view = buffers_.view();
    const uint32_t header_bytes = header_bytes_;
    const uint32_t force_decode = force_decode_;
    uint64_t bytes = 0;
    size_t made = 0;
    Pending pending(used);
    while (!pending.used.empty()) {
      const UsedChain<Handle> chain = pending.used.front();
      pending.used = pending.used.subspan(1);
      std::byte* const header = view.ReceivedHeader(chain.cookie, header_bytes);
      const uint32_t frame_bytes = chain.bytes - header_bytes;
      // Flags and kind of segmentation in one load: both 0, nothing is said.
      uint32_t unusual = LoadRelaxed<uint16_t>(header) | force_decode;
      if constexpr (kMerging == Merging::kMergeable) {
        unusual |= LoadNumBuffers(header) ^ 1u;
      }
      if (unusual == 0 && frame_bytes - 1 < kMaxFrameBytes) [[likely]] {
        out[made] = buffers_.Begin(chain.cookie, frame_bytes);
      } else if (!HandUnusual(chain, header, pending, out[made])) {
        continue;
      }
      bytes += Buffers::BytesOf(out[made]);
      ++made;
    }
    if (made != 0) {
      counters_.packets.Add(made);
      counters_.bytes.Add(bytes);
    }
    return made;
  }

  // Used buffers that nobody looked at yet.
  struct Pending {
    explicit Pending(std::span<const UsedChain<Handle>> taken) : used(taken) {}
    std::span<const UsedChain<Handle>> used;
    UsedChain<Handle> further;  // Taken from the ring one by one.
  };

  // A frame that has several buffers, or of which the header says something,
  // or that is no frame. False: there is no packet.
  [[gnu::noinline]] bool HandUnusual(UsedChain<Handle> chain, std::byte* header,
                                     Pending& pending, Packet& packet) {
    const uint32_t frame_bytes = chain.bytes - header_bytes_;
    const bool whole = chain.bytes > header_bytes_;
    const HeaderCopy copy =
        whole ? LoadHeader(header, header_bytes_) : HeaderCopy{};
    uint32_t buffer_count = 1;
    if constexpr (kMerging == Merging::kMergeable) {
      if (whole) buffer_count = LoadNumBuffers(header);
    }
    packet = buffers_.Begin(chain.cookie, whole ? frame_bytes : 0);
    bool sound = whole && buffer_count != 0;
    Handle last = chain.cookie;
    for (uint32_t i = 1; i < buffer_count; ++i) {
      const UsedChain<Handle>* const next = Next(pending, buffer_count, i);
      if (next == nullptr) {
        sound = false;
        break;
      }
      // Linked even if it is too much, so that it is freed with the rest.
      const bool fits =
          next->bytes <=
          kMaxFrameBytes - std::min(kMaxFrameBytes, Buffers::BytesOf(packet));
      sound = sound && fits;
      buffers_.Append(packet, last, next->cookie, fits ? next->bytes : 0,
                      header_bytes_);
      last = next->cookie;
    }
    if (sound) {
      const auto offload =
          DecodeOffload(copy, Buffers::BytesOf(packet), features_);
      if (offload) {
        if (*offload != Offload{}) buffers_.SetOffload(packet, *offload);
        return true;
      }
    }
    buffers_.Free(packet);
    counters_.dropped.Add(1);
    return false;
  }

  // The next used buffer of a frame of `buffer_count`, `have` of which were
  // there. None: the queue is broken.
  const UsedChain<Handle>* Next(Pending& pending, uint32_t buffer_count,
                                uint32_t have) {
    if (!pending.used.empty()) {
      const UsedChain<Handle>* const next = &pending.used.front();
      pending.used = pending.used.subspan(1);
      return next;
    }
    if (queue_.TakeUsed({&pending.further, 1}) == 1) return &pending.further;
    if (!queue_.broken()) {
      queue_.Break(Error::Make(ErrorCode::kProtocol,
                               "a frame of %u buffers, of which the device has "
                               "used %u",
                               buffer_count, have));
    }
    return nullptr;
  }

  // Gives the device as many free buffers as the ring has room for.
  void Refill() {
    if (queue_.broken()) return;
    if (header_place_ == HeaderPlace::kOwnDescriptor) [[unlikely]] {
      return RefillInTwo();
    }
    bool offered = false;
    while (const size_t room =
               std::min<size_t>(queue_.free_count(), kMaxBurst)) {
      std::array<Handle, kMaxBurst> handles;
      const size_t count = buffers_.Allocate(std::span(handles).first(room));
      const auto view = buffers_.view();
      const uint32_t header_bytes = header_bytes_;
      const Handle* next = handles.data();
      queue_.template OfferEach<BufferUse::kDeviceWrites>(
          static_cast<uint16_t>(count), [&](uint16_t) {
            const Handle handle = *next++;
            return OfferedBuffer<Handle>{view.ReceiveRoom(handle, header_bytes),
                                         handle};
          });
      offered = offered || count != 0;
      if (count < room) {
        counters_.no_buffer.Add(1);
        break;
      }
    }
    if (offered) PublishAndKick(queue_, vring_, counters_);
  }

  // The same where the header has a descriptor of its own.
  [[gnu::noinline]] void RefillInTwo() {
    bool offered = false;
    while (queue_.free_count() >= 2) {
      Handle handle{};
      if (buffers_.Allocate({&handle, 1}) == 0) {
        counters_.no_buffer.Add(1);
        break;
      }
      const DeviceBuffer room =
          buffers_.view().ReceiveRoom(handle, header_bytes_);
      const std::array parts = {DeviceBuffer{room.addr, header_bytes_},
                                DeviceBuffer{{room.addr.value + header_bytes_},
                                             room.bytes - header_bytes_}};
      const bool taken = queue_.Offer({.writable = parts, .cookie = handle});
      VU_CHECK(taken);
      offered = true;
    }
    if (offered) PublishAndKick(queue_, vring_, counters_);
  }

  VringState& vring_;
  Buffers& buffers_;
  Queue queue_;
  const FeatureSet features_;
  const uint32_t header_bytes_;
  const uint32_t force_decode_;
  const HeaderPlace header_place_;
  NetQueueCounters counters_;
};

}  // namespace virtio_user

#endif  // VIRTIO_USER_NET_RX_PATH_H_
