// SPDX-License-Identifier: BSD-3-Clause
//
// Whatever the kernel answers to vhost-net's and a vDPA device's users, with
// whatever numbers, texts, errors and parts of writes: each call ends within
// its budget, succeeds only if all that it needs did and the kernel was told
// all that it has to know, in its order, and says what the kernel said; a
// failure says why, the user goes on, and no descriptor or mapping is left.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "backend_sim/kernel_server.h"
#include "fuzz/finding.h"
#include "fuzz/kernel_machine.h"
#include "fuzz/kernel_orders.h"
#include "fuzz/kernel_session.h"
#include "fuzz/reader.h"
#include "fuzz/spoiled_kernel.h"

namespace {

using fuzz::Expect;

void Use(fuzz::KernelMachine& machine, fuzz::SpoiledKernel& kernel,
         virtio_user::VhostBackend& backend) {
  virtio_user::Duration deadline{0};
  fuzz::KernelAnswers& answers = kernel.answers();
  fuzz::KernelOrders orders(answers, kernel.told(), machine.vhost_pairs());
  const auto granted = [&](virtio_user::Duration budget) {
    deadline = machine.now() + budget;
  };
  const auto heard = [&](const virtio_user::Result<void>& done) {
    Expect(done || !done.error().text().empty(), "error", "no reason");
    Expect(machine.now() <= deadline, "deadline",
           "a call takes longer than it was granted");
    answers.Judge(done);
  };
  fuzz::KernelSession session({.backend = backend,
                               .memory = machine.memory(),
                               .fds = machine.fds(),
                               .answers = answers,
                               .orders = orders,
                               .use = machine.use(),
                               .pairs = machine.vhost_pairs(),
                               .granted = granted,
                               .heard = heard,
                               .choose = [&] { return kernel.Choose(); }});
  session.Run();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::Reader input(std::as_bytes(std::span(data, size)));
  fuzz::KernelMachine machine(input.Word());
  fuzz::SpoiledKernel kernel(machine.calls(), input);
  {
    const auto backend = machine.MakeBackend(kernel);
    Use(machine, kernel, *backend);
  }
  const std::string left = machine.Left();
  Expect(left.empty(), "left-over", left);
  return 0;
}
