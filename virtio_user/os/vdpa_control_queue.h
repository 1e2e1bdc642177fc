// SPDX-License-Identifier: BSD-3-Clause

#ifndef VIRTIO_USER_OS_VDPA_CONTROL_QUEUE_H_
#define VIRTIO_USER_OS_VDPA_CONTROL_QUEUE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <variant>

#include "virtio_user/base/deadline.h"
#include "virtio_user/base/error.h"
#include "virtio_user/base/file_descriptor.h"
#include "virtio_user/os/kernel_calls.h"
#include "virtio_user/ring/packed_driver_queue.h"
#include "virtio_user/ring/split_driver_queue.h"
#include "virtio_user/spec/feature.h"
#include "virtio_user/vhost/vhost_backend.h"

namespace virtio_user {

// The driver's side of a device's own control virtqueue: a ring and a request
// in shared memory of their own, one command at a time. One thread.
class VdpaControlQueue {
 public:
  // Of all that it shares with the device: whole pages.
  static constexpr size_t kBytes = 16384;
  // The longest request.
  static constexpr size_t kMaxRequestBytes = 8192;
  static constexpr uint16_t kNum = 4;

  // What the device finds at `iova` on. `features`, which the device has
  // accepted, say how the ring is laid out.
  struct Options {
    FeatureSet features;
    uint64_t iova = 0;
  };
  static Result<std::unique_ptr<VdpaControlQueue>> Create(FdOps& fds);
  ~VdpaControlQueue();
  VdpaControlQueue(const VdpaControlQueue&) = delete;
  VdpaControlQueue& operator=(const VdpaControlQueue&) = delete;

  // A new life: zeroed, at its beginning. Requires: no device uses it.
  void Restart(const Options& options);

  std::span<std::byte> memory() const { return memory_; }
  int kick_fd() const { return kick_.get(); }
  VringAddresses addresses() const;
  static VringBase base() { return {}; }

  // Sends class, command and data, waits for the device until `deadline`, and
  // returns its ack. kDeadline: it does not answer; kProtocol: it answers what
  // cannot be. Either is the queue's end.
  Result<uint8_t> Execute(std::span<const std::byte> request,
                          KernelCalls& calls, Deadline deadline);

 private:
  // Commands go one by one, so that there is nothing to tell them apart by.
  using Cookie = uint8_t;
  using Queue =
      std::variant<std::monostate, SplitDriverQueue<UseOrder::kAny, Cookie>,
                   SplitDriverQueue<UseOrder::kInOrder, Cookie>,
                   PackedDriverQueue<UseOrder::kAny, Cookie>,
                   PackedDriverQueue<UseOrder::kInOrder, Cookie>>;

  VdpaControlQueue(std::span<std::byte> memory, FileDescriptor kick)
      : memory_(memory), kick_(std::move(kick)) {}

  uint64_t IovaOf(const std::byte* at) const {
    return iova_ + static_cast<uint64_t>(at - memory_.data());
  }
  Result<void> Offer(std::span<const std::byte> request);
  // Whether the answer is there.
  Result<bool> LookForAck(std::span<const std::byte> request);

  const std::span<std::byte> memory_;
  FileDescriptor kick_;
  uint64_t iova_ = 0;
  Ring ring_;
  Queue queue_;
};

}  // namespace virtio_user

#endif  // VIRTIO_USER_OS_VDPA_CONTROL_QUEUE_H_
