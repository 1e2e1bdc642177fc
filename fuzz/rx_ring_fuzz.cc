// SPDX-License-Identifier: BSD-3-Clause
//
// Whatever a device writes into a receive ring and its buffers, between two
// polls or in the middle of one, in every layout: each packet lies within its
// buffers and says what its header says, as far as that was accepted, each
// buffer is in one place, the work is bounded, the device is kicked when it has
// to be, a queue that broke stays broken and says why, and all buffers come
// back. As long as nobody writes in the middle of a poll, nor what is the
// driver's, just the packets are there that have to be, and the queue breaks
// where it has to and is filled up (RxChecks).

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "fuzz/finding.h"
#include "fuzz/net_scene.h"
#include "fuzz/sent_header.h"
#include "virtio_user/net/rx_queue.h"

namespace {

using fuzz::Expect;
using fuzz::QueueState;
using virtio_user::Packet;
using virtio_user::RxQueue;

void CheckPacket(fuzz::NetScene& scene, const Packet& packet) {
  const virtio_user::BufferPool& pool = scene.pool();
  Expect(packet.bytes >= 1 && packet.bytes <= virtio_user::kMaxFrameBytes &&
             packet.bytes <= packet.buffer_count * pool.buffer_bytes(),
         "length", "a packet that its buffers cannot hold");
  fuzz::CheckReported(pool.offload(packet), packet.bytes,
                      scene.options().features);
  if (!scene.known() && !scene.peer_wrote()) scene.CheckHeader(packet);
  std::array<std::byte, 4096> frame;
  Expect(pool.CopyOut(packet, frame) == packet.bytes, "length",
         "less than it says");
}

void Poll(fuzz::Reader& input, fuzz::NetScene& scene, RxQueue& queue) {
  std::array<Packet, 8> packets;
  const size_t most = 1 + input.Byte() % packets.size();
  if (scene.known()) scene.rx().BeforeReceive(QueueState::Of(queue), most);
  const size_t count = scene.During(
      input, [&] { return queue.Receive(std::span(packets).first(most)); });
  Expect(count <= most, "bounded", "more than asked for");
  const auto received = std::span(packets).first(count);
  for (const Packet& packet : received) CheckPacket(scene, packet);
  if (scene.known()) {
    scene.rx().AfterReceive(QueueState::Of(queue), scene.pool(), received);
  }
  scene.held.insert(scene.held.end(), received.begin(), received.end());
  scene.MoveTags(input);
  scene.CheckBroken(queue.broken());
  scene.CheckBuffers(queue.in_flight());
  if (input.Byte() % 4 != 0) scene.FreeHeld();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::Reader input(std::as_bytes(std::span(data, size)));
  fuzz::NetScene scene(input, fuzz::Direction::kReceive);
  scene.Play<RxQueue>(input, &Poll);
  return 0;
}
