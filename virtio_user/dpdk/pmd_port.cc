// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/dpdk/pmd_port.h"

#include <rte_mempool.h>

#include <algorithm>
#include <utility>

#include "virtio_user/base/log.h"
#include "virtio_user/device/negotiation.h"
#include "virtio_user/os/open_backend.h"

namespace virtio_user {
namespace {

// What the driver makes use of: frames as they are, no offloads yet.
FeatureSet Choose(FeatureSet offered) {
  // No offloads yet, and nobody here who would announce the port or keep to the
  // device's MTU.
  constexpr FeatureSet kNotYet = {
      Feature::kNetCsum,          Feature::kNetGuestCsum,
      Feature::kNetGuestTso4,     Feature::kNetGuestTso6,
      Feature::kNetHostTso4,      Feature::kNetHostTso6,
      Feature::kNetGuestAnnounce, Feature::kNetMtu};
  return DependencyClosure(offered & ~kNotYet);
}

}  // namespace

Result<std::unique_ptr<PmdPort>> PmdPort::Create(const PmdArgs& args) {
  std::unique_ptr<PmdPort> port(new PmdPort());
  auto quiescer = MembarrierQuiescer::Create();
  if (!quiescer) return Fail(quiescer);
  port->quiescer_ = *std::move(quiescer);
  OpenBackendOptions open = args.backend;
  // Nobody calls Device::Poll while packets go.
  open.hears_requests = false;
  auto backend = OpenBackend(port->fds_, open);
  if (!backend) return Fail(backend);
  auto device = Device::Create(args.device, {.backend = *std::move(backend),
                                             .memory = port->memory_,
                                             .fds = port->fds_,
                                             .quiescer = *port->quiescer_});
  if (!device) return Fail(device);
  port->device_ = *std::move(device);
  port->rings_.resize(2 * size_t{port->device_->queue_pairs()});
  port->scratch_.resize(port->device_->queue_pairs());
  return port;
}

PmdPort::~PmdPort() {
  if (device_ == nullptr) return;
  // The reason was told where the peer was lost.
  (void)Stop();
}

Result<void> PmdPort::Configure(uint16_t rx_queues, uint16_t tx_queues) {
  const uint16_t most = device_->queue_pairs();
  if (rx_queues == 0 || tx_queues == 0 || rx_queues > most ||
      tx_queues > most) {
    return Fail(ErrorCode::kInvalidArgument,
                "%u receive and %u transmit queues: 1 to %u of each are "
                "possible (queues=)",
                rx_queues, tx_queues, most);
  }
  if (device_->state() == DeviceState::kNeedsReset) {
    if (auto done = device_->Reattach(); !done) return done;
  }
  // Queues that are there go on to fit: what was chosen once stays, and a new
  // peer that lacks some of it was refused above.
  const bool chosen = device_->state() != DeviceState::kCreated;
  const FeatureSet features =
      chosen ? device_->accepted() : Choose(device_->offered());
  if (auto done = device_->Negotiate(features); !done) return done;
  rx_.resize(rx_queues);
  tx_.resize(tx_queues);
  if (control_ != nullptr || !features.Has(Feature::kNetCtrlVq)) return {};
  auto control = ControlCommands::Create(*device_, memory_);
  if (!control) return Fail(control);
  control_ = *std::move(control);
  return {};
}

uint16_t PmdPort::pairs() const {
  return static_cast<uint16_t>(std::max(rx_.size(), tx_.size()));
}

Result<void> PmdPort::ConfigureRing(uint16_t vring) {
  const RingFormat format = device_->ring_format();
  const uint16_t num = device_->queue_size();
  SharedBlock& block = rings_[vring];
  const size_t bytes = RingLayout::BytesFor(format, num);
  if (block.span().size() < bytes) {
    auto made = SharedBlock::Allocate(memory_, bytes);
    if (!made) return Fail(made);
    block = *std::move(made);
  }
  const auto layout = RingLayout::PlaceIn(block.span(), format, num);
  if (!layout) return Fail(layout);
  layout->Zero();
  return device_->ConfigureRing(vring, *layout);
}

Result<void> PmdPort::CheckPoolIsShared(rte_mempool& pool) {
  struct Check {
    const MemoryTable& table;
    bool shared = true;
  };
  const auto look = [](rte_mempool*, void* arg, rte_mempool_memhdr* chunk,
                       unsigned) {
    auto& check = *static_cast<Check*>(arg);
    const std::span<const std::byte> bytes(
        static_cast<const std::byte*>(chunk->addr), chunk->len);
    // More than one region is as good as one.
    size_t inside = 0;
    for (const MemoryRegion& region : check.table.regions()) {
      const std::byte* const from =
          std::max<const std::byte*>(region.host.data(), bytes.data());
      const std::byte* const to = std::min<const std::byte*>(
          region.host.data() + region.host.size(), bytes.data() + bytes.size());
      if (from < to) inside += static_cast<size_t>(to - from);
    }
    check.shared = check.shared && inside == bytes.size();
  };
  bool shared = false;
  memory_.WithTable([&](const MemoryTable& table) {
    Check check{.table = table};
    rte_mempool_mem_iter(&pool, look, &check);
    shared = check.shared;
  });
  if (shared) return {};
  return Fail(ErrorCode::kUnsupported,
              "mempool %s lies in memory that EAL cannot share with a "
              "back-end (external, or without a file)",
              pool.name);
}

Result<MbufRxQueue*> PmdPort::AddRx(uint16_t index, rte_mempool& pool,
                                    uint16_t port) {
  if (auto shared = CheckPoolIsShared(pool); !shared) return Fail(shared);
  if (auto done = ConfigureRing(RxVring(index)); !done) return Fail(done);
  auto made = MbufRxQueue::Create(
      device_->vring(RxVring(index)),
      {.features = device_->accepted(), .pool = &pool, .port = port});
  if (!made) return Fail(made);
  rx_[index] = *std::move(made);
  return rx_[index].get();
}

Result<MbufTxQueue*> PmdPort::AddTx(uint16_t index) {
  if (auto done = ConfigureRing(TxVring(index)); !done) return Fail(done);
  SharedBlock& scratch = scratch_[index];
  if (scratch.span().empty()) {
    auto made =
        SharedBlock::Allocate(memory_, TxScratchBytes(device_->queue_size()));
    if (!made) return Fail(made);
    scratch = *std::move(made);
  }
  auto made = MbufTxQueue::Create(device_->vring(TxVring(index)),
                                  {.features = device_->accepted(),
                                   .scratch = scratch.span(),
                                   .scratch_addr = scratch.addr()});
  if (!made) return Fail(made);
  tx_[index] = *std::move(made);
  return tx_[index].get();
}

void PmdPort::RemoveRx(uint16_t index) {
  if (index >= rx_.size() || rx_[index] == nullptr) return;
  rx_[index]->ReclaimAll();
  rx_[index].reset();
}

void PmdPort::RemoveTx(uint16_t index) {
  if (index >= tx_.size() || tx_[index] == nullptr) return;
  tx_[index]->ReclaimAll();
  tx_[index].reset();
}

// Nothing of the last run is in the rings, here or at the other end. A pair
// with a queue in one direction alone still has two rings, and so has one that
// had queues once.
Result<void> PmdPort::PrepareRings() {
  for (uint16_t pair = 0; pair < device_->max_pairs(); ++pair) {
    const bool known = !rings_[RxVring(pair)].span().empty() ||
                       !rings_[TxVring(pair)].span().empty();
    if (pair >= pairs() && !known) continue;
    for (const uint16_t vring : {RxVring(pair), TxVring(pair)}) {
      if (auto done = ConfigureRing(vring); !done) return done;
    }
  }
  // Queues start afresh too, and write what the driver says in a fresh ring.
  ReclaimMbufs();
  return control_ == nullptr ? Result<void>{} : control_->Configure();
}

Result<void> PmdPort::Start() {
  if (device_->state() == DeviceState::kNeedsReset) {
    if (auto done = device_->Reattach(); !done) return done;
  }
  if (auto done = PrepareRings(); !done) return done;
  if (auto done = device_->Start(); !done) return done;
  if (pairs() == 1) return {};
  auto done = SwitchPairsOn(pairs());
  // The first failure is the one to tell.
  if (!done) (void)Stop();
  return done;
}

Result<void> PmdPort::SwitchPairsOn(uint16_t pairs) {
  auto done = control_->SetQueuePairs(pairs);
  if (done) return done;
  // The ack has one bit; the device knows more.
  const DeviceEvents events = device_->Poll();
  if (events.pairs_refused) return std::unexpected(*events.pairs_refused);
  return done;
}

Result<void> PmdPort::Stop() {
  auto stopped = device_->Stop();
  ReclaimMbufs();
  return stopped;
}

void PmdPort::ReclaimMbufs() {
  const auto reclaim = [&](auto& queue, uint16_t vring) {
    if (queue == nullptr) return;
    if (device_->vring(vring).ring.gate.busy()) {
      Log(LogLevel::kError,
          "a thread still polls ring %u of a stopped port; its packet buffers "
          "stay where they are",
          vring);
      return;
    }
    queue->ReclaimAll();
  };
  for (uint16_t i = 0; i < rx_.size(); ++i) reclaim(rx_[i], RxVring(i));
  for (uint16_t i = 0; i < tx_.size(); ++i) reclaim(tx_[i], TxVring(i));
}

}  // namespace virtio_user
