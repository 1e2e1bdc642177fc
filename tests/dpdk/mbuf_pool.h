// SPDX-License-Identifier: BSD-3-Clause

#ifndef TESTS_DPDK_MBUF_POOL_H_
#define TESTS_DPDK_MBUF_POOL_H_

#include <gtest/gtest.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <set>
#include <span>
#include <string>
#include <vector>

namespace virtio_user {

// A mempool of its own, with guard bytes around each buffer. Knows whether all
// mbufs are back, each of them once and fit for the next user.
class MbufPool {
 public:
  static constexpr unsigned kCount = 511;
  static constexpr uint16_t kGuardBytes = 64;
  static constexpr std::byte kGuard{0xa5};
  // No header reaches further than this into the headroom, from its end.
  static constexpr uint16_t kHeaderRoom = 20;

  explicit MbufPool(unsigned count = kCount,
                    uint32_t room_bytes = RTE_MBUF_DEFAULT_DATAROOM)
      : buffer_bytes_(RTE_PKTMBUF_HEADROOM + room_bytes) {
    static int number = 0;
    rte_pktmbuf_pool_private geometry = {};
    geometry.mbuf_data_room_size = static_cast<uint16_t>(buffer_bytes_);
    geometry.mbuf_priv_size = kGuardBytes;
    pool_ = rte_mempool_create(
        ("pool" + std::to_string(number++)).c_str(), count,
        static_cast<unsigned>(sizeof(rte_mbuf)) + kGuardBytes + buffer_bytes_ +
            kGuardBytes,
        0, sizeof(geometry), rte_pktmbuf_pool_init, &geometry, rte_pktmbuf_init,
        nullptr, SOCKET_ID_ANY, 0);
    EXPECT_NE(pool_, nullptr);
    rte_mempool_obj_iter(
        pool_,
        [](rte_mempool*, void* self, void* mbuf, unsigned) {
          static_cast<MbufPool*>(self)->Adopt(static_cast<rte_mbuf*>(mbuf));
        },
        this);
  }
  MbufPool(const MbufPool&) = delete;
  MbufPool& operator=(const MbufPool&) = delete;
  ~MbufPool() {
    EXPECT_EQ(out(), 0u) << "mbufs were lost";
    ExpectSound();
    rte_mempool_free(pool_);
  }

  rte_mempool& get() { return *pool_; }
  unsigned out() const { return rte_mempool_in_use_count(pool_); }
  // Of all, in the order of their addresses.
  std::byte* Buffer(size_t index) const {
    return static_cast<std::byte*>(all_[index].buf_addr);
  }

  // A packet of `frame`, cut into segments of at most `segment_bytes`; null
  // where mbufs run out.
  rte_mbuf* Make(std::span<const std::byte> frame, size_t segment_bytes) {
    rte_mbuf* packet = nullptr;
    while (!frame.empty()) {
      rte_mbuf* const segment = rte_pktmbuf_alloc(pool_);
      if (segment == nullptr) {
        rte_pktmbuf_free(packet);
        return nullptr;
      }
      const size_t bytes = std::min(segment_bytes, frame.size());
      void* const room =
          rte_pktmbuf_append(segment, static_cast<uint16_t>(bytes));
      std::memcpy(room, frame.data(), bytes);
      frame = frame.subspan(bytes);
      if (packet == nullptr) {
        packet = segment;
      } else {
        EXPECT_EQ(rte_pktmbuf_chain(packet, segment), 0);
      }
    }
    return packet;
  }

  // Fails the test if a byte around a buffer was touched, if an mbuf is not
  // what it was, or if the pool has one twice or in no state to be given out.
  void ExpectSound() {
    for (const Fixed& fixed : all_) ExpectUntouched(fixed);
    ExpectFreeOnce();
  }
  // The same for that part of the headrooms that headers leave alone.
  void ExpectHeadroomsUntouched() const {
    for (size_t i = 0; i < all_.size(); ++i) {
      EXPECT_TRUE(IsGuard({Buffer(i), RTE_PKTMBUF_HEADROOM - kHeaderRoom}))
          << "mbuf " << i;
    }
  }

 private:
  // What never changes about an mbuf.
  struct Fixed {
    rte_mbuf* mbuf;
    void* buf_addr;
    rte_iova_t iova;

    std::span<const std::byte> Front() const {
      return {static_cast<const std::byte*>(buf_addr) - kGuardBytes,
              kGuardBytes};
    }
  };

  void Adopt(rte_mbuf* mbuf) {
    auto* const buffer = static_cast<std::byte*>(mbuf->buf_addr);
    std::fill_n(buffer - kGuardBytes, kGuardBytes, kGuard);
    std::fill_n(buffer, buffer_bytes_, std::byte{0});
    std::fill_n(buffer, RTE_PKTMBUF_HEADROOM - kHeaderRoom, kGuard);
    std::fill_n(buffer + buffer_bytes_, kGuardBytes, kGuard);
    all_.push_back({mbuf, mbuf->buf_addr, rte_mbuf_iova_get(mbuf)});
  }
  static bool IsGuard(std::span<const std::byte> bytes) {
    return std::ranges::all_of(bytes, [](std::byte b) { return b == kGuard; });
  }

  void ExpectUntouched(const Fixed& fixed) const {
    EXPECT_TRUE(IsGuard(fixed.Front())) << "in front of a buffer";
    EXPECT_TRUE(
        IsGuard({static_cast<const std::byte*>(fixed.buf_addr) + buffer_bytes_,
                 kGuardBytes}))
        << "behind a buffer";
    EXPECT_EQ(fixed.mbuf->buf_addr, fixed.buf_addr);
    EXPECT_EQ(rte_mbuf_iova_get(fixed.mbuf), fixed.iova);
    EXPECT_EQ(fixed.mbuf->buf_len, buffer_bytes_);
    EXPECT_EQ(fixed.mbuf->pool, pool_);
  }
  void ExpectFreeOnce() {
    const unsigned count = rte_mempool_avail_count(pool_);
    std::vector<void*> free;
    void* object = nullptr;
    while (free.size() <= all_.size() && rte_mempool_get(pool_, &object) == 0) {
      free.push_back(object);
    }
    EXPECT_EQ(free.size(), count);
    EXPECT_EQ(std::set<void*>(free.begin(), free.end()).size(), free.size())
        << "an mbuf is in its pool twice";
    for (const void* each : free) {
      const auto* const mbuf = static_cast<const rte_mbuf*>(each);
      const char* reason = "";
      EXPECT_EQ(rte_mbuf_check(mbuf, 0, &reason), 0) << reason;
      EXPECT_EQ(rte_mbuf_refcnt_read(mbuf), 1);
      EXPECT_EQ(mbuf->next, nullptr);
      EXPECT_EQ(mbuf->nb_segs, 1);
    }
    if (free.empty()) return;
    rte_mempool_put_bulk(pool_, free.data(),
                         static_cast<unsigned>(free.size()));
  }

  const uint32_t buffer_bytes_;
  rte_mempool* pool_ = nullptr;
  std::vector<Fixed> all_;
};

}  // namespace virtio_user

#endif  // TESTS_DPDK_MBUF_POOL_H_
