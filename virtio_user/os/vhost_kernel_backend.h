// SPDX-License-Identifier: BSD-3-Clause

#ifndef VIRTIO_USER_OS_VHOST_KERNEL_BACKEND_H_
#define VIRTIO_USER_OS_VHOST_KERNEL_BACKEND_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "virtio_user/base/mac_address.h"
#include "virtio_user/os/kernel_calls.h"
#include "virtio_user/os/tap.h"
#include "virtio_user/ring/ring_layout.h"
#include "virtio_user/vhost/vhost_backend.h"

namespace virtio_user {

struct VhostKernelOptions {
  std::string path = "/dev/vhost-net";
  std::string ifname{};  // See TapOptions.
  // As many as the device is going to have: each takes a descriptor of
  // vhost-net and one of the tap, and a thread of the kernel.
  uint32_t queue_pairs = 1;
  std::optional<MacAddress> mac{};  // Of the kernel's end of the tap.
};

// The kernel's vhost-net, whose packets go through a tap. Ring i is ring i % 2
// of descriptor i / 2; a ring runs while it has the tap as its backend.
//
// No call here waits for anybody, so deadlines are kept by themselves. What is
// queued in a batch is carried out by Commit; after a failure only rings are
// still disabled. A ring's memory is named by this process's pointers, a
// buffer's by the address that the memory table publishes.
class VhostKernelBackend final : public VhostBackend, private PeerLink {
 public:
  // Not attached yet: nothing is open.
  VhostKernelBackend(std::unique_ptr<KernelCalls> calls,
                     VhostKernelOptions options);
  ~VhostKernelBackend() override;

  // The tap's name as the kernel chose it; empty unless attached.
  std::string tap_name() const { return tap_ ? tap_->name() : std::string(); }

  PeerLink& link() override { return *this; }
  const BackendCaps& caps() const override { return caps_; }
  void BeginCall(Duration /*budget*/) override {}

  void BeginBatch() override;
  std::expected<void, CommitError> Commit() override;
  void Discard() override;

  Result<void> SetOwner() override;
  // What vhost-net offers, and what the tap adds to it: checksums and TSO in
  // both directions, and MQ where it has several queues.
  Result<FeatureSet> GetFeatures() override;
  Result<void> SetFeatures(FeatureSet features) override;
  Result<void> SetMemTable(const MemoryTable& table) override;
  Result<void> SetVringNum(uint16_t vring, uint16_t num) override;
  Result<void> SetVringBase(uint16_t vring, VringBase base) override;
  // Addresses inside the table that was set last.
  Result<void> SetVringAddr(uint16_t vring,
                            const VringAddresses& addresses) override;
  Result<void> SetVringCall(uint16_t vring, int fd) override;
  Result<void> SetVringKick(uint16_t vring, int fd) override;
  Result<void> SetVringEnable(uint16_t vring, VringEnable enable) override;
  Result<void> GetVringBases(std::span<VringBaseQuery> queries) override;
  // vhost-net has neither a status nor a configuration space: kUnsupported.
  Result<uint8_t> GetStatus() override;
  Result<void> SetStatus(uint8_t status) override;
  Result<void> GetConfig(uint32_t offset, std::span<std::byte> bytes) override;
  Result<void> SetConfig(uint32_t offset,
                         std::span<const std::byte> bytes) override;
  Result<void> SetGuestOffloads(FeatureSet offloads) override;
  // Always kUnsupported: vhost-net has no control queue.
  Result<uint8_t> SendControl(std::span<const std::byte> request,
                              Duration budget) override;

 private:
  using Action = std::function<Result<void>()>;

  struct Queued {
    BackendOperation operation;
    std::optional<uint16_t> vring;
    Action action;
    bool disables = false;
  };
  // One ioctl, as an error names it.
  struct Request {
    unsigned long number;
    const char* name;
    BackendOperation operation;
  };

  // PeerLink.
  Result<void> Attach() override;
  void Detach() override;
  LinkState Poll() override;
  int fd() const override { return -1; }

  Result<void> OpenAll();
  Result<FileDescriptor> OpenVhost();
  Result<void> CheckAttached(BackendOperation operation) const;
  Result<void> CheckNoBatch(BackendOperation operation) const;
  // Carried out now, or by Commit.
  Result<void> Tell(Queued queued);
  Result<void> Ioctl(size_t pair, const Request& request, void* argument);
  Result<void> VringIoctl(uint16_t vring, const Request& request, int64_t value,
                          void* argument);

  Result<void> ShareTable(const MemoryTable& table);

  // vhost_kernel_vrings.cc
  Result<void> CheckVring(uint16_t vring) const;
  Result<void> TellVringState(uint16_t vring, const Request& request,
                              uint32_t num);
  Result<void> TellVringFd(uint16_t vring, const Request& request, int fd);
  Result<void> PutAddresses(uint16_t vring, const VringAddresses& addresses);
  Result<void> Enable(uint16_t vring);
  Result<void> Disable(uint16_t vring);
  Result<void> SetRingBackend(uint16_t vring, int fd);
  Result<void> AskVringBase(VringBaseQuery& query);
  bool PairIdle(size_t pair) const {
    return !running_[2 * pair] && !running_[2 * pair + 1];
  }

  const std::unique_ptr<KernelCalls> calls_;
  const VhostKernelOptions options_;
  BackendCaps caps_;
  std::vector<FileDescriptor> vhost_;  // One a pair; empty: not attached.
  std::optional<Tap> tap_;             // While attached.
  std::vector<bool> running_;          // By ring: the tap is its backend.
  MemoryTable table_;                  // What the kernel has.
  RingFormat layout_ = RingFormat::kSplit;
  bool in_batch_ = false;
  std::vector<Queued> queue_;
};

}  // namespace virtio_user

#endif  // VIRTIO_USER_OS_VHOST_KERNEL_BACKEND_H_
