// SPDX-License-Identifier: BSD-3-Clause

#ifndef TESTS_INTEROP_KERNEL_SESSION_H_
#define TESTS_INTEROP_KERNEL_SESSION_H_

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "tests/fakes/test_driver.h"
#include "virtio_user/device/device.h"

namespace interop {

// A device that was created on a kernel back-end, simulated or real.
struct KernelSession {
  virtio_user::Device& device;
  testing_support::TestDriver& driver;
  uint16_t pairs = 1;
  std::function<virtio_user::Result<void>()> add_memory{};
  std::function<virtio_user::Result<void>()> remove_memory{};
  std::function<std::string()> take_calls{};  // Since the last time.
};

// The life of a device without packets: rings set up, started, memory added
// and removed, all pairs switched on, its address set, stopped, started,
// stopped. The calls below the name of each step; ends with the first step that
// fails, and why.
std::string Play(const KernelSession& session);

// `transcript` without what differs from one machine to another: numbers in
// hexadecimal (features, addresses, lengths), except a device's status, and
// texts in quotes.
std::string Essence(std::string_view transcript);

// The calls of a transcript that strace reads too, as tools/guest has them:
// name, descriptor and answer.
std::string WithoutArguments(std::string_view transcript);

// Each call of a vDPA device's transcript, or of what strace saw of one, as its
// name and what came of it: "VHOST_SET_OWNER = 0". Repetitions are one line.
std::string NamesAndAnswers(std::string_view transcript);

}  // namespace interop

#endif  // TESTS_INTEROP_KERNEL_SESSION_H_
