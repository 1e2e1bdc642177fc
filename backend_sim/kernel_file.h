// SPDX-License-Identifier: BSD-3-Clause

#ifndef BACKEND_SIM_KERNEL_FILE_H_
#define BACKEND_SIM_KERNEL_FILE_H_

#include <cerrno>
#include <cstddef>
#include <span>

#include "backend_sim/sim_file.h"
#include "virtio_user/os/kernel_calls.h"

namespace backend_sim {

// An open file of a simulated driver. Answers as drivers do: 0 or more, or
// -errno. The last descriptor that is closed destroys it, which is release().
class KernelFile : public SimFile {
 public:
  KernelFile() : SimFile(Kind::kDevice) {}

  // `argument` points at what this request takes, in the caller's memory.
  virtual int Ioctl(unsigned long request, void* argument) = 0;
  // The argument is a number.
  virtual int IoctlNumber(unsigned long /*request*/, unsigned long /*number*/) {
    return -ENOTTY;
  }
  virtual int Read(std::span<std::byte> /*into*/) { return -EINVAL; }
  virtual int Write(std::span<const std::byte> /*from*/) { return -EINVAL; }
  virtual bool IsReady(virtio_user::KernelEvent event) {
    return event != virtio_user::KernelEvent::kFailure;
  }
  // Serves what it can, as the driver's own threads do; how much.
  virtual size_t Step() { return 0; }
};

}  // namespace backend_sim

#endif  // BACKEND_SIM_KERNEL_FILE_H_
