// SPDX-License-Identifier: BSD-3-Clause
//
// One ring of the data path with everything around it, as an input sets it up.

#ifndef FUZZ_NET_SCENE_H_
#define FUZZ_NET_SCENE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "fuzz/finding.h"
#include "fuzz/kept_queues.h"
#include "fuzz/kick_rule.h"
#include "fuzz/lying_device.h"
#include "fuzz/net_memory.h"
#include "fuzz/passed_chains.h"
#include "fuzz/peer_writes.h"
#include "fuzz/queue_checks.h"
#include "fuzz/reader.h"
#include "fuzz/sent_frames.h"
#include "virtio_user/base/error.h"
#include "virtio_user/net/buffer_pool.h"
#include "virtio_user/net/net_queue.h"
#include "virtio_user/net/rx_queue.h"
#include "virtio_user/net/tx_queue.h"
#include "virtio_user/ring/ring_layout.h"
#include "virtio_user/spec/feature.h"

namespace fuzz {

enum class Direction : uint8_t { kReceive, kSend };

// The gate is closed; no queue is there yet.
class NetScene {
 public:
  // Three bytes: one of all layouts, what else is accepted and whether there is
  // scratch memory; the ring's size, whether kicks fail, whether buffers come
  // in lanes, and whether a split ring's index is near its end; offloads, or
  // how near.
  NetScene(Reader& input, Direction direction);

  virtio_user::BufferPool& pool() { return pool_; }
  const virtio_user::NetQueueOptions& options() const { return options_; }
  // Runs `call`, in which the peer may write (PeerWrites); if it did not, the
  // driver has to kick as it must.
  template <typename Call>
  auto During(Reader& input, const Call& call) {
    kicks_.Before();
    auto result = peer_.During(input, call);
    if (peer_.wrote()) {
      device_.NoteTampering();
    } else {
      kicks_.After(device_.marks_are_known());
    }
    return result;
  }
  // Whether it did, in the last call.
  bool peer_wrote() const { return peer_.wrote(); }
  // Whether what a call has to do is known: nobody but the driver has written
  // what is the driver's in the ring, and nobody while it worked.
  bool known() const { return device_.ring_is_known(); }
  RxChecks& rx() { return rx_; }
  TxChecks& tx() { return tx_; }
  SentFrames& sent() { return sent_; }

  // Packets that are neither free nor in the ring.
  std::vector<virtio_user::Packet>& held;
  void FreeHeld();
  // One more, of a frame and with a request for offloads that the input says,
  // if there are buffers.
  void MakePacket(Reader& input);

  // Takes VLAN tags out of the packets that are held, or puts some in, if the
  // input says so.
  void MoveTags(Reader& input);

  // What a packet that was just received says is what its header says, in as
  // many buffers; where it is not known which packet has to come. Requires: the
  // peer did not write meanwhile.
  void CheckHeader(const virtio_user::Packet& packet) const;
  // Each buffer is free, held, or one of those `in_ring`.
  void CheckBuffers(size_t in_ring);
  // Those that are neither free nor held are at least one for each packet.
  void CheckInFlight(size_t packets);
  // A queue that is broken says why, and has not become another one.
  void CheckBroken(const std::optional<virtio_user::Error>& broken);
  // Makes a queue and lets driver and device take turns for as long as `input`
  // lasts, and another device come where it says so; `call` is what the driver
  // does in its turn.
  template <typename Queue>
  void Play(Reader& input, void (*call)(Reader&, NetScene&, Queue&)) {
    const auto make = [&] { return Make(std::type_identity<Queue>()); };
    if (!choice_.passed) return PlayOn(input, *make(), call);
    const PassedRing ring = {.memory = shared_,
                             .kind = kind_,
                             .vring = choice_.memory.vring(),
                             .pool = pool_};
    Queue& queue = KeptQueues<Queue>::Get({.memory = &choice_.memory,
                                           .features = options_.features.low(),
                                           .unlaned = choice_.unlaned},
                                          choice_.memory, ring, make);
    PassChains(ring, queue, choice_.left);
    BeginAt({.index = static_cast<uint16_t>(0 - choice_.left)});
    PlayOn(input, queue, call);
  }

 private:
  static constexpr uint16_t kMostLeft = KeptQueues<virtio_user::RxQueue>::kLeft;

  std::unique_ptr<virtio_user::RxQueue> Make(
      std::type_identity<virtio_user::RxQueue>);
  std::unique_ptr<virtio_user::TxQueue> Make(
      std::type_identity<virtio_user::TxQueue>);

  template <typename Queue>
  void PlayOn(Reader& input, Queue& queue,
              void (*call)(Reader&, NetScene&, Queue&)) {
    constexpr int kMostCalls = 12;
    auto& vring_gate = choice_.memory.vring().ring.gate;
    for (int i = 0; i < kMostCalls && !input.empty(); ++i) {
      vring_gate.Open();
      const int kicks = kicks_.kicks();
      const auto before = queue.stats();
      call(input, *this, queue);
      CheckKicks(before, queue.stats(), kicks_.kicks() - kicks);
      CheckInterrupts();
      const uint8_t acts = input.Byte();
      for (int act = 0; act < acts % 8; ++act) device_.Act(input);
      if constexpr (requires { queue.SuppressInterrupts(true); }) {
        if (acts >= 0xf0) {
          quiet_ = (acts & 8) != 0;
          Expect(queue.SuppressInterrupts(quiet_), "interrupts", "not asked");
          CheckInterrupts();
        }
      }
      if (acts >= 0xf8) StartOver(queue);
    }
    StartOver(queue);
    CheckAllFree();
  }
  template <typename Queue>
  void StartOver(Queue& queue) {
    choice_.memory.vring().ring.gate.Close();
    const size_t in_flight = queue.in_flight();
    const uint64_t dropped = queue.stats().dropped;
    Expect(queue.ReclaimAll() == in_flight, "reclaim", "not all");
    Expect(queue.stats().dropped - dropped ==
               (direction_ == Direction::kSend ? in_flight : 0),
           "dropped", "not those that were sent and not completed");
    TakeAllBack();
    CheckInterrupts();
  }
  // The device is gone and the ring is empty: no buffer is out any more. What
  // was said of a broken queue is forgotten, and another device begins.
  void TakeAllBack();
  // Each buffer is there, once. Requires: TakeAllBack.
  void CheckAllFree();
  // A queue that has kicked counts its kicks.
  void CheckKicks(const virtio_user::NetQueueStats& before,
                  const virtio_user::NetQueueStats& after, int kicks) const;
  // The ring says whether the driver wants interrupts: as it was asked last,
  // and else it does not.
  void CheckInterrupts() const;

  struct Choice {
    explicit Choice(Reader& input);
    bool passed = false;
    bool scratch = false;
    bool unlaned = false;
    uint16_t left = 0;  // Chains to index 0.
    virtio_user::FeatureSet features;
    NetMemory& memory;

   private:
    Choice(uint8_t what, uint8_t ring, uint8_t offloads);
  };
  NetScene(const Choice& choice, Direction direction);
  // Driver and device are at this place.
  void BeginAt(virtio_user::RingPosition at);

  const Choice choice_;
  const Direction direction_;
  const OfferKind kind_;
  const SharedRing shared_;
  virtio_user::NetQueueOptions options_;
  virtio_user::BufferPool& pool_;
  bool quiet_ = true;
  SentFrames sent_;
  RxChecks rx_;
  TxChecks tx_;
  LyingDevice device_;
  KickRule kicks_;
  PeerWrites peer_;
  std::string broken_;
};

}  // namespace fuzz

#endif  // FUZZ_NET_SCENE_H_
