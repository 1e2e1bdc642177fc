// SPDX-License-Identifier: BSD-3-Clause

#ifndef CLI_SOCKET_ENVIRONMENT_H_
#define CLI_SOCKET_ENVIRONMENT_H_

#include <atomic>
#include <memory>
#include <optional>
#include <string>

#include "cli/interruptible_channel.h"
#include "cli/process_environment.h"
#include "virtio_user/os/unix_socket_channel.h"

namespace virtio_user::cli {

// A vhost-user back-end behind a Unix socket, memory in memfds.
class SocketEnvironment final : public ProcessEnvironment {
 public:
  static std::expected<std::unique_ptr<Environment>, Failure> Create(
      const EnvironmentOptions& options);

  std::expected<std::unique_ptr<VhostBackend>, Failure> OpenBackend() override;
  void Turn(bool idle) override;
  Result<void> Settle() override;

 private:
  explicit SocketEnvironment(const EnvironmentOptions& options)
      : ProcessEnvironment(options.on_line),
        path_(options.backend),
        server_(options.server),
        interrupted_(options.interrupted) {}

  Result<std::unique_ptr<UnixSocketChannel>> OpenChannel();

  const std::string path_;
  const bool server_;
  const std::atomic<bool>* const interrupted_;
  std::unique_ptr<UnixSocketChannel> channel_;
  std::optional<InterruptibleChannel> interruptible_;  // Over channel_.
  uint32_t idle_turns_ = 0;                            // In a row.
};

}  // namespace virtio_user::cli

#endif  // CLI_SOCKET_ENVIRONMENT_H_
