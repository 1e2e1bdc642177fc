// SPDX-License-Identifier: BSD-3-Clause
//
// A simulated vDPA network device and the kernel's vhost-vdpa in front of it.

#ifndef BACKEND_SIM_VDPA_DEVICE_H_
#define BACKEND_SIM_VDPA_DEVICE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "backend_sim/fd_table.h"
#include "backend_sim/kernel_server.h"
#include "backend_sim/mapping_pool.h"
#include "backend_sim/packet_engine.h"
#include "backend_sim/ring_model.h"
#include "backend_sim/trace.h"
#include "backend_sim/vdpa_personality.h"
#include "backend_sim/vhost_model.h"
#include "virtio_user/base/file_descriptor.h"
#include "virtio_user/ring/descriptor_chain.h"

namespace backend_sim {

// One mapping of the device's IOMMU.
struct VdpaMap {
  uint32_t asid = 0;
  uint64_t iova = 0;
  uint64_t size = 0;
  uint64_t uaddr = 0;
};

// Outlives every file that is open on it. One thread.
class VdpaDevice {
 public:
  // `process` is the table of whoever opens the device, `kernel` that of the
  // world; both outlive it, as does `trace`. Doorbells are in memory of
  // `mappings`; null: each in its own.
  struct Tables {
    FdTable& process;
    FdTable& kernel;
    std::shared_ptr<MappingPool> mappings = {};
  };
  VdpaDevice(VdpaPersonality personality, Tables tables, Trace& trace,
             PacketEngineOptions packets = {});

  // open(2): EBUSY while a file of it is open.
  OpenedFile Open();

  VdpaPersonality& personality() { return personality_; }
  VhostModel& model() { return model_; }
  PacketEngine& packets() { return packets_; }
  bool is_open() const { return is_open_; }
  uint8_t status() const { return status_; }
  bool suspended() const { return suspended_; }
  uint64_t reset_count() const { return reset_count_; }
  std::span<const VdpaMap> maps() const { return maps_; }
  // Why the last message of the IOTLB failed, which nobody is told.
  int iotlb_error() const { return iotlb_error_; }
  // Served by the control queue since the last call of it: class, command and
  // data in decimal, and the ack.
  std::vector<std::string> TakeCommands() {
    return std::exchange(commands_, {});
  }
  uint16_t active_pairs() const { return active_pairs_; }
  // Kicks that came by a doorbell.
  uint64_t rung() const { return rung_; }
  // An ended or ending status of the device's own: NEEDS_RESET.
  void Fail();
  // The cable, and what the driver is to do; each interrupts.
  void SetLink(bool up);
  void AskToAnnounce();

 private:
  friend class VdpaFile;

  bool Has(unsigned feature) const { return HasBit(features_, feature); }
  bool SpeaksBackend(unsigned bit) const {
    return HasBit(backend_features_, bit);
  }
  void Attach();
  void Release();
  int SetStatus(uint8_t status);
  void Reset();
  void StartRings();
  int SetFeatures(uint64_t features);
  RingModel& RingAt(uint32_t index);
  void SwapControl();
  uint32_t control_index() const;
  void SetConfigStatus(uint16_t bit, bool on);

  // vdpa_device_memory.cc
  int Message(std::span<const std::byte> bytes);
  int Update(const VdpaMap& map);
  void Invalidate(const VdpaMap& range);
  void RebuildMemory();

  // vdpa_device_control.cc
  size_t ServeControl();
  void ServeCommand(const virtio_user::DescriptorChain& chain);
  uint8_t Execute(std::span<const std::byte> request);
  void ApplyPairs();

  // vdpa_device_doorbell.cc
  std::shared_ptr<SimFile> DoorbellAt(uint16_t index);
  void HearDoorbells();

  size_t Step();

  VdpaPersonality personality_;
  const Tables tables_;
  Trace& trace_;
  VhostModel model_;
  PacketEngine packets_;
  BackendMemory control_memory_;
  RingModel control_ring_;  // The last of all, where it runs from DRIVER_OK.
  // Without MQ the control queue is ring 2, which the engine must not see:
  // while rings run, that one and the last one are swapped.
  bool rings_swapped_ = false;

  bool is_open_ = false;
  bool has_owner_ = false;
  uint8_t status_ = 0;
  bool suspended_ = false;
  uint64_t features_ = 0;
  uint64_t backend_features_ = 0;
  uint64_t reset_count_ = 0;
  uint32_t control_asid_ = 0;
  std::vector<VdpaMap> maps_;
  std::vector<uint32_t> known_spaces_;
  std::optional<uint32_t> batch_;  // Its address space.
  int iotlb_error_ = 0;
  uint16_t active_pairs_ = 1;
  std::vector<std::string> commands_;
  virtio_user::FileDescriptor config_call_;
  // By queue, where one was mapped.
  std::vector<std::shared_ptr<SimFile>> doorbells_;
  uint64_t rung_ = 0;
};

}  // namespace backend_sim

#endif  // BACKEND_SIM_VDPA_DEVICE_H_
