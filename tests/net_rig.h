// SPDX-License-Identifier: BSD-3-Clause
//
// One direction of the data path with the device opposite, whatever its buffers
// are. Tests that are written against a rig are built once with each kind:
// with our own buffers in //tests, with mbufs in //tests/dpdk.

#ifndef TESTS_NET_RIG_H_
#define TESTS_NET_RIG_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "tests/device_side.h"
#include "tests/net_layouts.h"
#include "virtio_user/base/error.h"
#include "virtio_user/net/net_queue.h"
#include "virtio_user/net/offload.h"

namespace virtio_user {

struct NetRigShape {
  FeatureSet features{};
  uint16_t num = 8;
  uint32_t buffer_count = 8;
  uint32_t room_bytes = 192;  // Of a frame, in one buffer; 64 or more.
};

// The gate is open. The rig holds the packets that are nobody else's.
class NetRig {
 public:
  virtual ~NetRig() = default;

  virtual DeviceSide& side() = 0;
  virtual const std::optional<Error>& broken() const = 0;
  virtual NetQueueStats stats() const = 0;
  virtual size_t in_flight() const = 0;
  virtual size_t ReclaimAll() = 0;

  // Buffers that are not in their pool: in flight or held.
  virtual size_t buffers_out() const = 0;
  // Fails the test if anything around rings and buffers was touched, or if the
  // pool does not hold each buffer once that is not out.
  virtual void ExpectSound() = 0;

  virtual size_t held_count() const = 0;
  virtual void FreeHeld(size_t index) = 0;
  void FreeAllHeld() {
    while (held_count() != 0) FreeHeld(held_count() - 1);
  }
};

class RxRig : public NetRig {
 public:
  // Polls once. The packets are held, behind those that were; how many. Reads
  // no byte of them.
  virtual size_t Take(size_t most) = 0;
  virtual Bytes FrameOf(size_t index) = 0;
  // What the header said of a held packet.
  virtual Checksum checksum(size_t index) const = 0;
  // Where a device writes the header in a buffer of the pool.
  virtual std::byte* ReceivedHeader(uint32_t buffer) = 0;

  // Polls once; the frames of the packets, which are held.
  std::vector<Bytes> Receive(size_t most) {
    std::vector<Bytes> frames(Take(most));
    const size_t first = held_count() - frames.size();
    for (size_t i = 0; i < frames.size(); ++i) frames[i] = FrameOf(first + i);
    return frames;
  }
  // Polls once, and frees.
  std::vector<Bytes> Poll(size_t most = 64) {
    std::vector<Bytes> frames = Receive(most);
    FreeAllHeld();
    return frames;
  }
};

class TxRig : public NetRig {
 public:
  // Makes a packet of `frame` in as few buffers as it takes, and holds it.
  // False: there are not enough buffers.
  virtual bool Make(const Bytes& frame) = 0;
  // Moves the front of the packet that was made last, so that `headroom` bytes
  // of its first buffer are in front of it.
  virtual void MoveFront(uint16_t headroom) = 0;
  // What is to be said of that packet. False: these buffers ask for nothing.
  virtual bool Ask(const Offload& offload) = 0;
  // Sends what is held, from the front on; how many, which are held no longer.
  virtual size_t Send() = 0;
  virtual size_t Complete(size_t most) = 0;

  // Sends this frame. False: it was not taken, and is freed.
  bool SendOne(const Bytes& frame) {
    EXPECT_TRUE(Make(frame)) << "the pool is empty";
    const bool sent = Send() == 1;
    FreeAllHeld();
    return sent;
  }
};

// Of the kind that the test is built with. A receive ring is filled.
std::unique_ptr<RxRig> MakeRxRig(const NetRigShape& shape);
std::unique_ptr<TxRig> MakeTxRig(const NetRigShape& shape);
// The layouts that this kind carries, the modern ones among them.
std::vector<NetLayout> RigLayouts();

}  // namespace virtio_user

#endif  // TESTS_NET_RIG_H_
