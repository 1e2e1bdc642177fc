// SPDX-License-Identifier: BSD-3-Clause

#ifndef BACKEND_SIM_VDPA_FILE_H_
#define BACKEND_SIM_VDPA_FILE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "backend_sim/kernel_file.h"
#include "backend_sim/vdpa_device.h"

namespace backend_sim {

// /dev/vhost-vdpa-N while it is open: the requests of drivers/vhost/vdpa.c,
// with its errors. Its end is release(): the device is reset and forgets
// everything.
class VdpaFile final : public KernelFile {
 public:
  explicit VdpaFile(VdpaDevice& device) : device_(device) {}
  ~VdpaFile() override { device_.Release(); }

  int Ioctl(unsigned long request, void* argument) override;
  int Write(std::span<const std::byte> from) override {
    return device_.Message(from);
  }
  std::shared_ptr<SimFile> DoorbellAt(uint16_t index) override {
    return device_.DoorbellAt(index);
  }
  size_t Step() override { return device_.Step(); }

 private:
  int OfDevice(unsigned long request, void* argument);
  int OfNewer(unsigned long request, void* argument);
  int OfOwner(unsigned long request, void* argument);
  int OfRing(unsigned long request, void* argument);
  int GetConfig(void* argument) const;
  int SetConfig(const void* argument);
  int SetBackendFeatures(uint64_t features);
  int SetGroupAsid(const void* argument);
  int SetRingFd(unsigned long request, RingModel& ring, int fd);
  int SetAddr(const void* argument, RingModel& ring);
  int SetBase(RingModel& ring, uint32_t base);
  void GetBase(RingModel& ring, void* argument) const;
  int Enable(RingModel& ring, bool enable);
  // The kernel's own descriptor of the process's `fd`; -errno where there is
  // no such event.
  int Take(int fd, virtio_user::FileDescriptor& taken);

  VdpaDevice& device_;
};

}  // namespace backend_sim

#endif  // BACKEND_SIM_VDPA_FILE_H_
