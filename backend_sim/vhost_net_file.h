// SPDX-License-Identifier: BSD-3-Clause
//
// The vhost-net driver of the simulated kernel (Linux: drivers/vhost/net.c and
// vhost.c).

#ifndef BACKEND_SIM_VHOST_NET_FILE_H_
#define BACKEND_SIM_VHOST_NET_FILE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "backend_sim/fd_table.h"
#include "backend_sim/kernel_file.h"
#include "backend_sim/packet_engine.h"
#include "backend_sim/ring_host.h"
#include "backend_sim/tap_file.h"
#include "backend_sim/trace.h"

namespace backend_sim {

// What the kernel offers by itself: NOTIFY_ON_EMPTY, INDIRECT_DESC, EVENT_IDX,
// LOG_ALL, ANY_LAYOUT (VHOST_NET_F_VIRTIO_NET_HDR), VERSION_1, MRG_RXBUF and
// ACCESS_PLATFORM.
inline constexpr uint64_t kVhostNetFeatures =
    Bit(24) | Bit(kBitIndirectDesc) | Bit(kBitEventIdx) | Bit(kBitLogAll) |
    Bit(27) | Bit(kBitVersion1) | Bit(kBitMrgRxbuf) | Bit(33);

struct VhostNetOptions {
  uint64_t features = kVhostNetFeatures;
  size_t max_regions = 64;  // vhost.max_mem_regions.
  PacketEngineOptions packets = {};
};

// What every open file of the driver stands on. All of it outlives them.
struct VhostNetParts {
  FdTable& process_fds;  // Of the process that makes the calls.
  FdTable& kernel_fds;   // What the driver itself holds on to.
  TapDriver& taps;
  Trace& trace;
};

// One pair of rings. What the driver sends comes back, as if somebody behind
// the tap echoed it.
class VhostNetFile final : public KernelFile, public RingHost {
 public:
  VhostNetFile(const VhostNetOptions& options, const VhostNetParts& parts);

  int Ioctl(unsigned long request, void* argument) override;
  size_t Step() override;

  // RingHost.
  const Personality& personality() const override { return personality_; }
  // With what its tap was told to leave undone.
  const SessionState& session() const override { return session_; }
  // By SET_FEATURES.
  uint64_t told_features() const;
  const BackendMemory& memory() const override { return memory_; }
  std::span<RingModel> rings() override { return rings_; }
  // It has a tap as its backend.
  bool Serving(const RingModel& ring) const override { return ring.started(); }
  void Report(Breach breach) override;

  const std::vector<Breach>& breaches() const { return breaches_; }
  const PacketEngine& packets() const { return packets_; }
  // The backend of ring 0 or 1; null: none.
  const TapFile* backend(size_t ring) const { return backends_[ring].get(); }

 private:
  int SetOwner();
  int SetFeatures(const void* argument);
  int SetMemTable(const void* argument);
  int VringIoctl(unsigned long request, void* argument);
  int SetNum(RingModel& ring, uint32_t num);
  int SetBase(RingModel& ring, uint32_t base);
  int SetAddr(RingModel& ring, const void* argument);
  int GetBase(RingModel& ring, void* argument) const;
  int SetEvent(RingModel& ring, unsigned long request, int fd);
  int SetBackend(const void* argument);
  int StartRing(size_t index, std::shared_ptr<TapFile> tap);
  bool Attached(const RingModel& ring) const {
    return backends_[ring.index()] != nullptr;
  }
  void ReadOffloads();

  const VhostNetOptions options_;
  const VhostNetParts parts_;
  Personality personality_;
  SessionState session_;
  BackendMemory memory_;
  bool has_memory_ = false;
  std::vector<RingModel> rings_;
  std::vector<std::shared_ptr<TapFile>> backends_;  // By ring.
  PacketEngine packets_;
  std::vector<Breach> breaches_;
};

}  // namespace backend_sim

#endif  // BACKEND_SIM_VHOST_NET_FILE_H_
