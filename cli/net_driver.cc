// SPDX-License-Identifier: BSD-3-Clause

#include "cli/net_driver.h"

#include <fmt/format.h>

#include <algorithm>

namespace virtio_user::cli {
namespace {

constexpr uint32_t kMaxWindow = 128;
// More buffers than these in one ring would only use memory.
constexpr uint32_t kMaxRxBuffers = 1024;
constexpr uint32_t kMaxTxBuffers = 512;

uint32_t RxBuffers(uint16_t num) {
  return std::min<uint32_t>(num, kMaxRxBuffers);
}
// A chain may take a second buffer for its indirect table.
uint32_t TxBuffers(uint16_t num) {
  return std::min<uint32_t>(2 * uint32_t{num}, kMaxTxBuffers);
}

}  // namespace

size_t NetDriver::MemoryFor(uint16_t pairs, uint16_t queue_size) {
  const size_t ring = RingLayout::BytesFor(RingFormat::kSplit, queue_size);
  const size_t buffers =
      size_t{RxBuffers(queue_size) + TxBuffers(queue_size)} * kBufferBytes;
  // Some more for alignment, for the control queue, and because a pair does
  // not go across two regions.
  return (pairs + size_t{2}) * (2 * ring + buffers + 1024) + (size_t{1} << 20);
}

FeatureSet NetDriver::Choose(FeatureSet offered) {
  // Frames go out and come in whole: nobody here computes a checksum or cuts
  // a segment, so none may be left to us.
  constexpr FeatureSet kOffloads = {
      Feature::kNetCsum,      Feature::kNetGuestCsum, Feature::kNetGuestTso4,
      Feature::kNetGuestTso6, Feature::kNetHostTso4,  Feature::kNetHostTso6};
  return DependencyClosure(offered & ~kOffloads);
}

Result<std::unique_ptr<NetDriver>> NetDriver::Create(Device& device,
                                                     MemoryProvider& memory) {
  const auto negotiated = device.Negotiate(Choose(device.offered()));
  if (!negotiated) return Fail(negotiated);
  std::unique_ptr<NetDriver> driver(new NetDriver(device, memory));
  for (uint16_t pair = 0; pair < driver->pairs(); ++pair) {
    const Result<void> added = driver->AddPair(pair);
    if (!added) return Fail(added);
  }
  if (device.accepted().Has(Feature::kNetCtrlVq)) {
    auto control = ControlDriver::Create(device, memory);
    if (!control) return Fail(control);
    driver->control_ = std::move(*control);
  }
  return driver;
}

NetDriver::NetDriver(Device& device, MemoryProvider& memory)
    : device_(device), memory_(memory), queues_(device.max_pairs()) {
  // Half a ring, since a legacy header takes a descriptor of its own.
  window_ = std::clamp<uint32_t>(device.queue_size() / 2u, 1, kMaxWindow);
}

Result<void> NetDriver::AddPair(uint16_t pair) {
  Pair& queues = queues_[pair];
  if (auto ok = AddRing(RxVring(pair), queues.rx_ring); !ok) return ok;
  if (auto ok = AddRing(TxVring(pair), queues.tx_ring); !ok) return ok;
  const uint16_t num = device_.queue_size();
  const auto rx_options = AddBuffers(RxBuffers(num), queues.rx_buffers);
  if (!rx_options) return Fail(rx_options);
  auto rx = RxQueue::Create(device_.vring(RxVring(pair)), *rx_options);
  if (!rx) return Fail(rx);
  queues.rx = std::move(*rx);
  const auto tx_options = AddBuffers(TxBuffers(num), queues.tx_buffers);
  if (!tx_options) return Fail(tx_options);
  auto tx = TxQueue::Create(device_.vring(TxVring(pair)), *tx_options);
  if (!tx) return Fail(tx);
  queues.tx = std::move(*tx);
  return {};
}

Result<void> NetDriver::AddRing(uint16_t vring, SharedBlock& ring) {
  const uint16_t num = device_.queue_size();
  Result<SharedBlock> block = SharedBlock::Allocate(
      memory_, RingLayout::BytesFor(RingFormat::kSplit, num),
      device_.backend_caps().addresses);
  if (!block) return Fail(block);
  const Result<RingLayout> layout =
      RingLayout::PlaceIn(block->span(), RingFormat::kSplit, num);
  if (!layout) return Fail(layout);
  ring = std::move(*block);
  return device_.ConfigureRing(vring, *layout);
}

Result<NetQueueOptions> NetDriver::AddBuffers(uint32_t count,
                                              SharedBlock& buffers) {
  Result<SharedBlock> block = SharedBlock::Allocate(
      memory_, size_t{count} * kBufferBytes, device_.backend_caps().addresses);
  if (!block) return Fail(block);
  buffers = std::move(*block);
  return NetQueueOptions{.features = device_.accepted(),
                         .memory = buffers.span(),
                         .memory_addr = buffers.addr(),
                         .buffer_bytes = kBufferBytes};
}

std::optional<std::string> NetDriver::Trouble(uint16_t pair) const {
  const Pair& queues = queues_[pair];
  if (const auto& broken = queues.rx->broken()) {
    return fmt::format("pair {}: the back-end broke the RX ring: {}", pair,
                       broken->text());
  }
  if (const auto& broken = queues.tx->broken()) {
    return fmt::format("pair {}: the back-end broke the TX ring: {}", pair,
                       broken->text());
  }
  if (const uint64_t dropped = queues.rx->stats().dropped; dropped != 0) {
    return fmt::format("pair {}: {} received frames had no valid header", pair,
                       dropped);
  }
  return {};
}

std::optional<std::string> NetDriver::DeviceTrouble() {
  const DeviceEvents events = device_.Poll();
  const std::string reason(events.reason ? events.reason->text() : "no reason");
  if (device_.link() == LinkState::kDown) {
    // We close it too: on a wrong answer, or on none in time.
    const bool ours =
        events.reason && events.reason->code() != ErrorCode::kDisconnected;
    if (ours) return "the connection was given up: " + reason;
    return "the back-end closed the connection";
  }
  if (events.needs_reset) return "the device needs a reset: " + reason;
  if (events.memory_trouble) {
    return "a change of the memory could not be shared: " + reason;
  }
  return {};
}

}  // namespace virtio_user::cli
