// SPDX-License-Identifier: BSD-3-Clause

#ifndef BACKEND_SIM_SIMULATION_KERNEL_FAULT_H_
#define BACKEND_SIM_SIMULATION_KERNEL_FAULT_H_

#include <array>
#include <cerrno>
#include <cstdint>

#include "backend_sim/kernel_server.h"

namespace backend_sim {

// The one call of a kernel that is going to fail.
class KernelFault {
 public:
  // In place of one that was planted before and has not happened.
  void Plant(KernelServer& kernel, uint32_t delay, uint32_t choice) {
    Settle(kernel);
    constexpr uint32_t kSpread = 64;
    constexpr std::array kErrors{EINVAL, ENOMEM, EFAULT, EBUSY,  ENODEV,
                                 EPERM,  EIO,    ENOSPC, EAGAIN, EINTR};
    const uint64_t nth = 1 + delay % kSpread;
    at_ = kernel.call_count() + nth;
    kernel.FailCall(nth, kErrors[choice % kErrors.size()]);
  }
  void Clear(KernelServer& kernel) {
    Settle(kernel);
    at_ = 0;
    kernel.FailCall(uint64_t{1} << 60, EINVAL);
  }
  bool waiting(const KernelServer& kernel) const {
    return at_ > kernel.call_count();
  }
  uint64_t happened(const KernelServer& kernel) const {
    return happened_ + (at_ != 0 && !waiting(kernel) ? 1 : 0);
  }

 private:
  void Settle(const KernelServer& kernel) { happened_ = happened(kernel); }

  uint64_t at_ = 0;  // By the kernel's count; 0: none.
  uint64_t happened_ = 0;
};

}  // namespace backend_sim

#endif  // BACKEND_SIM_SIMULATION_KERNEL_FAULT_H_
