// SPDX-License-Identifier: BSD-3-Clause

#ifndef VIRTIO_USER_RING_DRIVER_QUEUE_CALLS_H_
#define VIRTIO_USER_RING_DRIVER_QUEUE_CALLS_H_

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "virtio_user/base/check.h"
#include "virtio_user/base/error.h"
#include "virtio_user/base/lanes.h"
#include "virtio_user/base/overloaded.h"
#include "virtio_user/ring/driver_chain.h"
#include "virtio_user/ring/driver_notifications.h"
#include "virtio_user/ring/driver_queue.h"
#include "virtio_user/ring/ring_barrier.h"
#include "virtio_user/ring/ring_layout.h"

namespace virtio_user {

// Those calls of a DriverQueue that are the same for both formats; what is not
// is in `Queue`, which derives from this.
template <typename Queue, RingFormat kFormat, typename Cookie>
class DriverQueueCalls {
 public:
  template <BufferUse kUse>
  [[gnu::always_inline]] void OfferOne(DeviceBuffer buffer, Cookie cookie) {
    VU_CHECK(queue().free_count() != 0);
    queue().PutRun(
        1, [](size_t) { return true; },
        [&](size_t) {
          return PlainOffer<Cookie>::template Of<kUse>({buffer, cookie});
        });
  }

  template <BufferUse kUse, typename Fits, typename Make>
  [[gnu::always_inline]] uint32_t OfferEach(uint32_t most, const Fits& fits,
                                            const Make& make) {
    VU_CHECK(most <= queue().free_count());
    uint32_t done = 0;
    while (done < most) {
      const uint32_t run = std::min(most - done, queue().PutRunMax());
      size_t begin = done;
      uint32_t put = 0;
      if constexpr (std::invocable<const Make&, size_t, OfferedFour&>) {
        put = queue().template PutRunOfFours<kUse>(
            run, [&](size_t i, OfferedFour& four) __attribute__((
                     always_inline)) { return make(begin + i, four); });
        begin += put;
      }
      if (put < run)
        put += queue().PutRun(
            run - put,
            [&](size_t i)
                __attribute__((always_inline)) { return fits(begin + i); },
            [&](size_t i) __attribute__((always_inline)) {
              return PlainOffer<Cookie>::template Of<kUse>(make(begin + i));
            });
      done += put;
      if (put < run) break;
    }
    return done;
  }

  bool Offer(const OfferedChain<Cookie>& chain) {
    const ChainBuffers buffers(chain);
    const bool indirect = !chain.table_memory.empty();
    const ChainShape shape = CheckOffer(buffers, indirect, queue().num_);
    if (broken_ || queue().free_count() < shape.count) return false;
    if (indirect && kFormat == RingFormat::kPacked) {
      WritePackedTable(buffers, chain.table_memory);
    } else if (indirect) {
      WriteSplitTable(buffers, chain.table_memory);
    }
    if (shape.count > 1) {
      queue().PutChain(buffers, shape, chain.cookie);
    } else {
      ChainNote& note = queue().NextNote();
      note.writable_bytes = shape.writable_bytes;
      note.count = 1;
      queue().PutRun(
          1, [](size_t) { return true; },
          [&](size_t) { return PlainOffer<Cookie>::Of(chain); });
    }
    return true;
  }

  bool DeviceWantsKick() const { return notifications_.DeviceWantsKick(); }
  uint32_t NotificationData(uint16_t vring) const {
    return notifications_.Data(vring);
  }
  void SuppressInterrupts(bool suppress) {
    notifications_.SuppressInterrupts(suppress);
  }

  size_t TakeUsed(std::span<UsedChain<Cookie>> out) {
    UsedChain<Cookie>* next = out.data();
    const auto most =
        static_cast<uint32_t>(std::min<size_t>(out.size(), queue().num_));
    const auto one = [&](size_t i, Cookie cookie, uint32_t bytes) {
      next[i] = {cookie, bytes};
    };
    const auto other = [&](uint32_t plain, Cookie cookie, uint32_t bytes) {
      next += plain;
      *next++ = {cookie, bytes};
    };
    if constexpr (std::same_as<Cookie, uint32_t>) {
      const auto four = [&](size_t i, U32x4 cookies, U32x4 bytes) {
        ForEachLane([&](size_t k) { next[i + k] = {cookies[k], bytes[k]}; });
      };
      next += queue().TakeEach(most, Overloaded{one, four}, other);
    } else {
      next += queue().TakeEach(most, one, other);
    }
    return static_cast<size_t>(next - out.data());
  }

  void Break(const Error& reason) {
    if (!broken_) broken_ = reason;
  }
  const std::optional<Error>& broken() const { return broken_; }

 protected:
  DriverQueueCalls(Ring& ring, RingOrder order)
      : ring_(ring), order_(order), notifications_(ring, order) {}
  ~DriverQueueCalls() = default;

  Ring& ring_;
  const RingOrder order_;
  DriverNotifications<kFormat> notifications_;
  std::optional<Error> broken_;

 private:
  Queue& queue() { return static_cast<Queue&>(*this); }
};

}  // namespace virtio_user

#endif  // VIRTIO_USER_RING_DRIVER_QUEUE_CALLS_H_
