// SPDX-License-Identifier: BSD-3-Clause

#include "fuzz/kernel_machine.h"

#include <utility>

#include "backend_sim/mapping_pool.h"
#include "virtio_user/os/vhost_kernel_backend.h"
#include "virtio_user/os/vhost_vdpa_backend.h"

namespace fuzz {

using backend_sim::VdpaPersonality;

namespace {

constexpr const char* kVdpaPath = "/dev/vhost-vdpa-0";
constexpr size_t kMemoryBytes = 32768;

// Bits of the choice. Without any: a plain vDPA device.
constexpr uint16_t kVhostNet = 1 << 0;
constexpr uint16_t kTwoPairs = 1 << 1;
constexpr uint16_t kFull = 1 << 2;
constexpr uint16_t kOldKernel = 1 << 3;
constexpr uint16_t kKeepsStatus = 1 << 4;
constexpr uint16_t kDoorbells = 1 << 5;
constexpr uint16_t kBatches = 1 << 6;
constexpr unsigned kControlShift = 8;
constexpr uint16_t kControlModes = 6;
// Of what is left when the way of control queues is taken out.
constexpr uint16_t kPackedRings = 1 << 0;
constexpr uint16_t kGoesOn = 1 << 1;
constexpr uint16_t kManyPairs = 1 << 2;
constexpr uint16_t kNoCommands = 1 << 3;
constexpr uint16_t kLegacy = 1 << 4;

VdpaPersonality DeviceFor(uint16_t choice) {
  const auto has = [choice](uint16_t bit) { return (choice & bit) != 0; };
  VdpaPersonality device = has(kFull)      ? VdpaPersonality::Full()
                           : has(kBatches) ? VdpaPersonality::Vduse()
                                           : VdpaPersonality::Bare();
  device.knows_new_requests = !has(kOldKernel);
  device.reset_ends = !has(kKeepsStatus);
  device.doorbells = has(kDoorbells);
  device.control = static_cast<backend_sim::VdpaControlMode>(
      (choice >> kControlShift) % kControlModes);
  return device;
}

backend_sim::SimMemoryOptions Memory() {
  static const auto kMappings = std::make_shared<backend_sim::MappingPool>();
  return {.initial_regions = 1,
          .region_bytes = kMemoryBytes,
          .mappings = kMappings};
}

}  // namespace

KernelMachine::KernelMachine(uint16_t choice)
    : choice_(choice),
      trace_({.keep_last = 0}),
      kernel_fds_({.name = "kernel"}),
      fds_({.name = "process"}),
      memory_(fds_, trace_, Memory()),
      vdpa_(DeviceFor(choice), {.process = fds_, .kernel = kernel_fds_},
            trace_),
      server_(fds_, clock_),
      fds_before_(fds_.open_count()),
      maps_before_(fds_.mapped_count()) {
  server_.AddDevice(kVdpaPath, [this] { return vdpa_.Open(); });
  server_.AddDevice("/dev/net/tun", [this] { return taps_.Open(); });
  server_.AddDevice("/dev/vhost-net", [this] {
    return backend_sim::OpenedFile{
        .file = std::make_shared<backend_sim::VhostNetFile>(
            backend_sim::VhostNetOptions(),
            backend_sim::VhostNetParts{.process_fds = fds_,
                                       .kernel_fds = kernel_fds_,
                                       .taps = taps_,
                                       .trace = trace_})};
  });
  server_.SetTextSource(
      [this](const std::string& path) { return taps_.ReadText(path); });
}

uint32_t KernelMachine::vhost_pairs() const {
  if ((choice_ & kVhostNet) == 0) return 0;
  return (choice_ & kTwoPairs) != 0 ? 2 : 1;
}

KernelUse KernelMachine::use() const {
  const auto ways =
      static_cast<uint16_t>((choice_ >> kControlShift) / kControlModes);
  const auto has = [ways](uint16_t bit) { return (ways & bit) != 0; };
  return {.packed = has(kPackedRings),
          .goes_on = has(kGoesOn),
          .many = has(kManyPairs),
          .no_commands = has(kNoCommands),
          .legacy = has(kLegacy)};
}

std::unique_ptr<virtio_user::VhostBackend> KernelMachine::MakeBackend(
    virtio_user::KernelCalls& kernel) {
  if ((choice_ & kVhostNet) == 0) {
    return std::make_unique<virtio_user::VhostVdpaBackend>(kernel, kVdpaPath);
  }
  virtio_user::VhostKernelOptions options;
  options.queue_pairs = vhost_pairs();
  return std::make_unique<virtio_user::VhostKernelBackend>(
      std::make_unique<backend_sim::SeamCalls>(kernel, watch_),
      std::move(options));
}

std::string KernelMachine::Left() {
  std::string left;
  if (fds_.open_count() != fds_before_ || fds_.mapped_count() != maps_before_) {
    left += fds_.Balance();
  }
  for (const std::string& violation : fds_.violations()) {
    left += violation + "\n";
  }
  if (vdpa_.is_open()) left += "the device is open\n";
  if (!vdpa_.maps().empty()) left += "the device has memory mapped\n";
  if (kernel_fds_.open_count() != 0) left += kernel_fds_.Balance();
  return left;
}

}  // namespace fuzz
