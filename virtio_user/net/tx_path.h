// SPDX-License-Identifier: BSD-3-Clause
//
// Sending, for one kind of ring and one kind of buffers.

#ifndef VIRTIO_USER_NET_TX_PATH_H_
#define VIRTIO_USER_NET_TX_PATH_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <vector>

#include "virtio_user/base/check.h"
#include "virtio_user/base/lanes.h"
#include "virtio_user/base/overloaded.h"
#include "virtio_user/net/net_header.h"
#include "virtio_user/net/net_queue.h"
#include "virtio_user/net/offload.h"
#include "virtio_user/ring/by_fours.h"
#include "virtio_user/ring/driver_queue.h"
#include "virtio_user/vhost/vring_state.h"

namespace virtio_user {

// One thread polls; it takes the ring's gate for each call and does nothing
// while that is closed. What was with the device when it stopped is used after
// the next start.
template <DriverQueue Queue, typename Buffers>
class TxPath {
 public:
  using Packet = typename Buffers::Packet;
  using Handle = typename Buffers::Handle;

  // `vring`, `buffers` and the scratch memory are borrowed. Requires:
  // CheckNetQueue succeeds; the gate is closed; the ring is fresh or
  // ReclaimAll follows; the scratch memory is as NetQueueOptions says.
  TxPath(VringState& vring, Buffers& buffers, const NetQueueOptions& options)
      : vring_(vring),
        buffers_(buffers),
        view_(buffers.view(
            static_cast<uint32_t>(NetHeaderBytes(options.features)))),
        queue_(vring.ring, RingOrderFor(options.features)),
        features_(options.features),
        scratch_(options.scratch),
        scratch_addr_(options.scratch_addr),
        header_bytes_(static_cast<uint32_t>(NetHeaderBytes(options.features))),
        header_place_(TxHeaderPlace(options.features)),
        indirect_(options.features.Has(Feature::kIndirectDesc) &&
                  !options.scratch.empty()) {
    parts_.reserve(vring.ring.layout.num + size_t{2});
  }

  // Takes packets from the front, makes them visible and kicks once at most;
  // how many, which are no longer the caller's. Fewer than asked: no room (try
  // again later), the gate is closed, or the queue is broken. A packet that
  // can never be sent (empty, too long for the ring, a bad request for
  // offloads) is freed, counted as dropped, and one of those taken.
  size_t Send(std::span<const Packet> packets) {
    const RingTurn turn(vring_.ring.gate);
    if (!turn.entered()) return 0;
    if (queue_.in_flight() >= kReapFrom ||
        queue_.free_count() < packets.size()) {
      Reap(kMaxBurst);
    }
    if (queue_.broken()) return 0;
    return SendEntered(packets);
  }

  // Gives back buffers of up to `max_chains` packets that the device is done
  // with; how many. Sending does this by itself, kMaxBurst at a time, where
  // the ring would run short of room. What the pool runs short of it does not
  // know: up to kReapFrom packets' buffers stay here until this is called.
  size_t Complete(size_t max_chains) {
    const RingTurn turn(vring_.ring.gate);
    return turn.entered() ? Reap(max_chains) : 0;
  }

  // After the device is gone, unless its rings were kept (Device::Reattach,
  // RingsAfter): takes every buffer back and starts the ring afresh; how many
  // packets nobody knows the fate of. They are counted as dropped too.
  // Requires: gate closed and not busy.
  size_t ReclaimAll() {
    size_t lost = 0;
    queue_.ReclaimAll([&](Handle handle) {
      buffers_.FreeChain(handle);
      ++lost;
    });
    counters_.dropped.Add(lost);
    return lost;
  }

  // Packets sent that the device is not known to be done with.
  size_t in_flight() const { return queue_.in_flight(); }
  const std::optional<Error>& broken() const { return queue_.broken(); }
  NetQueueStats stats() const { return counters_.Snapshot(); }

 private:
  // Fewer than these are not worth a look at the used ring.
  static constexpr size_t kReapFrom = 32;
  // What is cleared in front of a frame: a length that does not vary takes
  // fewer instructions, so it may be more than the header has.
  static constexpr uint32_t kUsualCleared = 16;
  static constexpr uint32_t kClearedBytes = kHashNetHeaderBytes;

  size_t SendEntered(std::span<const Packet> packets) {
    Burst burst;
    size_t taken = 0;
    while (taken < packets.size()) {
      const size_t whole = SendWhole(packets.subspan(taken), burst);
      taken += whole;
      if (whole != 0) continue;
      if (queue_.free_count() == 0) break;
      const Outcome outcome = SendParts(packets[taken], burst);
      if (outcome != Outcome::kNoRoom) {
        ++taken;
      } else if (burst.packets != 0 || !MakeRoom()) {
        break;
      }
    }
    if (burst.packets != 0) {
      counters_.packets.Add(burst.packets);
      counters_.bytes.Add(burst.bytes);
      PublishAndKick(queue_, vring_, counters_);
    }
    if (taken != burst.packets) counters_.dropped.Add(taken - burst.packets);
    return taken;
  }

  // What one call sends.
  struct Burst {
    uint64_t packets = 0;
    uint64_t bytes = 0;
  };

  // Sends packets from the front as long as each is one descriptor and
  // nothing is to be said about it; how many.
  size_t SendWhole(std::span<const Packet> packets, Burst& burst) {
    if (header_place_ != HeaderPlace::kWithData) return 0;
    const size_t room = std::min<size_t>(packets.size(), queue_.free_count());
    return header_bytes_ <= kUsualCleared
               ? SendCleared<kUsualCleared>(packets.first(room), burst)
               : SendCleared<kClearedBytes>(packets.first(room), burst);
  }

  // The same, with so many bytes in front of each frame cleared. Requires: the
  // ring has room.
  template <size_t kBytes>
  size_t SendCleared(std::span<const Packet> packets, Burst& burst) {
    const auto& view = view_;
    const Packet* const first = packets.data();
    if constexpr (Buffers::kInLanes) {
      U32x4 sums = {};
      uint64_t sum = 0;
      const auto one = [&](size_t i) __attribute__((always_inline)) {
        std::memset(view.Frame(first[i]) - kBytes, 0, kBytes);
        const auto whole = view.Whole(first[i]);
        sum += whole.buffer.bytes;
        return whole;
      };
      const auto four =
          [&](size_t i, OfferedFour& wholes) __attribute__((always_inline)) {
            if (!view.template Wholes<kBytes>(first + i, wholes)) return false;
            sums += wholes.bytes;
            return true;
          };
      const size_t count = queue_.template OfferEach<BufferUse::kDeviceReads>(
          static_cast<uint32_t>(packets.size()),
          [&](size_t i) __attribute__((always_inline)) {
            return view.NotWhole(first[i]) == 0 && view.FitsBuffer(first[i]);
          },
          Overloaded{one, four});
      burst.packets += count;
      burst.bytes += sum + SumOfLanes(sums) - count * uint64_t{header_bytes_};
      return count;
    } else {
      const size_t count = ClearHeaders<kBytes>(packets, burst);
      queue_.template OfferEach<BufferUse::kDeviceReads>(
          static_cast<uint32_t>(count), [](size_t) { return true; },
          [&](size_t i)
              __attribute__((always_inline)) { return view.Whole(first[i]); });
      return count;
    }
  }

  // Clears the headers of whole packets in front; how many. (In one loop with
  // what the ring does, there are too few registers.)
  template <size_t kBytes>
  size_t ClearHeaders(std::span<const Packet> packets, Burst& burst) {
    const auto& view = view_;
    const Packet* const first = packets.data();
    uint64_t bytes = 0;
    const size_t count = ByFours(
        packets.size(), [](size_t) { return 0; },
        [&](size_t i, int)
            __attribute__((always_inline)) { return view.NotWhole(first[i]); },
        [&](size_t i, int) __attribute__((always_inline)) {
          return view.FitsBuffer(first[i]);
        },
        [&](size_t i, int) __attribute__((always_inline)) {
          std::memset(view.Frame(first[i]) - kBytes, 0, kBytes);
          bytes += Buffers::BytesOf(first[i]);
        });
    burst.packets += count;
    burst.bytes += bytes;
    return count;
  }

  enum class Outcome : uint8_t { kSent, kDropped, kNoRoom };

  // A packet in several parts, with something to say about it, or behind a
  // header that has a descriptor of its own.
  // Requires: the ring has room for one descriptor.
  [[gnu::noinline]] Outcome SendParts(const Packet& packet, Burst& burst) {
    const auto header_value = EncodeOffload(
        buffers_.offload(packet), Buffers::BytesOf(packet), features_);
    parts_.clear();
    std::byte* header = nullptr;
    bool sound = header_value && Buffers::BytesOf(packet) != 0 &&
                 Buffers::BytesOf(packet) <= kMaxFrameBytes;
    if (sound) {
      header = buffers_.CollectParts(packet, header_bytes_, MaxParts(), parts_);
      sound = PlaceHeader(header) && parts_.size() <= MaxParts();
    }
    if (!sound) {
      buffers_.Free(packet);
      return Outcome::kDropped;
    }
    const bool table = UsesTable();
    if (queue_.free_count() < (table ? 1 : parts_.size())) {
      return Outcome::kNoRoom;
    }
    std::memset(header, 0, header_bytes_);
    std::memcpy(header, &*header_value,
                std::min<size_t>(header_bytes_, sizeof(NetHeader)));
    OfferedChain<Handle> chain{.readable = parts_,
                               .cookie = Buffers::HandleOf(packet)};
    if (table) {
      chain.table_memory = Scratch().subspan(kScratchHeaderBytes);
      chain.table_addr = {ScratchAddr() + kScratchHeaderBytes};
    }
    const bool offered = queue_.Offer(chain);
    VU_CHECK(offered);
    ++burst.packets;
    burst.bytes += Buffers::BytesOf(packet);
    return Outcome::kSent;
  }

  // Finds the header a place where it has none, and a descriptor where it
  // must have one. False: there is none.
  bool PlaceHeader(std::byte*& header) {
    if (parts_.empty()) return false;
    if (header == nullptr) {
      if (scratch_.empty()) return false;
      header = Scratch().data();
      parts_.insert(parts_.begin(),
                    DeviceBuffer{{ScratchAddr()}, header_bytes_});
      return true;
    }
    const DeviceBuffer first = parts_.front();
    if (header_place_ == HeaderPlace::kWithData ||
        first.bytes == header_bytes_) {
      return true;
    }
    parts_.front() = {{first.addr.value + header_bytes_},
                      first.bytes - header_bytes_};
    parts_.insert(parts_.begin(), DeviceBuffer{first.addr, header_bytes_});
    return true;
  }

  bool UsesTable() const {
    return indirect_ && parts_.size() > 1 && parts_.size() <= kMaxTableEntries;
  }
  // "The driver MUST NOT create a descriptor chain longer than the Queue Size",
  // which holds for a table as well.
  size_t MaxParts() const { return vring_.ring.layout.num; }

  // What belongs to the next chain alone.
  std::span<std::byte> Scratch() const {
    return scratch_.subspan(queue_.next_slot() * kScratchSlotBytes,
                            kScratchSlotBytes);
  }
  uint64_t ScratchAddr() const {
    return scratch_addr_.value +
           uint64_t{queue_.next_slot()} * kScratchSlotBytes;
  }

  // For a chain longer than what is free, in a ring of maybe a few long chains
  // that the device is done with. Requires: everything offered is published.
  bool MakeRoom() { return Reap(kMaxBurst) != 0 && !queue_.broken(); }

  size_t Reap(size_t max_chains) {
    size_t reaped = 0;
    while (reaped < max_chains) {
      const size_t wanted = std::min(max_chains - reaped, kMaxBurst);
      const size_t count = ReapBurst(static_cast<uint32_t>(wanted));
      reaped += count;
      if (count < wanted) break;
    }
    return reaped;
  }

  // Requires: max_chains <= kMaxBurst.
  size_t ReapBurst(uint32_t max_chains) {
    typename Buffers::Returning returning(buffers_);
    size_t reaped = 0;
    const auto one =
        [&](size_t i, Handle handle, uint32_t)
            __attribute__((always_inline)) { returning.One(i, handle); };
    const auto other = [&](uint32_t plain, Handle handle, uint32_t) {
      returning.EndOnes(plain);
      returning.Chain(handle);
      reaped += plain + 1;
    };
    uint32_t last = 0;
    if constexpr (Buffers::kInLanes) {
      const auto four =
          [&](size_t i, U32x4 handles, U32x4)
              __attribute__((always_inline)) { returning.Four(i, handles); };
      last = queue_.TakeEach(max_chains, Overloaded{one, four}, other);
    } else {
      last = queue_.TakeEach(max_chains, one, other);
    }
    returning.EndOnes(last);
    return reaped + last;
  }

  VringState& vring_;
  Buffers& buffers_;
  const typename Buffers::View view_;
  Queue queue_;
  const FeatureSet features_;
  const std::span<std::byte> scratch_;
  const DeviceAddr scratch_addr_;
  const uint32_t header_bytes_;
  const HeaderPlace header_place_;
  const bool indirect_;
  std::vector<DeviceBuffer> parts_;  // Of the packet that is being sent.
  NetQueueCounters counters_;
};

}  // namespace virtio_user

#endif  // VIRTIO_USER_NET_TX_PATH_H_
