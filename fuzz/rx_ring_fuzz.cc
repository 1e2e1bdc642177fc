// SPDX-License-Identifier: BSD-3-Clause
//
// Whatever a device writes into a receive ring and its buffers, between two
// polls or in the middle of one, in every layout: each packet lies within its
// buffers, each buffer is in one place, the work is bounded, a queue that broke
// stays broken and says why, and all buffers come back.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "fuzz/finding.h"
#include "fuzz/net_scene.h"
#include "virtio_user/net/rx_queue.h"

namespace {

using fuzz::Expect;
using virtio_user::Packet;
using virtio_user::RxQueue;

void CheckPacket(const virtio_user::BufferPool& pool, const Packet& packet) {
  Expect(packet.bytes >= 1 && packet.bytes <= virtio_user::kMaxFrameBytes &&
             packet.bytes <= packet.buffer_count * pool.buffer_bytes(),
         "length", "a packet that its buffers cannot hold");
  const virtio_user::Offload offload = pool.offload(packet);
  Expect(offload.checksum != virtio_user::Checksum::kPartial ||
             offload.csum_start + offload.csum_offset + 2u <= packet.bytes,
         "checksum", "outside of the frame");
  std::array<std::byte, 4096> frame;
  Expect(pool.CopyOut(packet, frame) == packet.bytes, "length",
         "less than it says");
}

void Poll(fuzz::Reader& input, fuzz::NetScene& scene, RxQueue& queue) {
  std::array<Packet, 8> packets;
  const size_t most = 1 + input.Byte() % packets.size();
  const size_t count = scene.During(
      input, [&] { return queue.Receive(std::span(packets).first(most)); });
  Expect(count <= most, "bounded", "more than asked for");
  for (const Packet& packet : std::span(packets).first(count)) {
    CheckPacket(scene.pool(), packet);
    scene.held.push_back(packet);
  }
  scene.MoveTags(input);
  scene.CheckBroken(queue.broken());
  scene.CheckBuffers(queue.in_flight());
  if (input.Byte() % 4 != 0) scene.FreeHeld();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::Reader input(std::as_bytes(std::span(data, size)));
  fuzz::NetScene scene(input, fuzz::Direction::kReceive);
  const auto made =
      RxQueue::Create(scene.vring(), scene.pool(), scene.options());
  Expect(made.has_value(), "create", "refused");
  scene.Play(input, **made, &Poll);
  return 0;
}
