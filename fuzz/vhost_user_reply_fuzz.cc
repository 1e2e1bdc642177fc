// SPDX-License-Identifier: BSD-3-Clause
//
// Whatever a back-end answers, with whatever descriptors, in whatever pieces
// and however late: each call ends within its budget, a session that fails
// says why, and no descriptor is left over.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>

#include "fuzz/answering_channel.h"
#include "fuzz/finding.h"
#include "fuzz/reader.h"
#include "tests/fakes/vhost_user_session.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const virtio_user::TwoRegions kRegions;
  fuzz::Reader input(std::as_bytes(std::span(data, size)));
  auto owned = std::make_unique<fuzz::AnsweringChannel>(input);
  fuzz::AnsweringChannel& channel = *owned;
  virtio_user::VhostUserBackend backend(std::move(owned));
  virtio_user::VhostUserSession session(backend, kRegions.table());
  const auto done = session.Run();
  fuzz::Expect(done || !done.error().text().empty(), "error", "no reason");
  // Each of some ten calls has a budget of two seconds, on the channel's clock.
  fuzz::Expect(channel.now() < std::chrono::seconds(30), "deadline",
               "a session does not end");
  fuzz::Expect(channel.misplaced_fds() == 0, "descriptors",
               "one travels inside of a message");
  backend.link().Detach();
  fuzz::Expect(channel.open_fds() == 0, "descriptors", "one is left");
  return 0;
}
