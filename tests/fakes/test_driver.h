// SPDX-License-Identifier: BSD-3-Clause

#ifndef TESTS_FAKES_TEST_DRIVER_H_
#define TESTS_FAKES_TEST_DRIVER_H_

#include <cstdint>
#include <initializer_list>
#include <span>
#include <vector>

#include "virtio_user/device/device.h"
#include "virtio_user/ring/ring_layout.h"

namespace testing_support {

// The driver of a device in a test: gives it rings, writes control commands
// with bare hands. Its memory is freed when it goes, so it outlives the
// device or is done with it.
class TestDriver {
 public:
  // What no device wrote as an ack.
  static constexpr uint8_t kNoAck = 0xee;

  TestDriver(virtio_user::Device& device, virtio_user::MemoryProvider& memory)
      : device_(device), memory_(memory) {}
  ~TestDriver();
  TestDriver(const TestDriver&) = delete;
  TestDriver& operator=(const TestDriver&) = delete;

  // Accepts all that is offered but `without`, then gives rings to `pairs`
  // pairs and, where CTRL_VQ was accepted, to the control queue.
  virtio_user::Result<void> SetUp(uint16_t pairs,
                                  virtio_user::FeatureSet without = {});
  virtio_user::Result<void> ConfigurePairs(uint16_t pairs);
  virtio_user::Result<void> ConfigureControl();

  // New, zeroed memory for one ring; what was allocated stays until the end.
  virtio_user::RingLayout NewRing();
  const virtio_user::RingLayout& control_ring() const { return control_; }
  std::span<const std::span<std::byte>> memory() const { return blocks_; }
  // Frees all of it now: whoever calls this takes the device's rings away.
  void FreeMemory();

  // One command on the control ring: its ack, or kNoAck (also without a ring).
  uint8_t Command(virtio_user::CtrlClass command_class, uint8_t command,
                  std::initializer_list<uint8_t> data);
  // VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET.
  uint8_t SetPairs(uint16_t pairs);
  // What NotifyControlQueue returned last.
  const virtio_user::Result<void>& notified() const { return notified_; }
  // Breaks the control ring: an available index that no driver can have.
  virtio_user::Result<void> BreakControlRing();

 private:
  std::span<std::byte> Allocate(size_t bytes);
  uint64_t AddrOf(const std::byte* at);

  virtio_user::Device& device_;
  virtio_user::MemoryProvider& memory_;
  std::vector<std::span<std::byte>> blocks_;
  virtio_user::RingLayout control_;
  std::span<std::byte> request_;
  uint16_t published_ = 0;
  virtio_user::Result<void> notified_;
};

}  // namespace testing_support

#endif  // TESTS_FAKES_TEST_DRIVER_H_
