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

  static constexpr uint32_t kHeadroom = RTE_PKTMBUF_HEADROOM;
  static_assert(kHeadroom >= kHashNetHeaderBytes);

  // For sending.
  MbufPolicy() = default;
  // For receiving into `pool`, borrowed, as port `port`. Requires: the pool's
  // buffers are its own (no RTE_PKTMBUF_POOL_F_PINNED_EXT_BUF) and longer than
  // kHeadroom.
  MbufPolicy(rte_mempool& pool, uint16_t port)
      : pool_(&pool),
        view_{.buffer_offset = static_cast<uint32_t>(
                  sizeof(rte_mbuf) + rte_pktmbuf_priv_size(&pool)),
              .room = rte_pktmbuf_data_room_size(&pool) - kHeadroom},
        fresh_(FreshFields(kHeadroom, port)) {}

  struct View {
    uint32_t buffer_offset = 0;  // From an mbuf to its own buffer.
    uint32_t room = 0;           // Of that buffer behind the headroom.

    std::byte* ReceivedHeader(Handle handle, uint32_t header_bytes) const {
      // As rte_pktmbuf_init has it; saves reading the mbuf.
      return reinterpret_cast<std::byte*>(handle) + buffer_offset + kHeadroom -
             header_bytes;
    }
    DeviceBuffer ReceiveRoom(Handle handle, uint32_t header_bytes) const {
      return {{std::bit_cast<uint64_t>(ReceivedHeader(handle, header_bytes))},
              room + header_bytes};
    }
    bool IsWhole(Packet packet, uint32_t header_bytes) const {
      return packet->nb_segs == 1 && packet->data_len != 0 &&
             OwnsHeadroom(*packet, header_bytes);
    }
    std::byte* Header(Packet packet, uint32_t header_bytes) const {
      return Data(*packet) - header_bytes;
    }
    DeviceBuffer Whole(Packet packet, uint32_t header_bytes) const {
      return {{std::bit_cast<uint64_t>(Header(packet, header_bytes))},
              header_bytes + packet->data_len};
    }
  };
  View view() const { return view_; }

  // All, or as many as a pool that runs low still has.
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

  Packet Begin(Handle handle, uint32_t frame_bytes) const {
    SetFresh(*handle, fresh_);
    handle->ol_flags = 0;
    handle->packet_type = 0;
    handle->pkt_len = frame_bytes;
    handle->data_len = static_cast<uint16_t>(frame_bytes);
    handle->vlan_tci = 0;
    return handle;
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

  std::byte* CollectParts(Packet packet, uint32_t header_bytes,
                          std::vector<DeviceBuffer>& parts) const {
    std::byte* header = nullptr;
    if (packet->data_len != 0 && OwnsHeadroom(*packet, header_bytes)) {
      header = Data(*packet) - header_bytes;
      parts.push_back(
          {{std::bit_cast<uint64_t>(header)}, header_bytes + packet->data_len});
    }
    const rte_mbuf* const rest = header == nullptr ? packet : packet->next;
    for (const rte_mbuf* part = rest; part != nullptr; part = part->next) {
      if (part->data_len == 0) continue;
      parts.push_back({{std::bit_cast<uint64_t>(Data(*part))}, part->data_len});
    }
    return header;
  }

  static Handle HandleOf(Packet packet) { return packet; }
  static uint32_t BytesOf(const rte_mbuf* packet) { return packet->pkt_len; }

  void Free(Packet packet) const { rte_pktmbuf_free(packet); }
  void FreeChain(Handle first) const { rte_pktmbuf_free(first); }
  void FreeUsed(std::span<const UsedChain<Handle>> used) const {
    std::array<rte_mbuf*, kMaxBurst> packets;
    VU_CHECK(used.size() <= packets.size());
    for (size_t i = 0; i < used.size(); ++i) packets[i] = used[i].cookie;
    rte_pktmbuf_free_bulk(packets.data(), static_cast<unsigned>(used.size()));
  }

 private:
  static std::byte* Data(const rte_mbuf& mbuf) {
    return static_cast<std::byte*>(mbuf.buf_addr) + mbuf.data_off;
  }
  // Whether a header may be written in front of the first segment. An odd
  // address would do for the device, but not for whoever reads the header in
  // words of two bytes. TxPath may clear as much as the longest header takes.
  static bool OwnsHeadroom(const rte_mbuf& mbuf, uint32_t header_bytes) {
    static_assert(kHashNetHeaderBytes >= kNetHeaderBytes);
    return rte_mbuf_refcnt_read(&mbuf) == 1 && RTE_MBUF_DIRECT(&mbuf) &&
           mbuf.data_off >= kHashNetHeaderBytes &&
           header_bytes <= kHashNetHeaderBytes &&
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
  View view_{};
  uint64_t fresh_ = 0;
};

}  // namespace virtio_user

#endif  // VIRTIO_USER_DPDK_MBUF_POLICY_H_
