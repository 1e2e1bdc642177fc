// SPDX-License-Identifier: BSD-3-Clause

#ifndef CLI_SOCKET_ENVIRONMENT_H_
#define CLI_SOCKET_ENVIRONMENT_H_

#include <atomic>
#include <memory>
#include <optional>
#include <string>

#include "cli/environment.h"
#include "cli/interruptible_channel.h"
#include "virtio_user/base/posix_fd_ops.h"
#include "virtio_user/os/membarrier_quiescer.h"
#include "virtio_user/os/memfd_memory.h"
#include "virtio_user/os/unix_socket_channel.h"

namespace virtio_user::cli {

// A vhost-user back-end behind a Unix socket, memory in memfds.
class SocketEnvironment final : public Environment {
 public:
  static std::expected<std::unique_ptr<Environment>, Failure> Create(
      const EnvironmentOptions& options);

  std::expected<std::unique_ptr<VhostBackend>, Failure> OpenBackend() override;
  MemoryProvider& memory() override { return *memory_; }
  FdOps& fds() override { return fds_; }
  Quiescer& quiescer() override { return *quiescer_; }
  Result<std::span<std::byte>> AddRegion(size_t bytes) override {
    return memory_->AddRegion(bytes);
  }
  Result<void> RemoveRegion(std::span<std::byte> region) override {
    return memory_->RemoveRegion(region);
  }
  void Turn(bool idle) override;
  Result<void> Settle() override;
  Duration Now() override;

 private:
  explicit SocketEnvironment(const EnvironmentOptions& options)
      : Environment(options.on_line),
        path_(options.backend),
        server_(options.server),
        interrupted_(options.interrupted) {}

  Result<void> Prepare(size_t memory_bytes);
  Result<std::unique_ptr<UnixSocketChannel>> OpenChannel();

  const std::string path_;
  const bool server_;
  const std::atomic<bool>* const interrupted_;
  PosixFdOps fds_;
  std::unique_ptr<MemfdMemory> memory_;
  std::unique_ptr<MembarrierQuiescer> quiescer_;
  std::unique_ptr<UnixSocketChannel> channel_;
  std::optional<InterruptibleChannel> interruptible_;  // Over channel_.
  uint32_t idle_turns_ = 0;                            // In a row.
};

}  // namespace virtio_user::cli

#endif  // CLI_SOCKET_ENVIRONMENT_H_
