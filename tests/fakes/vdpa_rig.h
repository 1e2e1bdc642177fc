// SPDX-License-Identifier: BSD-3-Clause

#ifndef TESTS_FAKES_VDPA_RIG_H_
#define TESTS_FAKES_VDPA_RIG_H_

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "backend_sim/fd_table.h"
#include "backend_sim/kernel_server.h"
#include "backend_sim/sim_clock.h"
#include "backend_sim/sim_memory.h"
#include "backend_sim/sim_quiescer.h"
#include "backend_sim/trace.h"
#include "backend_sim/vdpa_device.h"
#include "tests/fakes/test_driver.h"
#include "tests/support/vdpa_transcript.h"
#include "virtio_user/base/check.h"
#include "virtio_user/device/device.h"
#include "virtio_user/os/vhost_vdpa_backend.h"

namespace testing_support {

inline constexpr char kVdpaPath[] = "/dev/vhost-vdpa-0";

// A simulated vDPA device at kVdpaPath, and a Device of ours on it.
struct VdpaRig {
  explicit VdpaRig(backend_sim::VdpaPersonality personality =
                       backend_sim::VdpaPersonality::Bare(),
                   backend_sim::SimMemoryOptions memory_options =
                       {.initial_regions = 2, .region_bytes = 1 << 18})
      : memory(fds, trace, memory_options),
        vdpa(std::move(personality), {.process = fds, .kernel = kernel_fds},
             trace),
        server(fds, clock),
        calls(server),
        fds_before(fds.open_count()) {
    server.AddDevice(kVdpaPath, [this] { return vdpa.Open(); });
  }

  std::unique_ptr<virtio_user::VhostVdpaBackend> MakeBackend() {
    auto made =
        std::make_unique<virtio_user::VhostVdpaBackend>(calls, kVdpaPath);
    backend = made.get();
    return made;
  }
  virtio_user::Result<void> Create(virtio_user::DeviceOptions options) {
    options.queue_size = 8;
    auto made = virtio_user::Device::Create(options, {.backend = MakeBackend(),
                                                      .memory = memory,
                                                      .fds = fds,
                                                      .quiescer = quiescer});
    if (!made) return virtio_user::Fail(made);
    device = *std::move(made);
    driver.emplace(*device, memory);
    return {};
  }
  // Created, negotiated but for packed rings, and given rings.
  virtio_user::Result<void> Prepare(
      const virtio_user::DeviceOptions& options = {},
      virtio_user::FeatureSet without = {}) {
    if (auto done = Create(options); !done) return done;
    const auto pairs = static_cast<uint16_t>(options.queue_pairs);
    return driver->SetUp(pairs, without);
  }
  virtio_user::Result<void> Run(const virtio_user::DeviceOptions& options = {},
                                virtio_user::FeatureSet without = {}) {
    if (auto done = Prepare(options, without); !done) return done;
    return device->Start();
  }
  void Destroy() {
    device.reset();
    driver.reset();
  }

  // Descriptors beside those of the memory that was there from the start.
  size_t device_fds() const { return fds.open_count() - fds_before; }
  // What the other side has to complain about, a line each.
  std::string Complaints() {
    std::string all;
    for (const auto& violation : vdpa.model().violations()) {
      all += violation.Text() + "\n";
    }
    for (const auto& violation : fds.violations()) all += violation + "\n";
    return all;
  }

  backend_sim::Trace trace;
  backend_sim::FdTable fds;
  backend_sim::FdTable kernel_fds{{.name = "kernel"}};
  backend_sim::SimClock clock;
  backend_sim::SimMemory memory;
  backend_sim::SimQuiescer quiescer;
  backend_sim::VdpaDevice vdpa;
  backend_sim::KernelServer server;
  VdpaTranscript calls;
  size_t fds_before;
  virtio_user::VhostVdpaBackend* backend = nullptr;
  // The memory of the rings goes after the device.
  std::optional<TestDriver> driver;
  std::unique_ptr<virtio_user::Device> device;
};

// The back-end by itself, on a device that was asked for its features.
struct AttachedVdpa : VdpaRig {
  explicit AttachedVdpa(backend_sim::VdpaPersonality personality =
                            backend_sim::VdpaPersonality::Bare())
      : VdpaRig(std::move(personality)), owned(MakeBackend()) {
    owned->BeginCall(virtio_user::kDefaultCallBudget);
    VU_CHECK(owned->link().Attach().has_value());
    VU_CHECK(owned->SetOwner().has_value());
    VU_CHECK(owned->GetFeatures().has_value());
    (void)calls.Take();
  }
  std::unique_ptr<virtio_user::VhostVdpaBackend> owned;
};

// As VDUSE makes them, with messages in batches and SUSPEND.
inline backend_sim::VdpaPersonality Suspendable() {
  backend_sim::VdpaPersonality personality =
      backend_sim::VdpaPersonality::Bare();
  personality.backend_features |= 1 << 2 | 1 << 4;
  return personality;
}

}  // namespace testing_support

#endif  // TESTS_FAKES_VDPA_RIG_H_
