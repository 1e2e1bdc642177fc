// SPDX-License-Identifier: BSD-3-Clause

#ifndef FUZZ_KERNEL_SESSION_H_
#define FUZZ_KERNEL_SESSION_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <utility>

#include "fuzz/kernel_answers.h"
#include "virtio_user/base/error.h"
#include "virtio_user/base/file_descriptor.h"
#include "virtio_user/spec/feature.h"
#include "virtio_user/vhost/memory_provider.h"
#include "virtio_user/vhost/vhost_backend.h"

namespace fuzz {

// Everything that a front-end of one pair does with a kernel's back-end, from
// opening it to the last ring's place; ends with the first failure.
class KernelSession {
 public:
  using Heard = std::function<void(const virtio_user::Result<void>&)>;
  using Granted = std::function<void(virtio_user::Duration)>;
  // All of these outlive it.
  struct Parts {
    virtio_user::VhostBackend& backend;
    virtio_user::MemoryProvider& memory;
    virtio_user::FdOps& fds;
    // What the kernel answered since `heard`.
    const KernelAnswers& answers;
    // Called with what the calls from now on are granted together.
    Granted granted;
    // Called after each call of the back-end, with what came of it.
    Heard heard;
  };
  explicit KernelSession(Parts parts) : parts_(std::move(parts)) {}
  ~KernelSession();
  KernelSession(const KernelSession&) = delete;
  KernelSession& operator=(const KernelSession&) = delete;

  virtio_user::Result<void> Run();

 private:
  static constexpr uint16_t kRings = 2;

  using Outcome = virtio_user::Result<void>;
  using Step = Outcome (KernelSession::*)();

  // What the calls that come are granted together.
  void Grant(virtio_user::Duration budget);
  Outcome Did(Outcome done);
  void JudgeBases(std::span<const virtio_user::VringBaseQuery> queries) const;
  // Calls that never wait.
  void LookAround();
  void TryControl();
  // Each as one batch, with one budget.
  Outcome InBatch(const std::function<Outcome()>& calls);

  Outcome Open();
  Outcome Negotiate();
  Outcome LookAtConfig();
  Outcome SetUp();
  Outcome SetUpRing(uint16_t ring);
  Outcome Start();
  Outcome Work();
  Outcome Stop();
  Outcome Enable(virtio_user::VringEnable enable);
  virtio_user::Result<virtio_user::DeviceAddr> AddrOf(const std::byte* at);

  const Parts parts_;
  virtio_user::FeatureSet offered_;
  std::span<std::byte> rings_;
  std::array<const std::byte*, kRings> used_;
  std::array<virtio_user::FileDescriptor, kRings> kicks_;
  std::array<virtio_user::FileDescriptor, kRings> calls_;
};

}  // namespace fuzz

#endif  // FUZZ_KERNEL_SESSION_H_
