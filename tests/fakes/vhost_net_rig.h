// SPDX-License-Identifier: BSD-3-Clause

#ifndef TESTS_FAKES_VHOST_NET_RIG_H_
#define TESTS_FAKES_VHOST_NET_RIG_H_

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "backend_sim/kernel_transcript.h"
#include "backend_sim/vhost_net_world.h"
#include "tests/fakes/test_driver.h"
#include "virtio_user/device/device.h"
#include "virtio_user/os/vhost_kernel_backend.h"

namespace testing_support {

// A device on the simulated kernel's vhost-net.
struct VhostNetRig {
  explicit VhostNetRig(backend_sim::VhostNetWorldOptions options = {})
      : world(SmallMemory(options)), fds_before(world.fds().open_count()) {}

  static virtio_user::DeviceOptions Options(uint16_t pairs) {
    return {.queue_pairs = pairs, .queue_size = 8, .control_queue = true};
  }

  std::unique_ptr<virtio_user::VhostKernelBackend> MakeBackend(
      virtio_user::VhostKernelOptions options) {
    auto calls = std::make_unique<backend_sim::KernelTranscript>(
        world.calls(),
        [this](const std::string& line) { transcript += line + "\n"; });
    return std::make_unique<virtio_user::VhostKernelBackend>(
        std::move(calls), std::move(options));
  }
  virtio_user::Result<void> Create(uint16_t pairs) {
    return Create(Options(pairs), {.queue_pairs = pairs});
  }
  virtio_user::Result<void> Create(
      const virtio_user::DeviceOptions& options,
      const virtio_user::VhostKernelOptions& vhost) {
    auto made =
        virtio_user::Device::Create(options, {.backend = MakeBackend(vhost),
                                              .memory = world.memory(),
                                              .fds = world.fds(),
                                              .quiescer = world.quiescer()});
    if (!made) return virtio_user::Fail(made);
    device = *std::move(made);
    driver.emplace(*device, world.memory());
    return {};
  }
  virtio_user::Result<void> Prepare(uint16_t pairs) {
    if (auto done = Create(pairs); !done) return done;
    return driver->SetUp(pairs);
  }
  virtio_user::Result<void> Run(uint16_t pairs) {
    if (auto done = Prepare(pairs); !done) return done;
    return device->Start();
  }
  void Destroy() {
    device.reset();
    driver.reset();
  }
  // The calls since the last time.
  std::string TakeTranscript() { return std::exchange(transcript, {}); }
  // Descriptors beside those of the memory that was there from the start.
  size_t device_fds() { return world.fds().open_count() - fds_before; }
  // Rings that packets go through, of all pairs.
  size_t RunningRings() {
    size_t running = 0;
    for (const auto& vhost : world.vhosts()) {
      for (const auto& ring : vhost->rings()) running += ring.started();
    }
    return running;
  }
  // What was done wrongly, a line each.
  std::string Complaints() {
    std::string all;
    for (const auto& vhost : world.vhosts()) {
      for (const auto& breach : vhost->breaches()) all += breach.detail + "\n";
    }
    for (const auto& violation : world.fds().violations()) {
      all += violation + "\n";
    }
    return all;
  }

  std::string transcript;
  backend_sim::VhostNetWorld world;
  size_t fds_before;
  // The memory of the rings goes after the device.
  std::optional<TestDriver> driver;
  std::unique_ptr<virtio_user::Device> device;

 private:
  static backend_sim::VhostNetWorldOptions SmallMemory(
      backend_sim::VhostNetWorldOptions options) {
    options.memory.region_bytes = size_t{1} << 18;
    return options;
  }
};

}  // namespace testing_support

#endif  // TESTS_FAKES_VHOST_NET_RIG_H_
