// SPDX-License-Identifier: BSD-3-Clause

#ifndef CLI_PROCESS_ENVIRONMENT_H_
#define CLI_PROCESS_ENVIRONMENT_H_

#include <memory>
#include <span>

#include "cli/environment.h"
#include "virtio_user/base/posix_fd_ops.h"
#include "virtio_user/os/membarrier_quiescer.h"
#include "virtio_user/os/memfd_memory.h"

namespace virtio_user::cli {

// What every back-end outside of this process is given: this process's
// descriptors and threads, memory in memfds, the machine's clock.
class ProcessEnvironment : public Environment {
 public:
  MemoryProvider& memory() override { return *memory_; }
  FdOps& fds() override { return fds_; }
  Quiescer& quiescer() override { return *quiescer_; }
  Result<std::span<std::byte>> AddRegion(size_t bytes) override {
    return memory_->AddRegion(bytes);
  }
  Result<void> RemoveRegion(std::span<std::byte> region) override {
    return memory_->RemoveRegion(region);
  }
  Duration Now() override;

 protected:
  using Environment::Environment;

  // Before any other call.
  std::expected<void, Failure> Prepare(size_t memory_bytes);

 private:
  PosixFdOps fds_;
  std::unique_ptr<MemfdMemory> memory_;
  std::unique_ptr<MembarrierQuiescer> quiescer_;
};

}  // namespace virtio_user::cli

#endif  // CLI_PROCESS_ENVIRONMENT_H_
