// SPDX-License-Identifier: BSD-3-Clause

#ifndef BENCH_LIFECYCLE_H_
#define BENCH_LIFECYCLE_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "virtio_user/device/device.h"
#include "virtio_user/ring/ring_layout.h"

namespace virtio_user::bench {

// What a device runs on. Borrowed parts outlive it.
struct Seams {
  std::unique_ptr<VhostBackend> backend;
  MemoryProvider& memory;
  FdOps& fds;
  Quiescer& quiescer;
};

// One device as a driver brings it up: opened, negotiated, all rings
// configured, started, all pairs enabled by a command on the control queue.
class Lifecycle {
 public:
  // From nothing to all `pairs` enabled.
  static Result<std::unique_ptr<Lifecycle>> Open(Seams seams, uint16_t pairs);
  ~Lifecycle();

  Result<void> Stop() { return device_->Stop(); }

 private:
  Lifecycle(std::unique_ptr<Device> device, MemoryProvider& memory)
      : device_(std::move(device)), memory_(memory) {}

  Result<void> BringUp(uint16_t pairs);
  Result<RingLayout> NewRing();
  Result<void> EnablePairs(uint16_t pairs);

  std::unique_ptr<Device> device_;
  MemoryProvider& memory_;
  std::vector<std::span<std::byte>> blocks_;
  Ring control_ring_;
};

}  // namespace virtio_user::bench

#endif  // BENCH_LIFECYCLE_H_
