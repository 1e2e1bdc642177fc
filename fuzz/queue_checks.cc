// SPDX-License-Identifier: BSD-3-Clause

#include "fuzz/queue_checks.h"

#include <array>

#include "fuzz/finding.h"
#include "virtio_user/base/check.h"

namespace fuzz {

using virtio_user::BufferPool;
using virtio_user::Packet;

void RxChecks::BeforeReceive(const QueueState& before, size_t most) {
  before_ = before;
  frames_.Foresee(chains_, most);
}

void RxChecks::AfterReceive(const QueueState& after, const BufferPool& pool,
                            std::span<const Packet> packets) {
  chains_.Looked(after.broken);
  frames_.Check(pool, packets);
  const auto& was = before_.stats;
  Expect(after.stats.packets - was.packets == frames_.count() &&
             after.stats.bytes - was.bytes == frames_.bytes() &&
             after.stats.dropped - was.dropped == frames_.dropped(),
         "counters", "not what was received and dropped");
  CheckRefill(after, pool);
}

void RxChecks::CheckRefill(const QueueState& after, const BufferPool& pool) {
  const auto offered = chains_.TakeNew();
  for (const auto& chain : offered) {
    Expect(chain.descriptors == terms_.descriptors &&
               chain.writable_bytes == terms_.room_bytes,
           "refill", "not one whole buffer");
  }
  const bool short_of_buffers =
      !after.broken && chains_.free_descriptors() >= terms_.descriptors;
  Expect(!after.broken || offered.empty(), "refill", "of a broken queue");
  Expect(!short_of_buffers || pool.free_count() == 0, "refill",
         "there are free buffers and room");
  Expect(after.in_flight == chains_.count(), "in-flight",
         "not what the device has");
  Expect(after.stats.no_buffer - before_.stats.no_buffer ==
             (short_of_buffers ? 1 : 0),
         "counters", "not the polls without a buffer");
}

void TxChecks::BeforeSend(const QueueState& before, const BufferPool& pool,
                          std::span<const Packet> packets, SentFrames& frames) {
  before_ = before;
  rule_.Foresee(chains_, pool, packets, frames);
}

void TxChecks::AfterSend(const QueueState& after, size_t taken) {
  if (chains_.Looked(after.broken)) rule_.Broke();
  Expect(taken == rule_.taken(), "taken",
         taken < rule_.taken() ? "less than there is room for"
                               : "more than there is room for");
  rule_.Check(chains_.TakeNew());
  const auto& was = before_.stats;
  Expect(after.stats.packets - was.packets == rule_.sent() &&
             after.stats.bytes - was.bytes == rule_.bytes(),
         "counters", "not what was sent");
  Check(after, rule_.dropped());
}

void TxChecks::BeforeComplete(const QueueState& before, size_t most) {
  before_ = before;
  std::array<ChainsInFlight::Used, ChainsInFlight::kMost> used;
  VU_CHECK(most <= used.size());
  done_ = chains_.Take(std::span(used).first(most));
}

void TxChecks::AfterComplete(const QueueState& after, size_t done) {
  chains_.Looked(after.broken);
  Expect(done == done_, "completed", "not what the device has used");
  Expect(chains_.TakeNew().empty(), "completed", "and something was offered");
  Check(after, 0);
}

void TxChecks::Check(const QueueState& after, uint64_t dropped) {
  Expect(after.stats.dropped - before_.stats.dropped == dropped, "dropped",
         "not those that cannot be sent, and no others");
  Expect(after.in_flight == chains_.count(), "in-flight",
         "not what the device has");
}

}  // namespace fuzz
