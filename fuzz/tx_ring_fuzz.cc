// SPDX-License-Identifier: BSD-3-Clause
//
// Whatever a device writes into a send ring and what it was given, between two
// calls or in the middle of one, and whatever packets are sent, in every
// layout: what is sent is what the device reads, behind the header that was
// asked for, each buffer is in one place, the work is bounded, the device is
// kicked when it has to be, a queue that broke stays broken and says why, and
// all buffers come back. As long as nobody writes in the middle of a call, nor
// what is the driver's, just those packets are sent that can be, and just those
// come back that were used (TxChecks).

#include <cstddef>
#include <cstdint>
#include <span>

#include "fuzz/finding.h"
#include "fuzz/net_scene.h"
#include "virtio_user/net/tx_queue.h"

namespace {

using fuzz::Expect;
using fuzz::QueueState;
using virtio_user::TxQueue;

void Send(fuzz::Reader& input, fuzz::NetScene& scene, TxQueue& queue) {
  if (scene.known()) {
    scene.tx().BeforeSend(QueueState::Of(queue), scene.pool(), scene.held,
                          scene.sent());
  }
  const size_t taken =
      scene.During(input, [&] { return queue.Send(scene.held); });
  Expect(taken <= scene.held.size(), "bounded", "more than there were");
  if (scene.known()) scene.tx().AfterSend(QueueState::Of(queue), taken);
  scene.held.erase(scene.held.begin(),
                   scene.held.begin() + static_cast<ptrdiff_t>(taken));
}

void Complete(fuzz::Reader& input, fuzz::NetScene& scene, TxQueue& queue,
              size_t most) {
  const size_t had = queue.in_flight();
  if (scene.known()) scene.tx().BeforeComplete(QueueState::Of(queue), most);
  const size_t done = scene.During(input, [&] { return queue.Complete(most); });
  Expect(done <= most && done <= had && queue.in_flight() == had - done,
         "bounded", "more than were sent");
  if (scene.known()) scene.tx().AfterComplete(QueueState::Of(queue), done);
}

void Call(fuzz::Reader& input, fuzz::NetScene& scene, TxQueue& queue) {
  const uint8_t how = input.Byte();
  for (int i = 0; i < how % 8; ++i) scene.MakePacket(input);
  scene.MoveTags(input);
  how < 0xc0 ? Send(input, scene, queue)
             : Complete(input, scene, queue, 1 + how % 16);
  scene.CheckBroken(queue.broken());
  scene.known() ? scene.CheckBuffers(scene.tx().chains().buffers())
                : scene.CheckInFlight(queue.in_flight());
  if (input.Byte() % 4 == 0) scene.FreeHeld();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::Reader input(std::as_bytes(std::span(data, size)));
  fuzz::NetScene scene(input, fuzz::Direction::kSend);
  scene.Play<TxQueue>(input, &Call);
  return 0;
}
