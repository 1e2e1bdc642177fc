// SPDX-License-Identifier: BSD-3-Clause

#ifndef VIRTIO_USER_OS_VHOST_VDPA_BACKEND_H_
#define VIRTIO_USER_OS_VHOST_VDPA_BACKEND_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "virtio_user/base/deadline.h"
#include "virtio_user/base/file_descriptor.h"
#include "virtio_user/os/kernel_calls.h"
#include "virtio_user/os/vdpa_control_queue.h"
#include "virtio_user/os/vdpa_iotlb.h"
#include "virtio_user/os/vdpa_node.h"
#include "virtio_user/os/vdpa_requests.h"
#include "virtio_user/ring/ring_layout.h"
#include "virtio_user/vhost/vhost_backend.h"

namespace virtio_user {

// A vDPA network device behind the kernel's vhost-vdpa: /dev/vhost-vdpa-N.
//
// The device is whole: it has a status, a configuration space and maybe a
// control queue, and it is reset by each end of a use of it, Detach included.
// Rings are enabled by their kick, before DRIVER_OK. Its memory is what
// SetMemTable says, until the reset; addresses are IOVAs. After DRIVER_OK a
// table without a part of what was mapped in one piece is kWrongState. A batch
// is carried out by Commit, up to the first operation that fails.
class VhostVdpaBackend final : public VhostBackend, private PeerLink {
 public:
  // Not attached yet. `calls` outlives it.
  VhostVdpaBackend(KernelCalls& calls, std::string path);
  // The same with calls of its own.
  VhostVdpaBackend(std::unique_ptr<KernelCalls> calls, std::string path);
  ~VhostVdpaBackend() override;

  PeerLink& link() override { return *this; }
  const BackendCaps& caps() const override { return caps_; }
  void BeginCall(Duration budget) override;

  void BeginBatch() override;
  std::expected<void, CommitError> Commit() override;
  void Discard() override;

  Result<void> SetOwner() override;
  Result<FeatureSet> GetFeatures() override;
  // Takes the status through ACKNOWLEDGE and DRIVER first, as a driver does.
  Result<void> SetFeatures(FeatureSet features) override;
  Result<void> SetMemTable(const MemoryTable& table) override;
  Result<void> SetVringNum(uint16_t vring, uint16_t num) override;
  Result<void> SetVringBase(uint16_t vring, VringBase base) override;
  Result<void> SetVringAddr(uint16_t vring,
                            const VringAddresses& addresses) override;
  Result<void> SetVringCall(uint16_t vring, int fd) override;
  Result<void> SetVringKick(uint16_t vring, int fd) override;
  Result<void> SetVringEnable(uint16_t vring, VringEnable enable) override;
  // Stops the device as a whole: suspended where it can be, else reset, and
  // then a split ring's place is its used index.
  Result<void> GetVringBases(std::span<VringBaseQuery> queries) override;
  Result<uint8_t> GetStatus() override;
  // What was written is read back. 0 waits for the reset, and unmaps.
  Result<void> SetStatus(uint8_t status) override;
  Result<void> GetConfig(uint32_t offset, std::span<std::byte> bytes) override;
  Result<void> SetConfig(uint32_t offset,
                         std::span<const std::byte> bytes) override;
  // Always kUnsupported: a device that can has a command for it.
  Result<void> SetGuestOffloads(FeatureSet offloads) override;
  // Each interrupt of the configuration, which may be the device's status too.
  BackendNews TakeNews() override;
  Result<Doorbell> MapDoorbell(uint16_t vring) override;
  // Requires CTRL_VQ among the features, and DRIVER_OK.
  Result<uint8_t> SendControl(std::span<const std::byte> request,
                              Duration budget) override;

 private:
  struct Queued {
    BackendOperation operation = BackendOperation::kNone;
    std::optional<uint16_t> vring;
    std::function<Result<void>()> carry_out;
  };
  // What was said of a ring since the last reset.
  struct RingNote {
    VringBase base;
    uint64_t used = 0;  // IOVA.
  };
  static constexpr uint32_t kControlAsid = 1;

  // PeerLink.
  Result<void> Attach() override;
  void Detach() override;
  LinkState Poll() override;
  int fd() const override { return config_call_.get(); }

  // vhost_vdpa_backend.cc
  Result<void> Do(BackendOperation operation, std::optional<uint16_t> vring,
                  std::function<Result<void>()> carry_out);
  Result<void> CheckAttached(BackendOperation operation) const;
  Result<void> CheckNoBatch(BackendOperation operation) const;
  // Loses the peer where the result says so.
  Result<void> Settle(Result<void> done);
  std::vector<VdpaMapping> MappingsOf(const MemoryTable& table) const;
  Result<void> CheckTable(const MemoryTable& table) const;
  Result<void> Share(std::span<const VdpaMapping> wanted);

  // vhost_vdpa_limits.cc: what the device says of itself.
  Result<void> AskLimits(FeatureSet offered);
  Result<void> ChooseBackendFeatures();
  Result<void> AskConfigSize();
  Result<void> AskMaxPairs();
  Result<void> TellConfigCall() const;
  // Asks what older kernels do not know; then `argument` stays as it is. They
  // look for a ring's index in its first 32 bits, which are 0 therefore.
  Result<void> AskIfKnown(const VdpaRequest& request, void* argument);
  bool Speaks(uint64_t backend_feature) const {
    return (backend_features_ & backend_feature) != 0;
  }

  // vhost_vdpa_status.cc
  Result<void> WriteStatus(uint8_t status);
  Result<uint8_t> ReadStatus() const;
  Result<void> Reset();
  Result<void> WaitForReset();

  // vhost_vdpa_vrings.cc
  RingNote& NoteOf(uint16_t vring);
  Result<void> TellState(const VdpaRequest& request, uint16_t vring,
                         uint32_t num) const;
  Result<void> TellFd(const VdpaRequest& request, uint16_t vring, int fd) const;
  Result<void> TellBase(uint16_t vring, VringBase base) const;
  Result<void> TellAddr(uint16_t vring, const VringAddresses& addresses) const;
  Result<void> SuspendAndAsk(std::span<VringBaseQuery> queries);
  Result<void> AskBases(std::span<VringBaseQuery> queries);
  Result<void> AskBase(VringBaseQuery& query) const;
  Result<void> ResetAndRead(std::span<VringBaseQuery> queries);

  // vhost_vdpa_control.cc
  uint16_t ControlIndex() const;
  Result<bool> SeparateControl();
  Result<uint64_t> FindHole(std::span<const VdpaMapping> taken) const;
  Result<void> StartControl();
  Result<void> StartControlRing();
  Result<void> StopControl();

  const std::unique_ptr<KernelCalls> owned_calls_;
  KernelCalls& calls_;
  VdpaNode node_;
  VdpaIotlb iotlb_;
  // The control queue's memory, in one of the two.
  VdpaIotlb same_space_;
  VdpaIotlb other_space_;
  FileDescriptor config_call_;  // The device changed its configuration.

  Deadline deadline_;
  bool in_batch_ = false;
  std::vector<Queued> queue_;

  // Of the device that is attached.
  BackendCaps caps_;
  FeatureSet offered_;
  uint64_t backend_features_ = 0;
  VdpaIovaRange iova_range_;
  uint16_t max_num_ = 0;
  uint32_t config_bytes_ = 0;
  FeatureSet features_;  // Set.
  RingFormat layout_ = RingFormat::kSplit;
  // Since the last reset; the status as it was written last.
  uint8_t status_ = 0;
  std::vector<RingNote> notes_;
  bool must_close_ = false;  // A reset has failed.
  std::unique_ptr<VdpaControlQueue> control_;
  VdpaIotlb* control_iotlb_ = nullptr;  // Where it is mapped, while it is.
};

}  // namespace virtio_user

#endif  // VIRTIO_USER_OS_VHOST_VDPA_BACKEND_H_
