// SPDX-License-Identifier: BSD-3-Clause

#include "cli/net_driver.h"

#include <fmt/format.h>

#include <algorithm>

#include "virtio_user/net/rx_path.h"

namespace virtio_user::cli {
namespace {

constexpr uint32_t kMaxWindow = 128;
constexpr uint32_t kLine = 64;
constexpr uint32_t kMaxBufferBytes = 65536;  // A BufferPool's.

// Of a frame that one buffer of kBufferBytes holds.
constexpr uint32_t kRoom = NetDriver::kBufferBytes - BufferPool::kHeadroom;

uint32_t DivideUp(uint32_t bytes, uint32_t by) { return (bytes + by - 1) / by; }

// Buffers that the longest frame takes where frames go over several.
uint32_t PartsOf(uint32_t frame_bytes) {
  return DivideUp(std::min(frame_bytes, kMaxFrameBytes), kRoom);
}

// So large that any frame lies in one, as far as there are such buffers.
uint32_t WholeBufferBytes(uint32_t frame_bytes) {
  const uint32_t bytes = DivideUp(frame_bytes + BufferPool::kHeadroom, kLine);
  return std::clamp(bytes * kLine, NetDriver::kBufferBytes, kMaxBufferBytes);
}

// A frame that comes back needs buffers in both rings. Half a ring, since a
// legacy header takes a descriptor of its own.
struct Window {
  uint32_t parts;
  uint32_t burst;
};
uint32_t WindowFor(uint16_t num, Window window) {
  return std::clamp<uint32_t>(num / 2u / window.parts, 1,
                              std::max(kMaxWindow, window.burst));
}

// The RX ring full, and for TX twice what is on its way: the device may be
// late with giving buffers back.
uint32_t BufferCount(uint16_t num, uint32_t window, uint32_t parts) {
  return num + 2 * window * parts;
}

}  // namespace

size_t NetDriver::MemoryFor(const NetDriverShape& shape) {
  const uint16_t num = shape.queue_size;
  const size_t ring = std::max(RingLayout::BytesFor(RingFormat::kSplit, num),
                               RingLayout::BytesFor(RingFormat::kPacked, num));
  const uint32_t parts = PartsOf(shape.max_frame_bytes);
  const size_t merged =
      size_t{BufferCount(num, WindowFor(num, {parts, shape.burst}), parts)} *
      kBufferBytes;
  const size_t whole =
      size_t{BufferCount(num, WindowFor(num, {1, shape.burst}), 1)} *
      WholeBufferBytes(shape.max_frame_bytes);
  const size_t buffers = !shape.mergeable   ? std::max(merged, whole)
                         : *shape.mergeable ? merged
                                            : whole;
  // Some more for alignment, for the control queue, and because a pair does
  // not go across two regions.
  return (shape.pairs + size_t{2}) *
             (2 * ring + buffers + TxScratchBytes(num) + 1024) +
         (size_t{1} << 20);
}

FeatureSet NetDriver::Choose(FeatureSet offered) {
  // Frames go out and come in whole: nobody here computes a checksum or cuts
  // a segment, so none may be left to us. Nor is there a network that would
  // have to hear of us, and frames are as long as they were asked for.
  constexpr FeatureSet kLeftOut = {
      Feature::kNetCsum,          Feature::kNetGuestCsum,
      Feature::kNetGuestTso4,     Feature::kNetGuestTso6,
      Feature::kNetHostTso4,      Feature::kNetHostTso6,
      Feature::kNetGuestAnnounce, Feature::kNetMtu};
  return DependencyClosure(offered & ~kLeftOut);
}

Result<std::unique_ptr<NetDriver>> NetDriver::Create(
    Device& device, MemoryProvider& memory, const NetDriverOptions& options) {
  const auto negotiated =
      device.Negotiate(Choose(device.offered() & ~options.declined));
  if (!negotiated) return Fail(negotiated);
  std::unique_ptr<NetDriver> driver(new NetDriver(device, memory, options));
  for (uint16_t pair = 0; pair < driver->pairs(); ++pair) {
    if (options.interrupted != nullptr &&
        options.interrupted->load(std::memory_order_relaxed)) {
      return Fail(ErrorCode::kDeadline, "interrupted");
    }
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

NetDriver::NetDriver(Device& device, MemoryProvider& memory,
                     const NetDriverOptions& options)
    : device_(device), memory_(memory), queues_(device.max_pairs()) {
  const FeatureSet accepted = device.accepted();
  const uint16_t num = device.queue_size();
  if (!accepted.Has(Feature::kNetMrgRxbuf)) {
    buffer_bytes_ = WholeBufferBytes(options.max_frame_bytes);
    max_frame_bytes_ = buffer_bytes_ - BufferPool::kHeadroom;
    window_ = WindowFor(num, {1, options.burst});
    return;
  }
  // What goes out takes a table or the ring; what comes back, the ring.
  buffer_bytes_ = kBufferBytes;
  parts_ = PartsOf(options.max_frame_bytes);
  max_frame_bytes_ = std::min<uint32_t>(num * kRoom, kMaxFrameBytes);
  window_ = WindowFor(num, {parts_, options.burst});
}

Result<void> NetDriver::AddPair(uint16_t pair) {
  Pair& queues = queues_[pair];
  if (auto ok = AddRing(RxVring(pair), queues.rx_ring); !ok) return ok;
  if (auto ok = AddRing(TxVring(pair), queues.tx_ring); !ok) return ok;
  if (auto ok = AddBuffers(queues); !ok) return ok;
  const NetQueueOptions options{.features = device_.accepted(),
                                .scratch = queues.scratch.span(),
                                .scratch_addr = queues.scratch.addr()};
  auto rx =
      RxQueue::Create(device_.vring(RxVring(pair)), *queues.pool, options);
  if (!rx) return Fail(rx);
  queues.rx = std::move(*rx);
  auto tx =
      TxQueue::Create(device_.vring(TxVring(pair)), *queues.pool, options);
  if (!tx) return Fail(tx);
  queues.tx = std::move(*tx);
  return {};
}

Result<void> NetDriver::AddRing(uint16_t vring, SharedBlock& ring) {
  const uint16_t num = device_.queue_size();
  const RingFormat format = device_.ring_format();
  Result<SharedBlock> block =
      SharedBlock::Allocate(memory_, RingLayout::BytesFor(format, num),
                            device_.backend_caps().addresses);
  if (!block) return Fail(block);
  const Result<RingLayout> layout =
      RingLayout::PlaceIn(block->span(), format, num);
  if (!layout) return Fail(layout);
  ring = std::move(*block);
  return device_.ConfigureRing(vring, *layout);
}

Result<void> NetDriver::AddBuffers(Pair& pair) {
  const AddressSpace space = device_.backend_caps().addresses;
  const uint16_t num = device_.queue_size();
  const size_t bytes =
      size_t{BufferCount(num, window_, parts_)} * buffer_bytes_;
  Result<SharedBlock> buffers = SharedBlock::Allocate(memory_, bytes, space);
  if (!buffers) return Fail(buffers);
  pair.buffers = std::move(*buffers);
  Result<SharedBlock> scratch =
      SharedBlock::Allocate(memory_, TxScratchBytes(num), space);
  if (!scratch) return Fail(scratch);
  pair.scratch = std::move(*scratch);
  auto pool = BufferPool::Create({.memory = pair.buffers.span(),
                                  .memory_addr = pair.buffers.addr(),
                                  .buffer_bytes = buffer_bytes_});
  if (!pool) return Fail(pool);
  pair.pool.emplace(std::move(*pool));
  return {};
}

void NetDriver::ReclaimAll() {
  loss_ = Loss::kNone;
  for (Pair& pair : queues_) {
    pair.rx->ReclaimAll();
    pair.reclaimed += pair.tx->ReclaimAll();
  }
}

bool NetDriver::RingsAreSound() const {
  return std::ranges::none_of(queues_, [](const Pair& pair) {
    return pair.rx->broken() || pair.tx->broken();
  });
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
  if (const uint64_t invalid = queues.rx->stats().dropped; invalid != 0) {
    return fmt::format("pair {}: {} received frames had no valid header", pair,
                       invalid);
  }
  const uint64_t dropped = queues.tx->stats().dropped - queues.reclaimed;
  if (dropped != 0) {
    return fmt::format("pair {}: {} frames did not fit into the TX ring", pair,
                       dropped);
  }
  return {};
}

std::optional<std::string> NetDriver::DeviceTrouble() {
  const DeviceEvents events = device_.Poll();
  const std::string reason(events.reason ? events.reason->text() : "no reason");
  if (!IsAttached(device_.link())) {
    // We close it too: on a wrong answer, or on none in time.
    const bool ours =
        events.reason && events.reason->code() != ErrorCode::kDisconnected;
    if (loss_ == Loss::kNone) loss_ = ours ? Loss::kOurs : Loss::kTheirs;
    if (ours) return "the connection was given up: " + reason;
    return "the back-end closed the connection";
  }
  if (device_.link() == LinkState::kNoCarrier) {
    return "the device's own network is down, as its configuration says "
           "(status without VIRTIO_NET_S_LINK_UP): see to its cable or uplink";
  }
  if (events.needs_reset) return "the device needs a reset: " + reason;
  if (events.memory_trouble) {
    return "a change of the memory could not be shared: " + reason;
  }
  return {};
}

}  // namespace virtio_user::cli
