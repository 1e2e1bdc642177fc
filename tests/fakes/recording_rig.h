// SPDX-License-Identifier: BSD-3-Clause

#ifndef TESTS_FAKES_RECORDING_RIG_H_
#define TESTS_FAKES_RECORDING_RIG_H_

#include <memory>
#include <optional>
#include <string>

#include "backend_sim/fd_table.h"
#include "backend_sim/sim_memory.h"
#include "backend_sim/sim_quiescer.h"
#include "backend_sim/trace.h"
#include "tests/fakes/recording_backend.h"
#include "tests/fakes/test_driver.h"
#include "virtio_user/device/device.h"

namespace testing_support {

// Why, as Poll tells it; "" for no reason.
inline std::string ReasonOf(const virtio_user::DeviceEvents& events) {
  return events.reason ? std::string(events.reason->text()) : std::string();
}

// A device on a back-end that writes everything down, with memory whose
// addresses are synthetic and a table of descriptors that counts.
struct RecordingRig {
  explicit RecordingRig(backend_sim::SimMemoryOptions memory_options =
                            {.initial_regions = 2, .region_bytes = 1 << 20})
      : memory(fds, trace, memory_options), fds_before(fds.open_count()) {}

  virtio_user::Result<void> Create(
      const virtio_user::DeviceOptions& options = {}) {
    auto owned = std::move(next_backend);
    auto made =
        virtio_user::Device::Create(options, {.backend = std::move(owned),
                                              .memory = memory,
                                              .fds = fds,
                                              .quiescer = quiescer});
    if (!made) return virtio_user::Fail(made);
    device = *std::move(made);
    driver.emplace(*device, memory);
    return {};
  }
  // Created with so many pairs, negotiated, rings given; nothing sent yet that
  // a test wants to see.
  virtio_user::Result<void> Prepare(uint16_t pairs) {
    if (auto done = Create({.queue_pairs = pairs,
                            .queue_size = 8,
                            .mac = virtio_user::MacAddress{{2, 0, 0, 0, 0, 1}},
                            .control_queue = true});
        !done) {
      return done;
    }
    if (auto done = driver->SetUp(pairs); !done) return done;
    (void)backend->Take();
    return {};
  }
  // Prepared and started.
  virtio_user::Result<void> Run(uint16_t pairs) {
    if (auto done = Prepare(pairs); !done) return done;
    if (auto done = device->Start(); !done) return done;
    (void)backend->Take();
    return {};
  }
  // Descriptors that the device has.
  size_t device_fds() const { return fds.open_count() - fds_before; }

  backend_sim::Trace trace;
  backend_sim::FdTable fds;
  backend_sim::SimMemory memory;
  backend_sim::SimQuiescer quiescer;
  size_t fds_before;
  // Owned by the device from Create on.
  std::unique_ptr<RecordingBackend> next_backend =
      std::make_unique<RecordingBackend>();
  RecordingBackend* backend = next_backend.get();
  // The memory of the rings goes after the device.
  std::optional<TestDriver> driver;
  std::unique_ptr<virtio_user::Device> device;
};

}  // namespace testing_support

#endif  // TESTS_FAKES_RECORDING_RIG_H_
