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
#include "fuzz/kernel_machine.h"
#include "fuzz/kernel_orders.h"
#include "virtio_user/base/error.h"
#include "virtio_user/base/file_descriptor.h"
#include "virtio_user/spec/feature.h"
#include "virtio_user/vhost/memory_provider.h"
#include "virtio_user/vhost/vhost_backend.h"

namespace fuzz {

// Everything that a front-end does with a kernel's back-end, from opening it to
// the last ring's place; after that, or after a failure, once more from where
// a user could, as long as the input has it so.
class KernelSession {
 public:
  using Heard = std::function<void(const virtio_user::Result<void>&)>;
  using Granted = std::function<void(virtio_user::Duration)>;
  // All of these outlive it.
  struct Parts {
    virtio_user::VhostBackend& backend;
    virtio_user::MemoryProvider& memory;
    virtio_user::FdOps& fds;
    // What the kernel answered since the last call, and what it has to be told.
    KernelAnswers& answers;
    KernelOrders& orders;
    KernelUse use;
    uint32_t pairs = 0;  // Of vhost-net; 0: a vDPA device.
    // Called with what the calls from now on are granted together.
    Granted granted;
    // Called after each call of the back-end, with what came of it.
    Heard heard;
    // How to go on; 0: not at all.
    std::function<uint8_t()> choose;
  };
  explicit KernelSession(Parts parts) : parts_(std::move(parts)) {}
  ~KernelSession();
  KernelSession(const KernelSession&) = delete;
  KernelSession& operator=(const KernelSession&) = delete;

  void Run();

 private:
  static constexpr uint16_t kMostRings = 4;

  // Of a vDPA device's, before they were asked where they stand.
  enum class RingEnd : uint8_t { kNew, kMayHaveRun, kRan };
  using Outcome = virtio_user::Result<void>;
  using Step = Outcome (KernelSession::*)();

  // The steps from number `first` on, until one fails.
  void RunFrom(size_t first);
  // What the calls that come are granted together.
  void Grant(virtio_user::Duration budget);
  Outcome Did(Outcome done);
  void JudgeBases(std::span<const virtio_user::VringBaseQuery> queries,
                  RingEnd end) const;
  // Calls that never wait.
  void LookAround();
  void TryControl();
  // Each as one batch, with one budget.
  Outcome InBatch(const std::function<Outcome()>& calls);

  Outcome Open();
  Outcome Negotiate();
  Outcome LookAtConfig();
  Outcome SetUp();
  Outcome MakeRings();
  Outcome SetUpRing(uint16_t ring);
  Outcome Start();
  Outcome Work();
  Outcome Stop();
  void Leave();
  Outcome SetStatus(uint8_t status);
  Outcome ShareMemory();
  Outcome Enable(virtio_user::VringEnable enable);
  virtio_user::RingFormat format() const;
  void FillRings();
  void UseOne();
  virtio_user::Result<virtio_user::DeviceAddr> AddrOf(const std::byte* at);

  const Parts parts_;
  bool is_known_ = false;  // It was opened, and said what it offers.
  virtio_user::FeatureSet offered_;
  virtio_user::FeatureSet features_;
  uint16_t ring_count_ = 2;
  std::span<std::byte> rings_;
  std::array<std::byte*, kMostRings> used_{};
  std::array<virtio_user::VringBase, kMostRings> bases_;
  std::array<virtio_user::FileDescriptor, kMostRings> kicks_;
  std::array<virtio_user::FileDescriptor, kMostRings> calls_;
};

}  // namespace fuzz

#endif  // FUZZ_KERNEL_SESSION_H_
