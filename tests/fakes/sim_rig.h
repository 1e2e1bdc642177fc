// SPDX-License-Identifier: BSD-3-Clause

#ifndef TESTS_FAKES_SIM_RIG_H_
#define TESTS_FAKES_SIM_RIG_H_

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "backend_sim/sim_world.h"
#include "tests/fakes/test_driver.h"
#include "virtio_user/device/device.h"
#include "virtio_user/vhost_user/vhost_user_backend.h"

namespace testing_support {

// A device on the simulated vhost-user server.
struct SimRig {
  explicit SimRig(backend_sim::SimWorldOptions world_options = {})
      : world(SmallMemory(std::move(world_options))),
        fds_before(world.fds().open_count()) {}
  explicit SimRig(backend_sim::Personality personality)
      : SimRig(WithPersonality(std::move(personality))) {}

  static backend_sim::SimWorldOptions WithPersonality(
      backend_sim::Personality personality) {
    backend_sim::SimWorldOptions options;
    options.personality = std::move(personality);
    return options;
  }
  static virtio_user::DeviceOptions Options(uint16_t pairs) {
    return {.queue_pairs = pairs, .queue_size = 8, .control_queue = true};
  }

  std::unique_ptr<virtio_user::VhostBackend> MakeBackend() {
    return std::make_unique<virtio_user::VhostUserBackend>(world.MakeChannel());
  }
  virtio_user::Result<void> Create(const virtio_user::DeviceOptions& options) {
    auto made =
        virtio_user::Device::Create(options, {.backend = MakeBackend(),
                                              .memory = world.memory(),
                                              .fds = world.fds(),
                                              .quiescer = world.quiescer()});
    if (!made) return virtio_user::Fail(made);
    device = *std::move(made);
    driver.emplace(*device, world.memory());
    return {};
  }
  virtio_user::Result<void> Prepare(uint16_t pairs) {
    if (auto done = Create(Options(pairs)); !done) return done;
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
  // Descriptors beside those of the memory that was there from the start.
  size_t device_fds() { return world.fds().open_count() - fds_before; }

  const backend_sim::RingModel& ring(size_t index) {
    return world.model().rings()[index];
  }
  // What the back-end has to complain about, a line each.
  std::string Complaints() {
    std::string all;
    for (const auto& violation : world.violations()) {
      all += violation.Text() + "\n";
    }
    for (const auto& violation : world.fds().violations()) {
      all += violation + "\n";
    }
    return all;
  }

  backend_sim::SimWorld world;
  size_t fds_before;
  // The memory of the rings goes after the device.
  std::optional<TestDriver> driver;
  std::unique_ptr<virtio_user::Device> device;

 private:
  static backend_sim::SimWorldOptions SmallMemory(
      backend_sim::SimWorldOptions options) {
    options.memory.region_bytes = size_t{1} << 18;
    return options;
  }
};

}  // namespace testing_support

#endif  // TESTS_FAKES_SIM_RIG_H_
