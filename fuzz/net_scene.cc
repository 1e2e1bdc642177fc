// SPDX-License-Identifier: BSD-3-Clause

#include "fuzz/net_scene.h"

#include <algorithm>
#include <array>
#include <bitset>
#include <new>

#include "fuzz/finding.h"
#include "tests/counting_fd_ops.h"
#include "tests/net_layouts.h"
#include "virtio_user/base/check.h"
#include "virtio_user/net/vlan.h"

namespace fuzz {

using virtio_user::BufferPool;
using virtio_user::Error;
using virtio_user::ErrorCode;
using virtio_user::Feature;
using virtio_user::FeatureSet;
using virtio_user::NetLayout;
using virtio_user::NetQueueStats;
using virtio_user::Offload;
using virtio_user::Packet;
using virtio_user::RingFormat;
using virtio_user::RingLayout;

namespace {

// Device addresses are no pointers, and behind the buffers there is nothing.
constexpr uint64_t kBuffersAddr = 0x7000'0000'0000;
constexpr uint64_t kScratchAddr = kBuffersAddr + 0x1'0000;

class Block {
 public:
  explicit Block(size_t bytes)
      : memory_(static_cast<std::byte*>(::operator new(bytes, kAlign)), bytes) {
  }
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;
  ~Block() { ::operator delete(memory_.data(), kAlign); }
  std::span<std::byte> bytes() const { return memory_; }

 private:
  static constexpr std::align_val_t kAlign{64};
  std::span<std::byte> memory_;
};

constexpr int kTagBytes = 4;

// A layout, with all that may be said in a header but for `offloads`, or with
// those alone.
FeatureSet FeaturesOf(uint8_t choice, uint8_t offloads) {
  static const std::vector<NetLayout> kLayouts = virtio_user::AllLayouts();
  static const std::array<FeatureSet, 8> kOffloads = {
      FeatureSet{Feature::kNetCsum},
      FeatureSet{Feature::kNetHostTso4, Feature::kNetHostTso6},
      FeatureSet{Feature::kNetHostEcn},
      FeatureSet{Feature::kNetGuestCsum},
      FeatureSet{Feature::kNetGuestTso4, Feature::kNetGuestTso6},
      FeatureSet{Feature::kNetGuestEcn},
      FeatureSet{Feature::kNetHostUso},
      FeatureSet{Feature::kNetGuestUso4, Feature::kNetGuestUso6}};
  FeatureSet features = kLayouts[choice % 16 % kLayouts.size()].features;
  const auto wanted =
      static_cast<uint8_t>(offloads ^ ((choice & 0x10) != 0 ? 0xff : 0));
  for (size_t i = 0; i < kOffloads.size(); ++i) {
    if ((wanted >> i & 1) != 0) features = features | kOffloads[i];
  }
  if ((choice & 0x20) != 0) features.Add(Feature::kIndirectDesc);
  if ((choice & 0x40) != 0) features.Add(Feature::kOrderPlatform);
  return features;
}

// virtio: "Device Operation", struct virtio_net_hdr.
uint32_t HeaderBytesOf(FeatureSet features) {
  if (features.Has(Feature::kNetHashReport)) return 20;
  return features.Has(Feature::kVersion1) || features.Has(Feature::kNetMrgRxbuf)
             ? 12
             : 10;
}

OfferKind KindOf(FeatureSet features, Direction direction) {
  return {.device_writes = direction == Direction::kReceive,
          .indirect = features.Has(Feature::kIndirectDesc),
          .in_order = features.Has(Feature::kInOrder),
          .header_bytes = HeaderBytesOf(features)};
}

// "Legacy Interface: Framing Requirements": a header has a descriptor of its
// own, unless frames may have several buffers, of which one alone has a header.
bool HeaderIsApart(FeatureSet features) {
  return !features.HasAny(
      {Feature::kVersion1, Feature::kAnyLayout, Feature::kNetMrgRxbuf});
}

RxChecks::Terms RxTermsOf(FeatureSet features) {
  const uint32_t header_bytes = HeaderBytesOf(features);
  return {.frames = {.accepted = features,
                     .header_bytes = header_bytes,
                     .buffer_bytes = NetScene::kBufferBytes},
          .room_bytes =
              NetScene::kBufferBytes - BufferPool::kHeadroom + header_bytes,
          .descriptors = HeaderIsApart(features) ? uint16_t{2} : uint16_t{1}};
}

// Bytes that differ from place to place.
const std::array<std::byte, 2048>& Pattern() {
  static const auto kPattern = [] {
    std::array<std::byte, 2048> bytes;
    uint32_t state = 1;
    for (std::byte& byte : bytes) {
      state = state * 1664525 + 1013904223;
      byte = static_cast<std::byte>(state >> 24);
    }
    return bytes;
  }();
  return kPattern;
}

BufferPool PoolIn(std::span<std::byte> memory) {
  auto pool = BufferPool::Create({.memory = memory,
                                  .memory_addr = {kBuffersAddr},
                                  .buffer_bytes = NetScene::kBufferBytes});
  VU_CHECK(pool.has_value());
  return *std::move(pool);
}

// What is asked of a packet: what can be, or anything.
Offload OffloadFrom(Reader& input) {
  Offload offload;
  const uint8_t what = input.Byte();
  offload.checksum = static_cast<virtio_user::Checksum>(what % 3);
  offload.segmentation = static_cast<virtio_user::Segmentation>(what / 3 % 4);
  offload.ecn = what >= 0x80;
  offload.csum_start = input.Byte();
  offload.csum_offset = input.Byte();
  offload.segment_bytes = input.Word();
  offload.header_bytes = input.Byte();
  return offload;
}

}  // namespace

class NetMemory {
 public:
  NetMemory(RingFormat format, uint16_t num)
      : ring_(RingLayout::BytesFor(format, num)),
        buffers_(NetScene::kBuffers * NetScene::kBufferBytes),
        scratch_(virtio_user::TxScratchBytes(num)),
        fresh_pool_(PoolIn(buffers_.bytes())),
        pool_(fresh_pool_) {
    const auto layout = RingLayout::PlaceIn(ring_.bytes(), format, num);
    VU_CHECK(layout.has_value());
    layout_ = *layout;
    held_.reserve(NetScene::kBuffers);
  }

  // The one for this format and size: split rings of 2 to 16, packed ones of
  // 2 to 17.
  static NetMemory& Wiped(RingFormat format, uint8_t size_choice) {
    static std::array<std::unique_ptr<NetMemory>, 32> all;
    const bool packed = format == RingFormat::kPacked;
    const size_t index = packed ? 16 + size_choice % 16 : size_choice % 4;
    const auto num = static_cast<uint16_t>(packed ? 2 + size_choice % 16
                                                  : 2u << (size_choice % 4));
    auto& memory = all[index];
    if (memory == nullptr) memory = std::make_unique<NetMemory>(format, num);
    for (const Block* const block :
         {&memory->ring_, &memory->buffers_, &memory->scratch_}) {
      std::ranges::fill(block->bytes(), std::byte{0});
    }
    memory->pool_ = memory->fresh_pool_;
    memory->held_.clear();
    return *memory;
  }

  SharedRing shared() const {
    return {.layout = layout_,
            .ring = ring_.bytes(),
            .buffers = buffers_.bytes(),
            .buffers_addr = kBuffersAddr,
            .scratch = scratch_.bytes(),
            .scratch_addr = kScratchAddr};
  }
  BufferPool& pool() { return pool_; }
  std::vector<Packet>& held() { return held_; }
  virtio_user::CountingFdOps& fd_ops() { return fd_ops_; }

 private:
  Block ring_;
  Block buffers_;
  Block scratch_;
  // Copied, a pool allocates nothing.
  const BufferPool fresh_pool_;
  BufferPool pool_;
  std::vector<Packet> held_;
  RingLayout layout_;
  virtio_user::CountingFdOps fd_ops_;
};

NetScene::Choice::Choice(Reader& input)
    : Choice{input.Byte(), input.Byte(), input.Byte()} {}

NetScene::Choice::Choice(uint8_t what, uint8_t ring, uint8_t offloads)
    : scratch((what & 0x80) != 0),
      features(FeaturesOf(what, offloads)),
      memory(NetMemory::Wiped(features.Has(Feature::kRingPacked)
                                  ? RingFormat::kPacked
                                  : RingFormat::kSplit,
                              ring)) {
  memory.fd_ops().refuse = (ring & 0x80) != 0;
}

NetScene::NetScene(Reader& input, Direction direction)
    : NetScene(Choice(input), direction) {}

NetScene::NetScene(const Choice& choice, Direction direction)
    : held(choice.memory.held()),
      pool_(choice.memory.pool()),
      direction_(direction),
      sent_(choice.features, HeaderBytesOf(choice.features)),
      rx_(choice.memory.shared(), KindOf(choice.features, direction),
          RxTermsOf(choice.features)),
      tx_(choice.memory.shared(), KindOf(choice.features, direction),
          {.accepted = choice.features,
           .header_bytes = HeaderBytesOf(choice.features),
           .num = choice.memory.shared().layout.num,
           .scratch = choice.scratch}),
      device_(choice.memory.shared(), KindOf(choice.features, direction),
              direction == Direction::kSend ? &sent_ : nullptr),
      kicks_(choice.memory.shared(), choice.memory.fd_ops()),
      peer_(choice.memory.shared().ring, choice.memory.shared().buffers) {
  vring_.ring.layout = choice.memory.shared().layout;
  vring_.kick = virtio_user::FileDescriptor(choice.memory.fd_ops(), 3);
  options_.features = choice.features;
  if (choice.scratch) {
    options_.scratch = choice.memory.shared().scratch;
    options_.scratch_addr = {kScratchAddr};
  }
}

void NetScene::FreeHeld() {
  for (const Packet& packet : held) pool_.Free(packet);
  held.clear();
}

void NetScene::MakePacket(Reader& input) {
  constexpr size_t kMostBytes = 1024;
  const uint8_t how = input.Byte();
  const size_t bytes = how % 4 == 0 ? 1 + input.Word() % kMostBytes : 60;
  auto packet = pool_.Make(std::span(Pattern()).subspan(how, bytes));
  if (!packet) return;
  const size_t room = std::min<size_t>(bytes, pool_.room_bytes());
  tx_.rule().Made(*packet, static_cast<uint32_t>(bytes - room));
  if ((how & 4) != 0) {
    // A tag in front is there no longer, or one was added.
    const auto front =
        static_cast<uint16_t>(input.Byte() % (BufferPool::kHeadroom + room));
    packet->bytes = packet->bytes + packet->offset - front;
    packet->offset = front;
  }
  if ((how & 8) != 0) pool_.SetOffload(*packet, OffloadFrom(input));
  held.push_back(*packet);
}

void NetScene::MoveTags(Reader& input) {
  const uint8_t how = input.Byte();
  if (how % 4 < 2) return;
  During(input, [&] {
    for (Packet& packet : held) {
      const uint32_t bytes = packet.bytes;
      const int moved =
          how % 4 == 2
              ? (virtio_user::StripVlan(pool_, packet) ? -kTagBytes : 0)
              : (virtio_user::InsertVlan(pool_, packet, how) ? kTagBytes : 0);
      Expect(packet.bytes == bytes + static_cast<uint32_t>(moved), "tag",
             "another length than it says");
    }
    return held.size();
  });
}

void NetScene::CheckHeader(const Packet& packet) const {
  const size_t header_bytes = HeaderBytesOf(options_.features);
  const std::span header(pool_.Front(packet).data() - header_bytes,
                         header_bytes);
  const auto must = OffloadOf(header, packet.bytes, options_.features);
  Expect(must.has_value(), "header", "a frame that no device may hand on");
  Expect(*must == pool_.offload(packet), "header",
         "another than the device wrote");
  const bool mergeable = options_.features.Has(Feature::kNetMrgRxbuf);
  Expect(packet.buffer_count == (mergeable ? ValueAt<uint16_t>(header, 10) : 1),
         "header", "another count of buffers");
}

void NetScene::CheckBuffers(size_t in_ring) {
  size_t out = in_ring;
  for (const Packet& packet : held) out += packet.buffer_count;
  Expect(pool_.size() - pool_.free_count() == out, "buffers",
         "one is lost, or in two places");
}

void NetScene::CheckInFlight(size_t packets) {
  size_t out = pool_.size() - pool_.free_count();
  for (const Packet& packet : held) out -= packet.buffer_count;
  Expect(out >= packets && (packets != 0 || out == 0), "buffers",
         "one is lost, or in two places");
}

void NetScene::CheckKicks(const NetQueueStats& before,
                          const NetQueueStats& after, int kicks) const {
  const auto must = static_cast<uint64_t>(kicks);
  Expect(after.kicks - before.kicks == must, "counters", "not each kick");
  Expect(
      after.failed_kicks - before.failed_kicks == (kicks_.refused() ? must : 0),
      "counters", "not each kick that failed");
}

// "Used Buffer Notification Suppression": VIRTQ_AVAIL_F_NO_INTERRUPT. Packed:
// RING_EVENT_FLAGS_DISABLE or _ENABLE, in the second word.
void NetScene::CheckInterrupts() const {
  if (!known()) return;
  const auto& layout = vring_.ring.layout;
  const bool packed = layout.format == RingFormat::kPacked;
  const auto flags = ValueAt<uint16_t>({layout.driver, 4}, packed ? 2 : 0);
  Expect(flags == (quiet_ ? 1 : 0), "interrupts", "not as they were asked for");
}

void NetScene::CheckBroken(const std::optional<Error>& broken) {
  if (!broken) {
    return Expect(broken_.empty(), "broken-for-good", "it goes on");
  }
  Expect(broken->code() == ErrorCode::kProtocol, "broken",
         "not called the device's fault");
  Expect(!broken->text().empty(), "broken", "no reason");
  Expect(broken_.empty() || broken_ == broken->text(), "broken-for-good",
         "for another reason than before");
  broken_ = broken->text();
}

void NetScene::TakeAllBack() {
  broken_.clear();
  FreeHeld();
  Expect(pool_.free_count() == pool_.size(), "buffers", "one is lost");
  device_.Restart();
  rx_.chains().Restart();
  tx_.chains().Restart();
}

void NetScene::CheckAllFree() {
  constexpr std::byte kFrame[1] = {};
  std::bitset<kBuffers> seen;
  for (uint32_t i = 0; i < pool_.size(); ++i) {
    const auto packet = pool_.Make(kFrame);
    Expect(packet.has_value() && packet->buffer < kBuffers &&
               !seen[packet->buffer],
           "buffers", "one is free twice");
    seen.set(packet->buffer);
    held.push_back(*packet);
  }
  FreeHeld();
}

}  // namespace fuzz
