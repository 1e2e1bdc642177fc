// SPDX-License-Identifier: BSD-3-Clause
//
// kernel_session DEVICE [PAIRS]: plays kernel_session.h's session on this
// machine's kernel and prints the calls. DEVICE is /dev/vhost-net or a
// vhost-vdpa device. Exit code 0 if every step went well.

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

#include "backend_sim/kernel_transcript.h"
#include "tests/interop/kernel_session.h"
#include "tests/support/vdpa_transcript.h"
#include "virtio_user/base/posix_fd_ops.h"
#include "virtio_user/os/membarrier_quiescer.h"
#include "virtio_user/os/memfd_memory.h"
#include "virtio_user/os/posix_kernel_calls.h"
#include "virtio_user/os/vhost_kernel_backend.h"
#include "virtio_user/os/vhost_vdpa_backend.h"

namespace {

using namespace virtio_user;  // All of it is about its classes.

int Fail(std::string_view why) {
  std::printf("-- failed: %s\n", std::string(why).c_str());
  return 1;
}

int Run(const std::string& path, uint16_t pairs) {
  PosixFdOps fds;
  auto memory = MemfdMemory::Create(fds, {.arena_bytes = size_t{1} << 20});
  if (!memory) return Fail(memory.error().text());
  auto quiescer = MembarrierQuiescer::Create();
  if (!quiescer) return Fail(quiescer.error().text());

  std::string calls;
  PosixKernelCalls kernel(fds);
  testing_support::VdpaTranscript vdpa(kernel);
  const bool is_vdpa = path.find("vdpa") != path.npos;
  const auto take = [&] {
    for (const std::string& line : vdpa.Take()) calls += line + "\n";
    return std::exchange(calls, {});
  };
  std::unique_ptr<VhostBackend> backend;
  if (is_vdpa) {
    backend = std::make_unique<VhostVdpaBackend>(vdpa, path);
  } else {
    backend = std::make_unique<VhostKernelBackend>(
        std::make_unique<backend_sim::KernelTranscript>(
            kernel, [&](const std::string& line) { calls += line + "\n"; }),
        VhostKernelOptions{.path = path, .queue_pairs = pairs});
  }
  auto device = Device::Create(
      {.queue_pairs = pairs, .queue_size = 8, .control_queue = true},
      {.backend = std::move(backend),
       .memory = **memory,
       .fds = fds,
       .quiescer = **quiescer});
  if (!device) return Fail(take() + std::string(device.error().text()));
  testing_support::TestDriver driver(**device, **memory);
  std::span<std::byte> region;
  const std::string text = interop::Play(
      {.device = **device,
       .driver = driver,
       .pairs = pairs,
       .add_memory = [&]() -> Result<void> {
         auto added = (*memory)->AddRegion(1 << 16);
         if (!added) return virtio_user::Fail(added);
         region = *added;
         return {};
       },
       .remove_memory = [&] { return (*memory)->RemoveRegion(region); },
       .take_calls = take});
  device->reset();
  std::printf("%s", text.c_str());
  return text.find("-- failed") == text.npos ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return Fail("usage: kernel_session DEVICE [PAIRS]");
  return Run(argv[1], static_cast<uint16_t>(argc > 2 ? std::atoi(argv[2]) : 1));
}
