// SPDX-License-Identifier: BSD-3-Clause

#include "backend_sim/simulation/driver.h"

#include <algorithm>
#include <utility>

namespace backend_sim {

using virtio_user::BufferPool;
using virtio_user::Fail;
using virtio_user::Feature;
using virtio_user::NetQueueOptions;
using virtio_user::Packet;
using virtio_user::Result;
using virtio_user::RingFormat;
using virtio_user::RingLayout;
using virtio_user::RxQueue;
using virtio_user::RxVring;
using virtio_user::SharedBlock;
using virtio_user::TxQueue;
using virtio_user::TxVring;

namespace {

constexpr uint32_t kBufferBytes = 256;
constexpr uint32_t kRoom = kBufferBytes - BufferPool::kHeadroom;
constexpr size_t kMaxBurst = 32;

}  // namespace

Result<void> SimDriver::Configure(uint16_t pairs) {
  pairs = std::min<uint16_t>(pairs, device_.max_pairs());
  if (pairs_.size() < pairs) pairs_.resize(pairs);
  spreads_ = device_.accepted().Has(Feature::kNetMrgRxbuf) &&
             device_.queue_size() >= 8;
  for (uint16_t pair = 0; pair < pairs; ++pair) {
    Pair fresh;
    const Result<void> made = MakePair(pair, fresh);
    // The old memory goes only now: until then the device knew it.
    std::swap(pairs_[pair], fresh);
    books_[pair].SessionEnded(false);
    if (made) continue;
    // It may still know one of the old rings and one of the new ones.
    fresh.rx.reset();
    fresh.tx.reset();
    kept_.push_back(std::move(fresh));
    return made;
  }
  if (!device_.accepted().Has(Feature::kNetCtrlVq)) return {};
  return ConfigureControl();
}

Result<void> SimDriver::ConfigureControl() {
  auto control = ControlRing::Create(device_, memory_);
  if (!control) return Fail(control);
  control_ = std::move(*control);
  return {};
}

Result<void> SimDriver::GiveRing(uint16_t vring, SharedBlock& block) {
  const uint16_t num = device_.queue_size();
  const RingFormat format = device_.ring_format();
  auto made = SharedBlock::Allocate(memory_, RingLayout::BytesFor(format, num),
                                    device_.backend_caps().addresses);
  if (!made) return Fail(made);
  const auto layout = RingLayout::PlaceIn(made->span(), format, num);
  if (!layout) return Fail(layout);
  block = std::move(*made);
  return device_.ConfigureRing(vring, *layout);
}

Result<void> SimDriver::MakePair(uint16_t index, Pair& pair) {
  const auto space = device_.backend_caps().addresses;
  const uint16_t num = device_.queue_size();
  // Everything that can fail comes before the device hears of a ring.
  auto buffers =
      SharedBlock::Allocate(memory_, 4 * size_t{num} * kBufferBytes, space);
  if (!buffers) return Fail(buffers);
  pair.buffers = std::move(*buffers);
  auto scratch =
      SharedBlock::Allocate(memory_, virtio_user::TxScratchBytes(num), space);
  if (!scratch) return Fail(scratch);
  pair.scratch = std::move(*scratch);
  auto pool = BufferPool::Create({.memory = pair.buffers.span(),
                                  .memory_addr = pair.buffers.addr(),
                                  .buffer_bytes = kBufferBytes});
  if (!pool) return Fail(pool);
  pair.pool = std::make_unique<BufferPool>(std::move(*pool));
  if (auto given = GiveRing(RxVring(index), pair.rx_ring); !given) return given;
  if (auto given = GiveRing(TxVring(index), pair.tx_ring); !given) return given;
  const NetQueueOptions options{.features = device_.accepted(),
                                .scratch = pair.scratch.span(),
                                .scratch_addr = pair.scratch.addr()};
  auto rx = RxQueue::Create(device_.vring(RxVring(index)), *pair.pool, options);
  if (!rx) return Fail(rx);
  auto tx = TxQueue::Create(device_.vring(TxVring(index)), *pair.pool, options);
  if (!tx) return Fail(tx);
  pair.rx = std::move(*rx);
  pair.tx = std::move(*tx);
  return {};
}

void SimDriver::DropRings() {
  control_.reset();
  pairs_.clear();
  kept_.clear();
  kept_controls_.clear();
  EndSession(false);
}

void SimDriver::DropQueues() {
  for (Pair& pair : pairs_) {
    pair.rx.reset();
    pair.tx.reset();
    kept_.push_back(std::move(pair));
  }
  pairs_.clear();
  EndSession(false);
}

void SimDriver::EndSession(bool may_repeat) {
  for (PacketBook& book : books_) book.SessionEnded(may_repeat);
}

void SimDriver::ReclaimAll() {
  for (Pair& pair : pairs_) {
    if (pair.rx) pair.rx->ReclaimAll();
    if (pair.tx) pair.tx->ReclaimAll();
  }
}

size_t SimDriver::Transmit(uint16_t pair, uint32_t count, uint32_t draw) {
  if (!has_pair(pair)) return 0;
  Pair& queues = pairs_[pair];
  PacketBook& book = books_[pair];
  std::array<Packet, kMaxBurst> packets;
  const size_t wanted = std::min<size_t>(count, kMaxBurst);
  size_t made = 0;
  for (; made < wanted; ++made) {
    const size_t most = spreads_ ? 2 * kRoom : kRoom;
    const size_t bytes =
        60 + (draw + 37 * static_cast<uint32_t>(made)) % (most - 60);
    const auto packet = queues.pool->Make(book.Frame(pair, made, bytes));
    if (!packet) break;
    packets[made] = *packet;
  }
  // In one burst, or one by one.
  const size_t burst = draw % 2 == 0 ? std::max<size_t>(made, 1) : 1;
  size_t sent = 0;
  while (sent < made) {
    const auto next =
        std::span(packets).subspan(sent).first(std::min(burst, made - sent));
    const size_t taken = queues.tx->Send(next);
    sent += taken;
    if (taken != next.size()) break;
  }
  book.Sent(sent);
  for (size_t i = sent; i < made; ++i) queues.pool->Free(packets[i]);
  return sent;
}

std::optional<std::string> SimDriver::Receive(uint16_t pair, uint32_t most) {
  if (!has_pair(pair)) return std::nullopt;
  Pair& queues = pairs_[pair];
  std::array<Packet, kMaxBurst> packets;
  const size_t count = queues.rx->Receive(
      std::span(packets).first(std::clamp<size_t>(most, 1, kMaxBurst)));
  std::optional<std::string> wrong;
  for (size_t i = 0; i < count; ++i) {
    std::vector<std::byte> frame(packets[i].bytes);
    queues.pool->CopyOut(packets[i], frame);
    queues.pool->Free(packets[i]);
    auto problem = books_[pair].Came(pair, frame);
    if (!wrong) wrong = std::move(problem);
  }
  return wrong;
}

size_t SimDriver::Complete(uint16_t pair) {
  return has_pair(pair) ? pairs_[pair].tx->Complete(kMaxBurst) : 0;
}

std::optional<std::string> SimDriver::CheckBuffers() const {
  for (size_t i = 0; i < pairs_.size(); ++i) {
    const Pair& pair = pairs_[i];
    if (!pair.rx || pair.pool->free_count() == pair.pool->size()) continue;
    return "pair " + std::to_string(i) + ": " +
           std::to_string(pair.pool->size() - pair.pool->free_count()) +
           " buffers did not come back when all were taken back";
  }
  return std::nullopt;
}

std::optional<std::string> SimDriver::CheckLedger(uint16_t index) const {
  const Pair& pair = pairs_[index];
  if (!pair.rx) return std::nullopt;
  const size_t out = pair.pool->size() - pair.pool->free_count();
  const size_t in_rings = pair.rx->in_flight() + pair.tx->in_flight();
  if (out >= in_rings) return std::nullopt;
  return "pair " + std::to_string(index) + ": " + std::to_string(in_rings) +
         " buffers are in rings, but only " + std::to_string(out) +
         " are out of their pool";
}

std::optional<std::string> SimDriver::Broken() const {
  for (size_t i = 0; i < pairs_.size(); ++i) {
    const Pair& pair = pairs_[i];
    if (!pair.rx) continue;
    for (const auto* broken : {&pair.rx->broken(), &pair.tx->broken()}) {
      if (!*broken) continue;
      return "pair " + std::to_string(i) + ": " +
             std::string((*broken)->text());
    }
  }
  return std::nullopt;
}

std::span<std::byte> SimDriver::RingMemory(uint16_t vring) {
  const uint16_t pair = vring / 2;
  if (!has_pair(pair)) return {};
  return vring % 2 == 0 ? pairs_[pair].rx_ring.span()
                        : pairs_[pair].tx_ring.span();
}

}  // namespace backend_sim
