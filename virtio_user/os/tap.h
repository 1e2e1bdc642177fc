// SPDX-License-Identifier: BSD-3-Clause
//
// A tap: a network interface of the kernel whose other end is a descriptor
// (Linux: Documentation/networking/tuntap.rst).

#ifndef VIRTIO_USER_OS_TAP_H_
#define VIRTIO_USER_OS_TAP_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "virtio_user/base/error.h"
#include "virtio_user/base/file_descriptor.h"
#include "virtio_user/base/mac_address.h"
#include "virtio_user/os/kernel_calls.h"
#include "virtio_user/spec/feature.h"

namespace virtio_user {

// Queues of one tap, at most (Linux: MAX_TAP_QUEUES).
inline constexpr uint32_t kMaxTapQueues = 256;

// Whether an interface can have this name: 1 to 15 characters, no slash, colon
// or white space; one "%d" stands for the first number that is free.
Result<void> CheckInterfaceName(std::string_view name);

struct TapOptions {
  std::string ifname{};  // Or a pattern of one; empty: "tap%d".
  uint32_t queues = 1;
};

// Frames carry a virtio-net header. Several queues make a multi-queue tap; a
// single queue is taken of either kind. One thread.
class Tap {
 public:
  // Makes the interface, or joins the one of this name, with as many queues as
  // asked for, all enabled. What it sends to waits for no buffer of a socket.
  // Without CAP_NET_ADMIN the tap must exist and belong to this user. `calls`
  // outlives it.
  static Result<Tap> Open(KernelCalls& calls, const TapOptions& options);

  // As the kernel named it.
  const std::string& name() const { return name_; }
  bool multiqueue() const { return multiqueue_; }
  size_t queue_count() const { return queues_.size(); }
  // Borrowed.
  int fd(size_t queue) const { return queues_[queue].fd.get(); }
  // Somebody has removed the interface. Every call below is kDisconnected then.
  bool IsGone() const;

  // The address of the kernel's end.
  Result<void> SetMac(const MacAddress& mac);
  // Of the header in front of every frame: 10 or more.
  Result<void> SetHeaderBytes(size_t bytes);
  // What the kernel may leave undone in frames that it sends here: those of
  // the GUEST_* features. None: frames are whole and have their checksums.
  Result<void> SetOffloads(FeatureSet guest);
  // The kernel spreads its frames over the queues that are enabled. No effect
  // on queue 0, which always is, or where there is one queue.
  Result<void> EnableQueue(size_t queue);
  Result<void> DisableQueue(size_t queue);

 private:
  struct Queue {
    FileDescriptor fd;
    bool enabled = true;
  };

  explicit Tap(KernelCalls& calls) : calls_(&calls) {}

  Result<void> CheckFeatures(const TapOptions& options) const;
  Result<void> AddFirst(const TapOptions& options);
  Result<void> CheckAlone() const;
  Result<void> AddFurther(const TapOptions& options);
  Result<FileDescriptor> OpenDevice() const;
  // The kernel's answer; `name` becomes the one that it gave.
  int SetInterface(int fd, std::string& name, bool multiqueue) const;
  Result<void> SwitchQueue(size_t queue, bool enable);
  // Why the open tap did not take a call.
  std::unexpected<Error> Refused(int answer, const char* what,
                                 const char* remedy) const;

  KernelCalls* calls_;
  std::string name_;
  bool multiqueue_ = false;
  std::vector<Queue> queues_;
};

}  // namespace virtio_user

#endif  // VIRTIO_USER_OS_TAP_H_
