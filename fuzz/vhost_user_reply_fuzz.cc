// SPDX-License-Identifier: BSD-3-Clause
//
// Whatever a back-end answers, and asks by itself, with whatever descriptors,
// in whatever pieces and however late: each call that a front-end makes, in any
// order, ends within its budget, one that fails says why, and no descriptor is
// left over.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>

#include "fuzz/answering_channel.h"
#include "fuzz/back_end_calls.h"
#include "fuzz/finding.h"
#include "fuzz/reader.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::Reader input(std::as_bytes(std::span(data, size)));
  const fuzz::Reader calls(input.Chunk());
  auto owned = std::make_unique<fuzz::AnsweringChannel>(input);
  fuzz::AnsweringChannel& channel = *owned;
  virtio_user::VhostUserBackend backend(std::move(owned));
  {
    fuzz::BackEndCalls front_end(backend, channel);
    front_end.Make(calls);
  }
  fuzz::Expect(channel.misplaced_fds() == 0, "descriptors",
               "one travels inside of a message");
  return 0;
}
