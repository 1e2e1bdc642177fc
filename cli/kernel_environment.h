// SPDX-License-Identifier: BSD-3-Clause

#ifndef CLI_KERNEL_ENVIRONMENT_H_
#define CLI_KERNEL_ENVIRONMENT_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "backend_sim/kernel_transcript.h"
#include "cli/process_environment.h"
#include "cli/tap_echo.h"
#include "virtio_user/os/posix_kernel_calls.h"
#include "virtio_user/os/vhost_kernel_backend.h"

namespace virtio_user::cli {

// The kernel's vhost-net, and this program itself as the network behind its
// tap; or a vDPA device. Memory in memfds.
class KernelEnvironment final : public ProcessEnvironment {
 public:
  static std::expected<std::unique_ptr<Environment>, Failure> Create(
      const EnvironmentOptions& options);

  std::expected<std::unique_ptr<VhostBackend>, Failure> OpenBackend() override;
  void Turn(bool idle) override;
  // The network begins with the first packets: there is a tap by then.
  Result<void> Settle() override;
  std::optional<std::string> Complaint() override;
  // The kernel chooses the queue of a frame of a tap, and sends some of its
  // own.
  Routing routing() const override {
    return backend_ == nullptr ? Routing::kOwnPair : Routing::kAnyPair;
  }

 private:
  explicit KernelEnvironment(const EnvironmentOptions& options)
      : ProcessEnvironment(options.on_line), options_(options) {}

  void Count(const std::string& line);

  const EnvironmentOptions options_;
  PosixKernelCalls calls_{fds()};
  // The device's, and alive where packets are; null: a vDPA device.
  const VhostKernelBackend* backend_ = nullptr;
  bool tap_is_ours_ = true;  // Its interface was not there before.
  std::unique_ptr<TapEcho> echo_;
};

}  // namespace virtio_user::cli

#endif  // CLI_KERNEL_ENVIRONMENT_H_
