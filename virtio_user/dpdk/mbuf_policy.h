// SPDX-License-Identifier: BSD-3-Clause
//
// DPDK's packet buffers for RxPath and TxPath.

#ifndef VIRTIO_USER_DPDK_MBUF_POLICY_H_
#define VIRTIO_USER_DPDK_MBUF_POLICY_H_

#include <rte_mbuf.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "virtio_user/base/check.h"
#include "virtio_user/base/device_addr.h"
#include "virtio_user/net/net_queue.h"
#include "virtio_user/net/offload.h"
#include "virtio_user/ring/driver_queue.h"
#include "virtio_user/spec/net.h"

namespace virtio_user {

// The buffer policy over rte_mbuf; BufferPool documents the members. Where a
// packet's bytes lie is the mbuf's own matter, so any mempool will do for
// sending, and back-ends see virtual addresses (DpdkMemory).
//
// What is sent stays as it was: a header is written in front of a frame only
// where that room is the packet's own (one owner, buffer not attached, enough
// headroom), and no field of the mbuf changes.
class MbufPolicy {
 public:
  using Packet = rte_mbuf*;
  using Handle = rte_mbuf*;
  static constexpr bool kInLanes = false;

  static constexpr uint32_t kHeadroom = RTE_PKTMBUF_HEADROOM;
  static_assert(kHeadroom >= kHashNetHeaderBytes);

  // For sending.
  MbufPolicy() = default;
  // For receiving into `pool`, borrowed, as port `port`. Requires: the pool's
  // buffers are its own (no RTE_PKTMBUF_POOL_F_PINNED_EXT_BUF) and longer than
  // kHeadroom.
  MbufPolicy(rte_mempool& pool, uint16_t port)
      : pool_(&pool),
        buffer_offset_(static_cast<uint32_t>(sizeof(rte_mbuf) +
                                             rte_pktmbuf_priv_size(&pool))),
        room_(rte_pktmbuf_data_room_size(&pool) - kHeadroom),
        fresh_(FreshFields(kHeadroom, port)) {}

  class View {
   public:
    DeviceBuffer ReceiveRoom(Handle handle) const {
      return {{std::bit_cast<uint64_t>(ReceivedHeader(handle))}, room_bytes_};
    }
    std::byte* ReceivedHeader(Handle handle) const {
      // As rte_pktmbuf_init has it; saves reading the mbuf.
      return reinterpret_cast<std::byte*>(handle) + header_offset_;
    }
    uint64_t NotWhole(Packet packet) const {
      return packet->nb_segs == 1 && OwnsHeadroom(*packet) ? 0 : 1;
    }
    bool FitsBuffer(Packet packet) const { return packet->data_len != 0; }
    std::byte* Frame(Packet packet) const { return Data(*packet); }
    OfferedBuffer<Handle> Whole(Packet packet) const {
      return {{{std::bit_cast<uint64_t>(Data(*packet) - header_bytes_)},
               header_bytes_ + packet->data_len},
              packet};
    }

   private:
    friend class MbufPolicy;
    View(const MbufPolicy& policy, uint32_t header_bytes)
        : header_bytes_(header_bytes),
          header_offset_(policy.buffer_offset_ + kHeadroom - header_bytes),
          room_bytes_(policy.room_ + header_bytes) {}

    const uint32_t header_bytes_;
    const uint32_t header_offset_;  // From an mbuf to a received header.
    const uint32_t room_bytes_;
  };
  // Of a frame, that one buffer holds.
  uint32_t room() const { return room_; }
  View view(uint32_t header_bytes) const { return View(*this, header_bytes); }

  // Of a pool that runs low, as many as it still has.
  class Taking {
   public:
    Taking(MbufPolicy& policy, size_t wanted)
        : count_(static_cast<uint32_t>(policy.Allocate(
              std::span(handles_).first(std::min(wanted, kMaxBurst))))) {}
    uint32_t count() const { return count_; }
    Handle operator[](size_t i) const { return handles_[i]; }

   private:
    std::array<Handle, kMaxBurst> handles_;
    const uint32_t count_;
  };

  class Returning {
   public:
    explicit Returning(MbufPolicy&) {}
    void One(size_t i, Handle handle) { ones_[i] = handle; }
    void EndOnes(uint32_t count) {
      VU_CHECK(count <= ones_.size());
      rte_pktmbuf_free_bulk(ones_.data(), count);
    }
    void Chain(Handle handle) { rte_pktmbuf_free(handle); }

   private:
    std::array<Handle, kMaxBurst> ones_;
  };

  // Until Settle, pkt_len is what the device has used less a header.
  static void Note(Packet& packet, Handle handle, uint32_t bytes) {
    packet = handle;
    handle->pkt_len = bytes;
  }
  void Settle(Packet& packet, uint32_t frame_bytes) const {
    SetFresh(*packet, fresh_);
    packet->ol_flags = 0;
    packet->packet_type = 0;
    packet->pkt_len = frame_bytes;
    packet->data_len = static_cast<uint16_t>(frame_bytes);
    packet->vlan_tci = 0;
  }
  void Append(Packet& packet, Handle last, Handle next, uint32_t bytes,
              uint32_t header_bytes) const {
    SetFresh(*next, fresh_);
    next->data_off = static_cast<uint16_t>(kHeadroom - header_bytes);
    next->ol_flags = 0;
    next->data_len = static_cast<uint16_t>(bytes);
    next->pkt_len = bytes;
    last->next = next;
    packet->pkt_len += bytes;
    ++packet->nb_segs;
  }
  void SetOffload(Packet packet, const Offload& offload) const {
    if (offload.checksum == Checksum::kValid) {
      packet->ol_flags |= RTE_MBUF_F_RX_L4_CKSUM_GOOD;
    } else if (offload.checksum == Checksum::kPartial) {
      packet->ol_flags |= RTE_MBUF_F_RX_L4_CKSUM_NONE;
    }
    if (offload.segmentation != Segmentation::kNone) {
      packet->ol_flags |= RTE_MBUF_F_RX_LRO;
      packet->tso_segsz = offload.segment_bytes;
    }
  }
  // The PMD offers no TX offload, so none is asked for.
  Offload offload(Packet) const { return {}; }

  std::byte* CollectParts(Packet packet, uint32_t header_bytes, size_t most,
                          std::vector<DeviceBuffer>& parts) const {
    std::byte* header = nullptr;
    if (packet->data_len != 0 && OwnsHeadroom(*packet)) {
      header = Data(*packet) - header_bytes;
      parts.push_back(
          {{std::bit_cast<uint64_t>(header)}, header_bytes + packet->data_len});
    }
    const rte_mbuf* const rest = header == nullptr ? packet : packet->next;
    for (const rte_mbuf* part = rest; part != nullptr && parts.size() <= most;
         part = part->next) {
      if (part->data_len == 0) continue;
      parts.push_back({{std::bit_cast<uint64_t>(Data(*part))}, part->data_len});
    }
    return header;
  }

  static Handle HandleOf(Packet packet) { return packet; }
  static uint32_t BytesOf(const rte_mbuf* packet) { return packet->pkt_len; }

  void Free(Packet packet) const { rte_pktmbuf_free(packet); }
  void FreeChain(Handle first) const { rte_pktmbuf_free(first); }

 private:
  size_t Allocate(std::span<Handle> into) {
    size_t made = 0;
    for (size_t count = into.size(); count != 0;) {
      // Objects in an mbuf pool have one owner and no next segment already.
      if (rte_mempool_get_bulk(pool_,
                               reinterpret_cast<void**>(into.data() + made),
                               static_cast<unsigned>(count)) == 0) {
        made += count;
        if (made == into.size()) return made;
        count = std::min(count, into.size() - made);
      } else {
        count /= 2;
      }
    }
    return made;
  }

  static std::byte* Data(const rte_mbuf& mbuf) {
    return static_cast<std::byte*>(mbuf.buf_addr) + mbuf.data_off;
  }
  // Whether a header may be written in front of the first segment. An odd
  // address would do for the device, but not for whoever reads the header in
  // words of two bytes. TxPath may clear as much as the longest header takes.
  static bool OwnsHeadroom(const rte_mbuf& mbuf) {
    return rte_mbuf_refcnt_read(&mbuf) == 1 && RTE_MBUF_DIRECT(&mbuf) &&
           mbuf.data_off >= kHashNetHeaderBytes &&
           std::bit_cast<uintptr_t>(Data(mbuf)) % 2 == 0;
  }

  // data_off, refcnt, nb_segs and port are one word of the mbuf.
  static uint64_t FreshFields(uint16_t data_off, uint16_t port) {
    return std::bit_cast<uint64_t>(
        std::array<uint16_t, 4>{data_off, uint16_t{1}, uint16_t{1}, port});
  }
  static void SetFresh(rte_mbuf& mbuf, uint64_t fields) {
    static_assert(offsetof(rte_mbuf, refcnt) ==
                  offsetof(rte_mbuf, data_off) + 2);
    static_assert(offsetof(rte_mbuf, nb_segs) ==
                  offsetof(rte_mbuf, data_off) + 4);
    static_assert(offsetof(rte_mbuf, port) == offsetof(rte_mbuf, data_off) + 6);
    std::memcpy(
        reinterpret_cast<std::byte*>(&mbuf) + offsetof(rte_mbuf, data_off),
        &fields, sizeof(fields));
  }

  rte_mempool* pool_ = nullptr;
  uint32_t buffer_offset_ = 0;  // From an mbuf to its own buffer.
  uint32_t room_ = 0;           // Of that buffer behind the headroom.
  uint64_t fresh_ = 0;
};

}  // namespace virtio_user

#endif  // VIRTIO_USER_DPDK_MBUF_POLICY_H_
