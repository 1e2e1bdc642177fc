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
#include "virtio_user/base/lanes.h"
#include "virtio_user/base/overloaded.h"
#include "virtio_user/net/net_header.h"
#include "virtio_user/net/net_queue.h"
#include "virtio_user/net/offload.h"
#include "virtio_user/ring/by_fours.h"
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
        view_(buffers.view(static_cast<uint32_t>(NetHeaderBytes(features)))),
        queue_(vring.ring, RingOrderFor(features)),
        features_(features),
        header_bytes_(static_cast<uint32_t>(NetHeaderBytes(features))),
        always_decode_(features.Has(Feature::kNetHashReport)),
        look_early_(!always_decode_ &&
                    RingOrderFor(features) == RingOrder::kSmp),
        header_place_(RxHeaderPlace(features)) {}

  // Up to out.size() packets, which are the caller's; how many. Then refills,
  // with one kick at most. 0 while the gate is closed or the queue is broken.
  size_t Receive(std::span<Packet> out) {
    const RingTurn turn(vring_.ring.gate);
    if (!turn.entered()) return 0;
    const size_t received = Take(out);
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

  // After the device is gone, unless its rings were kept (Device::Reattach,
  // RingsAfter): takes every buffer back and starts the ring afresh; how many
  // were with the device. Requires: gate closed and not busy.
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
  // Makes packets of used buffers; how many. Of each buffer the ring tells its
  // length, which is noted where the packet will stand, less the header's (it
  // may be less than nothing); then the headers are looked at.
  size_t Take(std::span<Packet> out) {
    size_t made = 0;
    uint64_t bytes = 0;
    while (made < out.size()) {
      bool all_whole = false;
      const std::span<Packet> noted = Note(out.subspan(made), all_whole, bytes);
      const size_t whole = all_whole        ? noted.size()
                           : always_decode_ ? 0
                                            : SettleWhole(noted, bytes);
      made += whole;
      if (whole == noted.size()) break;
      made += SettleRest(noted, whole, bytes);
    }
    if (made != 0) {
      counters_.packets.Add(made);
      counters_.bytes.Add(bytes);
    }
    return made;
  }

  // Notes used buffers. Where handles come in lanes, their headers are looked
  // at on the way: `all_whole` says that nothing is left to do, and only then
  // the frames are added to `bytes`.
  std::span<Packet> Note(std::span<Packet> out, bool& all_whole,
                         uint64_t& bytes) {
    Packet* next = out.data();
    const auto most =
        static_cast<uint32_t>(std::min<size_t>(out.size(), kMaxRingSize));
    const uint32_t header_bytes = header_bytes_;
    const auto other = [&](uint32_t plain, Handle handle, uint32_t used) {
      next += plain;
      Buffers::Note(*next++, handle, used - header_bytes);
      all_whole = false;
    };
    const auto one = [&](size_t i, Handle handle, uint32_t used)
                         __attribute__((always_inline)) {
                           Buffers::Note(next[i], handle, used - header_bytes);
                         };
    if constexpr (!Buffers::kInLanes) {
      next += queue_.TakeEach(most, one, other);
    } else {
      HeaderLook look;
      const auto one_whole = [&](size_t i, Handle handle, uint32_t used)
                                 __attribute__((always_inline)) {
                                   one(i, handle, used);
                                   look.One(view_, handle, used - header_bytes);
                                 };
      const auto four = [&](size_t i, U32x4 handles, U32x4 used)
                            __attribute__((always_inline)) {
                              const U32x4 frame_bytes = view_.FrameBytes(used);
                              Buffers::NoteFour(next + i, handles, frame_bytes);
                              look.Four(view_, handles, frame_bytes);
                            };
      all_whole = look_early_;
      next += queue_.TakeEach(most, Overloaded{one_whole, four}, other);
      all_whole = all_whole && look.AllWhole();
      if (all_whole) bytes += look.frame_bytes();
    }
    return out.first(static_cast<size_t>(next - out.data()));
  }

  // What the headers of a burst say, each looked at once, and what its frames
  // have in all.
  class HeaderLook {
   public:
    template <typename View>
    [[gnu::always_inline]] void One(const View& view, Handle handle,
                                    uint32_t frame_bytes) {
      said_ |= SaysAnything(view.ReceivedHeader(handle));
      not_frames_ |= Splat(frame_bytes - 1);
      bytes_[0] += frame_bytes;
    }
    template <typename View>
    [[gnu::always_inline]] void Four(const View& view, U32x4 handles,
                                     U32x4 frame_bytes) {
      const auto headers = view.ReceivedHeaders(handles);
      ForEachLane([&](size_t k) __attribute__((always_inline)) {
        said_ |= SaysAnything(headers[k]);
      });
      not_frames_ |= frame_bytes - 1;
      bytes_ += frame_bytes;
    }
    bool AllWhole() const { return said_ == 0 && !AnyHighBit(not_frames_); }
    // Requires: AllWhole(), so that no sum is too large.
    uint32_t frame_bytes() const { return SumOfLanes(bytes_); }

   private:
    uint16_t said_ = 0;
    U32x4 not_frames_{};  // The highest bit: there was one without a byte.
    U32x4 bytes_{};
  };

  // Not 0: the header says more than "here is a frame, in one buffer".
  [[gnu::always_inline]] static uint16_t SaysAnything(std::byte* header) {
    // Flags and kind of segmentation in one load: both 0, nothing is said.
    uint16_t said = LoadRelaxed<uint16_t>(header);
    if constexpr (kMerging == Merging::kMergeable) {
      said |= LoadNumBuffers(header) ^ 1u;
    }
    return said;
  }

  // Makes packets of those in front that are one buffer each and about which
  // nothing is said; how many.
  size_t SettleWhole(std::span<Packet> noted, uint64_t& bytes) {
    const auto& view = view_;
    Packet* const first = noted.data();
    return ByFours(
        noted.size(),
        [&](size_t i) __attribute__((always_inline)) {
          return SaysAnything(view.ReceivedHeader(Buffers::HandleOf(first[i])));
        },
        [](size_t, uint32_t said) { return said; },
        [&](size_t i, uint32_t) __attribute__((always_inline)) {
          return static_cast<int32_t>(Buffers::BytesOf(first[i])) > 0;
        },
        [&](size_t i, uint32_t) __attribute__((always_inline)) {
          bytes += Buffers::BytesOf(first[i]);
          buffers_.Settle(first[i], Buffers::BytesOf(first[i]));
        });
  }

  // The same for those from `begin` on, whatever they are; how many packets,
  // which stand there then without gaps.
  [[gnu::noinline]] size_t SettleRest(std::span<Packet> noted, size_t begin,
                                      uint64_t& bytes) {
    size_t to = begin;
    noted_ = noted.subspan(begin);
    while (!noted_.empty()) {
      const UsedChain<Handle> chain = NextNoted();
      Packet packet{};
      if (!TakeUnusual(chain, packet)) continue;
      bytes += Buffers::BytesOf(packet);
      noted[to++] = packet;
    }
    return to - begin;
  }

  UsedChain<Handle> NextNoted() {
    const Packet& front = noted_.front();
    noted_ = noted_.subspan(1);
    return {Buffers::HandleOf(front), Buffers::BytesOf(front) + header_bytes_};
  }

  // A frame that has several buffers, or of which the header says something,
  // or that is no frame. False: there is no packet.
  bool TakeUnusual(UsedChain<Handle> chain, Packet& packet) {
    std::byte* const header = view_.ReceivedHeader(chain.cookie);
    const uint32_t frame_bytes = chain.bytes - header_bytes_;
    const bool whole = chain.bytes > header_bytes_;
    const HeaderCopy copy =
        whole ? LoadHeader(header, header_bytes_) : HeaderCopy{};
    uint32_t buffer_count = 1;
    if constexpr (kMerging == Merging::kMergeable) {
      if (whole) buffer_count = LoadNumBuffers(header);
    }
    Buffers::Note(packet, chain.cookie, 0);
    buffers_.Settle(packet, whole ? frame_bytes : 0);
    bool sound = whole && buffer_count != 0;
    Handle last = chain.cookie;
    for (uint32_t i = 1; i < buffer_count; ++i) {
      UsedChain<Handle> next;
      if (!TakeFurther(next, buffer_count, i)) {
        sound = false;
        break;
      }
      // Linked even if it is too much, so that it is freed with the rest.
      const bool fits =
          next.bytes <=
          kMaxFrameBytes - std::min(kMaxFrameBytes, Buffers::BytesOf(packet));
      sound = sound && fits;
      buffers_.Append(packet, last, next.cookie, fits ? next.bytes : 0,
                      header_bytes_);
      last = next.cookie;
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
  // there. False: there is none, and the queue is broken.
  bool TakeFurther(UsedChain<Handle>& next, uint32_t buffer_count,
                   uint32_t have) {
    if (!noted_.empty()) {
      next = NextNoted();
      return true;
    }
    if (queue_.TakeUsed({&next, 1}) == 1) return true;
    if (!queue_.broken()) {
      queue_.Break(Error::Make(ErrorCode::kProtocol,
                               "a frame of %u buffers, of which the device has "
                               "used %u",
                               buffer_count, have));
    }
    return false;
  }

  // Gives the device as many free buffers as the ring has room for.
  void Refill() {
    if (queue_.broken()) return;
    if (header_place_ == HeaderPlace::kOwnDescriptor) [[unlikely]] {
      return RefillInTwo();
    }
    uint32_t offered = 0;
    uint32_t room = queue_.free_count();
    while (room != 0) {
      const auto& view = view_;
      typename Buffers::Taking taking(buffers_, room);
      const auto one = [&](size_t i) __attribute__((always_inline)) {
        return OfferedBuffer<Handle>{view.ReceiveRoom(taking[i]), taking[i]};
      };
      const auto always = [](size_t) { return true; };
      uint32_t count = 0;
      if constexpr (Buffers::kInLanes) {
        const auto four = [&](size_t i, OfferedFour& rooms)
                              __attribute__((always_inline)) {
                                rooms = view.ReceiveRooms(taking.Four(i));
                                return true;
                              };
        count = queue_.template OfferEach<BufferUse::kDeviceWrites>(
            taking.count(), always, Overloaded{one, four});
      } else {
        count = queue_.template OfferEach<BufferUse::kDeviceWrites>(
            taking.count(), always, one);
      }
      if (count == 0) {
        counters_.no_buffer.Add(1);
        break;
      }
      offered += count;
      room -= count;
    }
    if (offered != 0) PublishAndKick(queue_, vring_, counters_);
  }

  // The same where the header has a descriptor of its own.
  [[gnu::noinline]] void RefillInTwo() {
    bool offered = false;
    while (queue_.free_count() >= 2) {
      typename Buffers::Taking taking(buffers_, 1);
      if (taking.count() == 0) {
        counters_.no_buffer.Add(1);
        break;
      }
      const Handle handle = taking[0];
      const DeviceBuffer room = view_.ReceiveRoom(handle);
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
  const typename Buffers::View view_;
  Queue queue_;
  const FeatureSet features_;
  const uint32_t header_bytes_;
  const bool always_decode_;  // Each header says something.
  // What a header says counts while its buffer is taken from the ring. (A
  // packed ring has the platform's barrier behind that.)
  const bool look_early_;
  const HeaderPlace header_place_;
  // Used buffers that SettleRest has not looked at yet.
  std::span<const Packet> noted_;
  NetQueueCounters counters_;
};

}  // namespace virtio_user

#endif  // VIRTIO_USER_NET_RX_PATH_H_
