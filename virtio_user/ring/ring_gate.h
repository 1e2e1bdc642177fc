// SPDX-License-Identifier: BSD-3-Clause
//
// Who may write a ring. While the gate is open, the driver queue built on the
// ring does; while it is closed, the device's lifecycle code does.

#ifndef VIRTIO_USER_RING_RING_GATE_H_
#define VIRTIO_USER_RING_RING_GATE_H_

#include <atomic>

namespace virtio_user {

// One thread enters and leaves (the ring's poller), another opens and closes
// (the control thread). A burst pays no fence: after Close, the control
// thread makes the poller's core fence (Quiescer) and waits for !busy().
class RingGate {
 public:
  // Poller. True: the ring is yours until Leave. False: leave it alone.
  bool Enter() {
    busy_.store(true, std::memory_order_relaxed);
    // Keeps the compiler from moving the load up; the processor is kept from
    // it by the Quiescer's barrier on the other side.
    std::atomic_signal_fence(std::memory_order_seq_cst);
    // Pairs with the release in Open: what the control thread wrote into the
    // ring is seen.
    if (open_.load(std::memory_order_acquire)) return true;
    busy_.store(false, std::memory_order_release);
    return false;
  }
  // Pairs with the acquire in busy().
  void Leave() { busy_.store(false, std::memory_order_release); }

  // Control thread.
  void Open() { open_.store(true, std::memory_order_release); }
  void Close() { open_.store(false, std::memory_order_seq_cst); }
  bool open() const { return open_.load(std::memory_order_relaxed); }
  bool busy() const { return busy_.load(std::memory_order_acquire); }

 private:
  std::atomic<bool> open_{false};
  std::atomic<bool> busy_{false};
};

// One burst of the poller, as a scope.
class RingTurn {
 public:
  explicit RingTurn(RingGate& gate) : gate_(gate), entered_(gate.Enter()) {}
  RingTurn(const RingTurn&) = delete;
  RingTurn& operator=(const RingTurn&) = delete;
  ~RingTurn() {
    if (entered_) gate_.Leave();
  }
  // False: the gate is closed, the ring is somebody else's.
  bool entered() const { return entered_; }

 private:
  RingGate& gate_;
  const bool entered_;
};

}  // namespace virtio_user

#endif  // VIRTIO_USER_RING_RING_GATE_H_
