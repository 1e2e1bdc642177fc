// SPDX-License-Identifier: BSD-3-Clause
//
// What the driver's side of a split and of a packed virtqueue have in common:
// the words that its users say, and the shape of the two class templates
// (SplitDriverQueue, PackedDriverQueue), which the data path takes as a
// parameter.

#ifndef VIRTIO_USER_RING_DRIVER_QUEUE_H_
#define VIRTIO_USER_RING_DRIVER_QUEUE_H_

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "virtio_user/base/device_addr.h"
#include "virtio_user/base/error.h"
#include "virtio_user/base/function_ref.h"
#include "virtio_user/base/lanes.h"
#include "virtio_user/ring/ring_layout.h"

namespace virtio_user {

// Whether the device completes chains in the order in which they were offered
// (VIRTIO_F_IN_ORDER). Then descriptors are given out in ring order, and one
// used element may stand for all chains up to its own; the chains before the
// last one of such a batch have no length in the ring: the spec ("In-order use
// of descriptors") has them read or written completely.
enum class UseOrder : uint8_t { kAny, kInOrder };

// What a buffer is for.
enum class BufferUse : uint8_t { kDeviceReads, kDeviceWrites };

// A chain that the driver offers: readable buffers, then writable ones, or
// both in one indirect table. `cookie` comes back when it is used.
template <typename Cookie>
struct OfferedChain {
  std::span<const DeviceBuffer> readable{};
  std::span<const DeviceBuffer> writable{};
  Cookie cookie{};
  // Indirect: where a table of readable.size() + writable.size() descriptors
  // lies, in this process (aligned to 16) and as the device sees it. Empty:
  // chain in the ring.
  std::span<std::byte> table_memory{};
  DeviceAddr table_addr{};
};

// A chain of one buffer, for OfferEach.
template <typename Cookie>
struct OfferedBuffer {
  DeviceBuffer buffer;
  Cookie cookie{};
};

// Four of them, for queues with cookies of four bytes. Requires: each has less
// than 2 GiB.
struct OfferedFour {
  U64Four addr;
  U32x4 bytes;
  U32x4 cookies;
};

template <typename Cookie>
struct UsedChain {
  Cookie cookie{};
  // Written by the device, at most the writable bytes. Of a chain without
  // writable buffers it is 0, whatever the device says: some report the bytes
  // that they read.
  uint32_t bytes = 0;
};

// The driver's side of a virtqueue, of either format. Trusts nothing that it
// reads: the first used element or index that cannot be right breaks the
// queue, with a reason, and it is never read again until ReclaimAll. One
// thread; the caller holds the ring's gate (RingGate::Enter) around everything
// that touches the ring: the Offers, Publish, DeviceWantsKick,
// SuppressInterrupts and TakeUsed.
template <typename Q>
concept DriverQueue = requires(
    Q queue, const Q& fixed, const OfferedChain<typename Q::Cookie>& chain,
    std::span<UsedChain<typename Q::Cookie>> used, DeviceBuffer buffer,
    typename Q::Cookie cookie, bool (*fits)(size_t i),
    OfferedBuffer<typename Q::Cookie> (*make)(size_t i),
    void (*plain)(size_t i, typename Q::Cookie, uint32_t bytes),
    void (*other)(uint32_t plain, typename Q::Cookie, uint32_t bytes),
    FunctionRef<void(typename Q::Cookie)> lost, const Error& reason) {
  // Puts one buffer into the ring; not visible to the device before Publish.
  // The fast way. Requires: free_count() > 0, not broken, and less than
  // 4 GiB - 1 of writable bytes.
  queue.template OfferOne<BufferUse::kDeviceReads>(buffer, cookie);
  queue.template OfferOne<BufferUse::kDeviceWrites>(buffer, cookie);
  // The same for up to `most` buffers, and faster: what the queue knows stays
  // in registers. Each is what `make` answers for 0, 1, 2 and so on, as long as
  // `fits` says yes of it. Where `make` also takes (size_t i, OfferedFour&),
  // the queue asks that first: false says that the four from i on do not fit.
  // Returns how many. Neither may touch the queue.
  // Requires: most <= free_count().
  {
    queue.template OfferEach<BufferUse::kDeviceReads>(uint32_t{}, fits, make)
  } -> std::same_as<uint32_t>;
  {
    queue.template OfferEach<BufferUse::kDeviceWrites>(uint32_t{}, fits, make)
  } -> std::same_as<uint32_t>;
  // The same for a chain. False: no room now, or the queue is broken.
  // Requires: at least one buffer, at most num (an indirect table's memory
  // holds them all), and less than 4 GiB - 1 of writable bytes.
  { queue.Offer(chain) } -> std::same_as<bool>;
  // Makes everything that was offered visible.
  queue.Publish();
  // Whether the device wants a kick for what was published last.
  { fixed.DeviceWantsKick() } -> std::same_as<bool>;
  // What a kick says where VIRTIO_F_NOTIFICATION_DATA was negotiated: the
  // ring's number below, where the next chain goes above ("Driver
  // Notifications").
  { fixed.NotificationData(uint16_t{}) } -> std::same_as<uint32_t>;
  // Asks the device for no interrupts (the initial state), or for them.
  queue.SuppressInterrupts(true);
  // Takes up to used.size() used chains; how many. 0 may mean that the queue
  // broke: see broken(). What was in order before a lie is still handed out.
  // Requires: everything offered is published.
  { queue.TakeUsed(used) } -> std::same_as<size_t>;
  // The same, and faster: `plain` gets what OfferOne and OfferEach offered,
  // numbered from 0 on, `other` what Offer did (in order: maybe the plain ones
  // of a batch as well), with the count of plain ones since the last other, and
  // they are numbered from 0 again. Where `plain` also takes (size_t i, U32x4
  // cookies, U32x4 bytes), that gets most of them, four at a time. Returns how
  // many plain ones followed the last other. Neither may touch the queue.
  { queue.TakeEach(uint32_t{}, plain, other) } -> std::same_as<uint32_t>;
  // Marks the queue broken for a reason that the caller found in what it got.
  queue.Break(reason);
  // Hands back every chain that is still with the device, as lost; zeroes the
  // ring, starts afresh and mends a broken queue. Requires: the gate is closed
  // and no device uses the ring.
  queue.ReclaimAll(lost);
  // Descriptors (packed and any order: also buffer ids) that offers can use.
  { fixed.free_count() } -> std::same_as<uint16_t>;
  // A number below num that is the next chain's alone until it is used: for
  // whoever keeps something beside each chain, such as an indirect table.
  // Requires: free_count() > 0.
  { fixed.next_slot() } -> std::same_as<uint16_t>;
  // Chains offered and not yet taken back.
  { fixed.in_flight() } -> std::same_as<uint16_t>;
  { fixed.broken() } -> std::same_as<const std::optional<Error>&>;
};

}  // namespace virtio_user

#endif  // VIRTIO_USER_RING_DRIVER_QUEUE_H_
