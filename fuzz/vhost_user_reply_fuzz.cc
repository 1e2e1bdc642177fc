// SPDX-License-Identifier: BSD-3-Clause
//
// Whatever a back-end answers, with whatever descriptors, in whatever pieces
// and however late: each call ends within its budget, a session that fails
// says why, and no descriptor is left over.

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "fuzz/finding.h"
#include "fuzz/reader.h"
#include "tests/fakes/vhost_user_rig.h"

namespace {

using virtio_user::WireAnswer;
using virtio_user::WireRequest;

// What a byte makes of an answer; most leave it alone.
void Spoil(fuzz::Reader& input, WireAnswer& answer) {
  constexpr uint8_t kMeek = 96;
  const uint8_t how = input.Byte();
  if (how < kMeek) return;
  switch (how % 6) {
    case 0: {
      const size_t at = input.Byte();
      const auto bytes = input.Chunk();
      for (size_t i = 0; i < bytes.size(); ++i) {
        if (at + i < answer.bytes.size()) answer.bytes[at + i] = bytes[i];
      }
      break;
    }
    case 1:
      answer.bytes.resize(input.Byte());
      break;
    case 2:
      answer.fd_count = input.Byte() % 9;
      answer.fd_bytes = input.Word();
      break;
    case 3:
      answer.delay = std::chrono::milliseconds(10 * input.Word());
      break;
    case 4:
      answer.piece_bytes = 1 + input.Byte() % 20;
      break;
    default: {
      // Nobody asked for these.
      const auto bytes = input.Chunk();
      answer.bytes.insert(answer.bytes.end(), bytes.begin(), bytes.end());
      break;
    }
  }
}

void Configure(fuzz::Reader& input, virtio_user::VhostPeer& peer) {
  const uint8_t what = input.Byte();
  if ((what & 1) != 0) peer.features = input.Word() | virtio_user::kBit30;
  if ((what & 2) != 0) peer.protocol = input.Word() | uint64_t{what} << 9;
  if ((what & 4) != 0) peer.queue_num = input.Word();
  if ((what & 8) != 0) peer.mem_slots = input.Word();
  if ((what & 16) != 0) peer.close_before = input.Byte() % 64;
  if ((what & 32) != 0) peer.drop_answers_after = input.Byte() % 64;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::Reader input(std::as_bytes(std::span(data, size)));
  virtio_user::VhostUserRig rig;
  Configure(input, rig.peer);
  rig.peer.spoil = [&](size_t, const WireRequest&, WireAnswer& answer) {
    Spoil(input, answer);
  };
  const auto done = rig.RunSession();
  fuzz::Expect(done || !done.error().text().empty(), "error", "no reason");
  // Each of some ten calls has a budget of two seconds, on the rig's clock.
  fuzz::Expect(rig.channel.now() < std::chrono::seconds(30), "deadline",
               "a session does not end");
  fuzz::Expect(rig.channel.misplaced_fds() == 0, "descriptors",
               "one travels inside of a message");
  rig.backend.link().Detach();
  fuzz::Expect(rig.channel.open_copies() == 0, "descriptors", "one is left");
  return 0;
}
